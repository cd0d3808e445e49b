"""Everything Curadiff raises on purpose.

    CuradiffError
    ├── SettingsError   a setting is unknown, of the wrong type or out of its limits
    ├── DataError       the given images, embeddings or data set cannot be used
    │   └── Busy        another process is at work on the same data set
    ├── WeightsError    an encoder's weights are not on this machine
    ├── RunError        a run directory is missing, damaged or in use
    │   ├── Unwritten   a file or folder could not be written
    │   │   └── DiskFull  there is no room for it
    │   └── Stopped     the work was asked to end before its end, and can go on
    ├── EnvironmentFault  something that Curadiff needs is not installed or does not start
    └── RequestRefused  a request to the App asks for what only the App's owner may

Each message says what was given, what is needed and what to do next. Doorways
(CLI, App) show the message alone; a traceback means a defect in Curadiff.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class CuradiffError(Exception):
    """Base of all errors that a user can cause and mend."""


class SettingsError(CuradiffError, ValueError):
    """A setting is unknown, of the wrong type or out of its limits.

    ``faults`` has one sentence per wrong setting, by the setting's dotted name.
    """

    def __init__(self, message: str, *, faults: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.faults = faults or {"": message}


class DataError(CuradiffError, ValueError):
    """The given images, embeddings or data set cannot be used."""


class Busy(DataError):
    """Another process is at work on the same data set, or took it over from this one."""


class WeightsError(CuradiffError, RuntimeError):
    """An encoder's weights are not on this machine."""


class RunError(CuradiffError, RuntimeError):
    """A run directory is missing, damaged or in use by another process."""


class Unwritten(RunError):
    """A file or folder could not be written; ``path`` is which."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message, path)
        self.path = path

    def __str__(self) -> str:
        return str(self.args[0])


class DiskFull(Unwritten):
    """There is no room for a file on its disk, so that no other work there can go on either."""


class Stopped(RunError):
    """The work was asked to end before its end, and can go on."""


class EnvironmentFault(CuradiffError, RuntimeError):
    """Something that Curadiff needs is not installed or does not start."""


class RequestRefused(CuradiffError, PermissionError):
    """A request to the App asks for what only the App's owner may."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Say which choice was probably meant: ``" (did you mean 'coreset'?)"`` or ``""``."""
    near = difflib.get_close_matches(str(name), [str(choice) for choice in choices], n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def first_line(fault: BaseException, most: int = 300) -> str:
    """Return the kind of an exception and the beginning of what it says, in one line."""
    first = (str(fault).strip().splitlines() or [""])[0][:most]
    return f"{type(fault).__name__}: {first}"
