"""What a process of a run does when it is asked to end, by SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT)


class Asked:
    """Remember the wish, for work that ends at a moment of its own choice."""

    def __init__(self) -> None:
        self.yes = False

    def listen(self) -> None:
        """Begin to remember instead of ending."""
        for number in ENDING:
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.yes = True

    def __call__(self) -> bool:
        """Tell whether a signal arrived."""
        return self.yes


def interrupt() -> None:
    """Raise KeyboardInterrupt where the work is, for work that is saved as it goes."""
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
