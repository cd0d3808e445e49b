"""Say how far long work is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

Report = Callable[[int, int], None]
"""Called with (done, total) whenever something was done."""

Progress = bool | Report
"""True: a bar on the terminal. False: nothing. Or a function that is told."""


UNSEEN = 1e-6
"""Seconds until a bar is shown: with the first thing done, and never where there is none."""


@contextmanager
def reporting(progress: Progress, what: str, unit: str) -> Iterator[Report]:
    """Give a `Report` for one piece of work.

    Args:
        progress: A bar, nothing, or a function of the caller's.
        what: What is being done, shown before the bar.
        unit: What is counted, such as ``image``.
    """
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda done, total: None
    else:
        patience = 0.2 if sys.stderr.isatty() else 30  # seconds; a log needs fewer lines
        with tqdm(
            desc=what,
            unit=f" {unit}",
            dynamic_ncols=True,
            mininterval=patience,
            smoothing=0,
            delay=UNSEEN,
        ) as bar:

            def update(done: int, total: int) -> None:
                if bar.total is None:  # what was done before costs no time now
                    bar.initial = bar.n = bar.last_print_n = done
                    bar.unpause()
                bar.total = total
                bar.update(done - bar.n)

            yield update


def tell(progress: Progress, text: str) -> None:
    """Print a sentence beside a bar, where one is shown."""
    if progress is True:
        tqdm.write(text, file=sys.stderr)
