"""Start work in a process of its own that outlives the one that asked for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .directory import Run

CALM = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait spin by default, which on shared cores takes them from those that work."""

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


def command(module: str, *words: str) -> list[str]:
    """Return the command line that runs ``module`` of this checkout by itself."""
    return [sys.executable, str(BOOTSTRAP), module, *words]


def start(run: Run, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a command for a run: in its directory, its output appended to ``output.log``.

    The child has a session of its own, so closing the terminal or the App does
    not end it. The status becomes ``starting`` until the child says more.
    """
    run.set_status("starting", message="starting")
    with (run.path / "output.log").open("ab") as output:
        return subprocess.Popen(
            list(words),
            cwd=run.path,
            env={**CALM, **os.environ, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
