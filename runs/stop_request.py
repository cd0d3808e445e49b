"""What a process of a run does when it is asked to end, by SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Whether the process was asked to end; for work that ends at a moment of its own choice."""

    def __init__(self) -> None:
        self.received = False

    def listen(self) -> None:
        """From now on remember a signal instead of ending."""
        for number in ENDING:
            signal.signal(number, self._receive)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Remember signals for a while; outside the main thread, which alone may, do nothing."""
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

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = True

    def __call__(self) -> bool:
        """Tell whether a signal arrived."""
        return self.received


def interrupt() -> None:
    """Raise KeyboardInterrupt where the work is, for work that is saved as it goes."""
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
