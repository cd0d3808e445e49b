"""How far a study is."""

from __future__ import annotations

import time

from ..runs import Run
from .progress import Report


class Meter:
    """How far the whole study is, for a bar and for ``status.json``.

    Args:
        run: The study.
        report: Told the share done, in thousandths.
        total: All work, in network evaluations.
        offset: Work before this part.
        size: Work of this part; all of it by default.
    """

    EVERY = 0.5  # seconds between two writes of the same message

    def __init__(
        self, run: Run, report: Report, total: float, offset: float = 0.0, size: float | None = None
    ) -> None:
        self.run, self.report, self.total, self.offset = run, report, total, offset
        self.size = total if size is None else size
        self.written = ("", 0.0)

    def part(self, offset: float, size: float) -> Meter:
        """Return a meter for one cell: the same bar, counted from ``offset``."""
        return Meter(self.run, self.report, self.total, offset, size)

    def at(self, done: float, what: str) -> None:
        """Say how much of this part is done, in network evaluations, and what goes on."""
        share = (self.offset + done) / self.total
        self.report(round(1000 * share), 1000)
        before, when = self.written
        if what != before or time.monotonic() - when > self.EVERY:
            self.run.set_status("running", message=what, progress=round(share, 4))
            self.written = (what, time.monotonic())
