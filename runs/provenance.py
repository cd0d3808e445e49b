"""Which code made a run."""

from __future__ import annotations

import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from ..version import __version__

ROOT = Path(__file__).resolve().parents[1]


@cache
def provenance() -> dict[str, object]:
    """Return version and commit of Curadiff and the versions of what it computes with."""
    return {
        "curadiff": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "packages": {name: installed(name) for name in ("torch", "diffusers", "numpy", "fiftyone")},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv else [],
    }


def commit() -> str | None:
    """Return the checkout's commit, with ``+`` where files were changed; None outside git."""
    if not (ROOT / ".git").exists():
        return None
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+" if changed else "")


def installed(name: str) -> str | None:
    """Return a distribution's version, None when it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
