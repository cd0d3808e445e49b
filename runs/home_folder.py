"""The folder that holds all runs and caches."""

from __future__ import annotations

import os
from pathlib import Path

from ..common.errors import RunError


def home() -> Path:
    """Return the folder that holds all runs and caches: ``$CURADIFF_HOME`` or ``~/curadiff``."""
    return Path(os.environ.get("CURADIFF_HOME") or Path.home() / "curadiff").absolute()


def make_folder(path: Path) -> None:
    """Make a folder of the home, and the home itself so that only its user may look inside.

    ``~/curadiff`` is closed to others where it is open; a home that ``CURADIFF_HOME`` names and
    that is there already keeps the permissions that its owner gave it.

    Raises:
        RunError: It cannot be made.
    """
    try:
        _make_home(home())
        path.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise RunError(
            f"could not make {path}: {fault.strerror}; set CURADIFF_HOME to a folder that you can "
            "write to."
        ) from fault


def _make_home(top: Path) -> None:
    if not top.exists():
        top.parent.mkdir(parents=True, exist_ok=True)
        top.mkdir(mode=0o700, exist_ok=True)
    elif not os.environ.get("CURADIFF_HOME"):
        now = top.stat()
        if now.st_uid == os.getuid() and now.st_mode & 0o077:
            top.chmod(0o700)
