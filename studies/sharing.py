"""Several processes on one study: each takes cells by lease, and none is done twice.

A lease is a locked file in the study's directory. It ends with its process, however that ends,
so a cell whose process was killed is free at once for the others, on this machine or on another
one that sees the same directory.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Self

from ..common import process
from ..common.errors import CuradiffError
from ..runs import Busy, Lease, Run, make_folder
from ..runs.failure import note_failure
from ..runs.lease import holder
from .planning import Cell

FOLDER = "leases"
PREPARING, REPORTING = "preparing.lock", "reporting.lock"
PATIENCE = 24 * 3600.0  # seconds for another process to embed and divide the images


class CellLeases:
    """The cells that this process has taken, as a context manager that gives all back."""

    def __init__(self, run: Run) -> None:
        self.folder = run.path / FOLDER
        self.taken: dict[str, ExitStack] = {}

    def __enter__(self) -> Self:
        make_folder(self.folder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for key in list(self.taken):
            self._give_back(key)

    def take(self, cell: Cell) -> bool:
        """Take a cell; False where another process has it."""
        if cell.key in self.taken:
            return True
        held = ExitStack()
        try:
            held.enter_context(Lease(self.folder, name=f"{cell.key}.lease", wait=0.0))
        except Busy:
            return False
        self.taken[cell.key] = held
        return True

    def give_back(self, cell: Cell) -> None:
        """Let other processes take a cell."""
        self._give_back(cell.key)

    def _give_back(self, key: str) -> None:
        held = self.taken.pop(key, None)
        if held is not None:
            held.close()


class Leadership:
    """Who writes a study's status: the first process that works on it, then any other one.

    As a context manager it gives the leadership back.

    Args:
        run: The study.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.held: ExitStack | None = None

    def __enter__(self) -> Self:
        self.lead()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.held is not None:
            self.held.close()

    def lead(self) -> bool:
        """Tell whether this process leads, becoming the leader where there is none.

        Raises:
            Busy: Another thread of this process works on the study.
        """
        if self.held is None:
            held = ExitStack()
            try:
                held.enter_context(Lease(self.run.path))
            except Busy:
                if holder(self.run.path) == process.me():
                    raise
                return False
            self.held = held
        return True

    def set_status(self, state: str, **values: Any) -> None:
        """Write the study's status, if this process leads."""
        if self.lead():
            self.run.set_status(state, **values)

    def note_failure(self, fault: BaseException) -> None:
        """Write why the study fails, if this process leads; see `failure.note_failure`."""
        with suppress(CuradiffError):
            if self.lead():
                note_failure(self.run, fault, eta_seconds=None)
