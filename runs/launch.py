"""Start work in a process of its own that outlives the one that asked for it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ..common import process
from ..common.errors import RunError
from ..common.files import write_json
from ..common.process import Process
from . import environment, forking, lease
from .failure import note_failure
from .forking import BOOTSTRAP, Child
from .run import ACTIVE, PROCESS, Run

CALM = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait spin by default, which on shared cores takes them from those that work."""

PATIENCE = 60.0  # seconds that a started child may need until it holds its lease
STARTING = "starting.lock"  # held while a process is started, so that only one is


def command(module: str, *words: str, how: str = "") -> list[str]:
    """Return the command line that runs ``module`` of this checkout by itself.

    Args:
        module: Its full name.
        *words: Its arguments.
        how: What ends it, see `bootstrap`.
    """
    return [sys.executable, str(BOOTSTRAP), *([how] if how else []), module, *words]


def launcher(module: str, *words: str, processes: int = 1, flags: Sequence[str] = ()) -> list[str]:
    """Return the command line that runs ``module`` as one process or several; they end together.

    Args:
        module: Its full name.
        *words: Its arguments.
        processes: How many, started by torchrun.
        flags: Of ``accelerate launch``, which then takes the place of torchrun.
    """
    child = [str(BOOTSTRAP), "--child", module, *words]
    if flags:
        return [*command("accelerate.commands.launch", *flags, how="--launcher"), *child]
    if processes > 1:  # standalone: a free port of its own, so that runs do not meet
        ranks = ["--standalone", f"--nproc-per-node={processes}"]
        return [*command("torch.distributed.run", *ranks, how="--launcher"), *child]
    return command(module, *words)


def start(run: Run, words: Sequence[str], *, env: Mapping[str, str] | None = None) -> Child:
    """Start a command for a run: in its directory, its output appended to ``output.log``.

    ``env`` adds to what `environment.of_child` lets through.

    The child has a session of its own, so closing the terminal or the App does
    not end it. The status becomes ``starting`` until the child says more. It is
    forked where this process keeps a server for that, see `forking`.

    Raises:
        Busy: A process works in the run already, or is starting.
        RunError: The command cannot be started.
    """
    with starting(run):
        return start_held(run, words, env=env)


@contextmanager
def starting(run: Run) -> Iterator[None]:
    """Keep other processes from starting anything in a run, while it is made ready and started.

    Raises:
        Busy: A process works in the run already, or is starting.
    """
    with lease.Lease(run.path, name=STARTING, wait=PATIENCE):
        state = run.status["state"]
        if state in ACTIVE:
            raise lease.Busy(
                f"{run.id} is {state} already; wait for it, or stop it with: "
                f"curadiff runs {run.id} --stop"
            )
        yield


def start_held(run: Run, words: Sequence[str], *, env: Mapping[str, str] | None = None) -> Child:
    """Start a command as `start` does, inside of `starting`.

    Raises:
        RunError: The command cannot be started.
    """
    launcher = process.me().to_json()
    write_json(run.path / PROCESS, {"launcher": launcher, "child": None})
    run.set_status("starting", message="starting")
    try:
        child = _spawn(run, words, env or {})
    except OSError as fault:
        error = f"could not start {words[0]}: {fault.strerror or fault}."
        note_failure(run, fault, error=error)
        raise RunError(f"{run.id}: {error}") from fault
    except KeyboardInterrupt:  # while a server imports, which takes seconds
        run.set_status("stopped", message="stopped")
        raise
    began = process.of(child.pid)
    child_record = None if began is None else began.to_json()
    write_json(run.path / PROCESS, {"launcher": launcher, "child": child_record})
    return child


def _spawn(run: Run, words: Sequence[str], env: Mapping[str, str]) -> Child:
    whole = {**CALM, **environment.of_child(env), "PYTHONUNBUFFERED": "1"}
    with (run.path / "output.log").open("ab") as output:
        server = forking.server()
        if server is not None:
            child = server.start(words, cwd=run.path, env=whole, output=output.fileno())
            if child is not None:
                return child
        return subprocess.Popen(
            list(words),
            cwd=run.path,
            env=whole,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end(run: Run) -> Process | None:
    """Ask the process that works in a run to end, waiting for one that is starting.

    It gets SIGTERM. One that this process cannot reach, in another container or on another
    machine, finds a request in the run's directory.

    Returns:
        That process; None when nothing works in the run.
    """
    patience = time.monotonic() + PATIENCE
    worker = lease.holder(run.path)
    while worker is None and run.status["state"] == "starting" and time.monotonic() < patience:
        time.sleep(0.1)
        worker = lease.holder(run.path)
    if worker is not None and not lease.ask_to_stop(run.path, worker) and worker.here:
        return None  # it has ended meanwhile
    return worker


def stopping(run: Run, process: Process) -> str:
    """Return a message about what happens now that `end` has asked a process to end."""
    if process.here:
        return f"{run.id} ends as soon as its work is saved."
    return (
        f"{run.id} is the work of {process}, which cannot be signalled from here. It was asked to "
        "stop by a file in its folder and does so within seconds if it sees this folder; "
        f"otherwise stop it there with: kill {process.pid}"
    )
