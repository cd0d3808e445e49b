"""Start work in a process of its own that outlives the one that asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import environment, lease
from .directory import Run

CALM = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait spin by default, which on shared cores takes them from those that work."""

PATIENCE = 60.0  # seconds that a started child may need until it holds its lease
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


def command(module: str, *words: str) -> list[str]:
    """Return the command line that runs ``module`` of this checkout by itself."""
    return [sys.executable, str(BOOTSTRAP), module, *words]


def start(
    run: Run, words: Sequence[str], *, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a command for a run: in its directory, its output appended to ``output.log``.

    ``env`` adds to what `environment.of_child` lets through.

    The child has a session of its own, so closing the terminal or the App does
    not end it. The status becomes ``starting`` until the child says more.
    """
    run.set_status("starting", message="starting")
    with (run.path / "output.log").open("ab") as output:
        return subprocess.Popen(
            list(words),
            cwd=run.path,
            env={**CALM, **environment.of_child(env), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end(run: Run) -> int | None:
    """Send SIGTERM to the process that works in a run, waiting for one that is starting.

    Returns:
        Its process id; None when nothing works in the run.
    """
    patience = time.monotonic() + PATIENCE
    pid = lease.holder(run.path)
    while pid is None and run.status["state"] == "starting" and time.monotonic() < patience:
        time.sleep(0.1)
        pid = lease.holder(run.path)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
    return pid
