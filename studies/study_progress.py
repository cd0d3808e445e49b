"""How far a study is: trainings, steps, and how long the rest will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tqdm import tqdm

from ..config import StudySettings
from ..runs import Run
from ..workflows.estimating import duration
from ..workflows.progress import Progress
from . import planning
from .planning import Cell

EVERY = 0.5  # seconds between two writes of the same message
TERMINAL, LOG = 0.2, 30.0  # seconds between two lines on a terminal, in a log
SURE = 5.0  # seconds of a first training from which its speed is taken


class StudyProgress:
    """Writes how far the whole study is to ``status.json``, a bar, or a caller's function.

    The time left is what the rest of the work takes at the speed of the trainings that are
    finished, each from its start to its judged images. Before the first one is, it is taken
    from the steps alone and called the least.

    Args:
        run: The study.
        config: Its settings.
        show: Called with steps done, steps in all, and a line of text.
        cells: Its trainings; by default those of the settings.
        steps: Optimizer steps of each, by cell key; by default those of the settings.
    """

    def __init__(
        self,
        run: Run,
        config: StudySettings,
        show: Display,
        cells: Sequence[Cell] | None = None,
        steps: Mapping[str, int] | None = None,
    ) -> None:
        self.run, self.show = run, show
        self.writes = True  # False where another process writes the study's status
        self.cells = list(planning.cells(config) if cells is None else cells)
        self.steps = steps or {cell.key: config.steps_of(cell.arm) for cell in self.cells}
        self.work = planning.work(config, self.cells, self.steps)
        self.share = {
            cell.key: 3.0 * self.steps[cell.key] * config.train.batch_size / self.work[cell.key]
            for cell in self.cells
        }
        self.seconds: dict[str, float] = {}  # of finished cells, where known
        self.done: set[str] = set()
        self.failed: set[str] = set()
        self.part = 0.0  # of the work of the cell that is at work
        self.first: tuple[str, float, float] | None = None  # cell, time, part: where it began
        self.written = ("", 0.0)

    def finish(self, cell: Cell, seconds: float | None) -> None:
        """Note that a cell is done, and how long it took if that is known."""
        self.done.add(cell.key)
        if seconds:
            self.seconds[cell.key] = seconds
        self.part = 0.0
        self._write(cell, "done", again=True)

    def fail(self, cell: Cell) -> None:
        """Note that a cell has failed; the next one follows."""
        self.failed.add(cell.key)
        self.part = 0.0

    def train(self, cell: Cell, step: int, steps: int) -> None:
        """Note how many steps of a cell's training are done."""
        self._at(cell, self.share[cell.key] * step / max(steps, 1))
        self._write(cell, f"step {step:,} of {steps:,}")

    def draw(self, cell: Cell, image: int, images: int) -> None:
        """Note how many images of a cell are drawn."""
        rest = 1 - self.share[cell.key]
        self._at(cell, self.share[cell.key] + rest * image / max(images, 1))
        self._write(cell, f"image {image:,} of {images:,} drawn")

    def say(self, cell: Cell | None, what: str) -> None:
        """Say what is going on that has no count."""
        self._write(cell, what, again=True)

    def _at(self, cell: Cell, part: float) -> None:
        now = time.monotonic()
        if self.first is None or self.first[0] != cell.key:
            self.first = (cell.key, now, part)
        self.part = part

    @property
    def left(self) -> tuple[float | None, bool]:
        """Seconds left, None where unknown, and whether that is the least."""
        current = self.first[0] if self.first else None
        waiting = [key for key in self.work if key not in self.done | self.failed]
        rest = sum(self.work[key] for key in waiting)
        if current in waiting:
            rest -= self.part * self.work[str(current)]
        if self.seconds:
            speed = sum(self.seconds.values()) / sum(self.work[key] for key in self.seconds)
            return rest * speed, False
        if self.first is None:
            return None, True
        key, began, part = self.first
        took, advanced = time.monotonic() - began, (self.part - part) * self.work[key]
        if took < SURE or advanced <= 0:
            return None, True
        return rest * took / advanced, True

    def _write(self, cell: Cell | None, what: str, *, again: bool = False) -> None:
        before, when = self.written
        name = f"{cell.key}: {what}" if cell else what
        now = time.monotonic()
        if now - when < EVERY and not (again and name != before):
            return
        self.written = (name, now)
        total = sum(self.work.values())
        part = self.part if cell and cell.key not in self.done else 0.0
        at_work = part * self.work[cell.key] if cell else 0.0
        share = (sum(self.work[key] for key in self.done) + at_work) / total
        seconds, least = self.left
        count = f"{len(self.done)} of {len(self.cells)} trainings done"
        if self.writes:
            self.run.set_status(
                "running",
                message=f"{count}; {name}",
                progress=round(min(share, 1.0), 4),
                trainings_done=len(self.done),
                trainings=len(self.cells),
                eta_seconds=None if seconds is None else round(seconds, 1),
            )
        text = f"{count}; {name}"
        if seconds is not None and len(self.done) < len(self.cells):
            text += f"; {'at least ' if least else 'about '}{duration(seconds)} left"
        step = sum(self.steps[key] for key in self.done)
        if cell and cell.key not in self.done:
            step += round(self.steps[cell.key] * min(1.0, part / self.share[cell.key]))
        self.show(step, sum(self.steps.values()), text)


class Display:
    """Called with steps done, steps in all, and a line of text."""

    def __call__(self, done: int, total: int, text: str) -> None:
        """Show it."""


@contextmanager
def display(progress: Progress, name: str) -> Iterator[Display]:
    """Give what shows a study's progress: a bar, nothing, or the caller's ``(done, total)``."""
    if callable(progress):
        yield _Caller(progress)
    elif not progress:
        yield Display()
    else:
        patience = TERMINAL if sys.stderr.isatty() else LOG
        with _Meter(desc=name, mininterval=patience) as meter:
            yield _Bar(meter)


class _Meter(tqdm):
    """A bar with a line of text behind it, shown once there is one."""

    def __init__(self, *, desc: str, mininterval: float) -> None:
        self.text = ""
        super().__init__(
            bar_format="{desc} {percentage:.0f} % |{bar:20}| {text}",
            desc=desc,
            mininterval=mininterval,
            delay=1e-9,  # more than 0: no empty bar at first; and what was said last is shown
            dynamic_ncols=True,
        )

    @property
    def format_dict(self) -> dict[str, object]:
        return {**super().format_dict, "text": self.text}


class _Caller(Display):
    def __init__(self, progress: object) -> None:
        self.progress = progress

    def __call__(self, done: int, total: int, text: str) -> None:
        self.progress(done, total)  # type: ignore[operator]


class _Bar(Display):
    def __init__(self, meter: _Meter) -> None:
        self.meter = meter

    def __call__(self, done: int, total: int, text: str) -> None:
        self.meter.total, self.meter.text = total, text
        self.meter.update(done - self.meter.n)


def known_seconds(outcome: Mapping[str, object]) -> float | None:
    """Return how long an outcome says that its cell took, None where it does not."""
    seconds = outcome.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else None
