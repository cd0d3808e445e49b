"""What a process of a run does when it is asked to end, by SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Remember for a while; outside the main thread, which alone may, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in ENDING}
        self.listen()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.yes = True

    def __call__(self) -> bool:
        """Tell whether a signal arrived."""
        return self.yes


def interrupt() -> None:
    """Raise KeyboardInterrupt where the work is, for work that is saved as it goes."""
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
