"""The process of `forking.ForkServer`: ``fork_server MODULE ...``, its standard input a socket.

A request is the command, the working directory and the environment of a process, with two open
files: one for its output, one for its exit status. The answer is its number.

A forked process goes on as ``bootstrap`` would, unless something that was decided at the imports
should be another for it: the environment, but for what is read later (`READ_LATER`), or a GPU
that the imports have touched. Then it becomes a fresh one by itself, with the same number.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from .bootstrap import HOW, arrange
from .forking import LARGEST

IDLE = 900.0  # seconds without a request after which the server ends
NVML = "PYTORCH_NVML_BASED_CUDA_CHECK"  # PyTorch then looks for GPUs without touching them
READ_LATER = ("CUDA_VISIBLE_DEVICES", "CURADIFF_*", "FIFTYONE_*")
DEVICES = Path("/dev")
GPUS = ("nvidia[0-9]*", "kfd", "dxg")  # device files of NVIDIA, AMD, and either under Windows


def main(modules: list[str]) -> None:
    """Import, then fork until the socket closes or nothing was asked for a long time."""
    given = dict(os.environ)
    os.environ.setdefault(NVML, "1")
    for name in modules:
        with suppress(Exception):  # whoever needs it meets the fault again, and says so
            import_module(name)
    os.environ.clear()
    os.environ.update(given)
    gc.collect()
    gc.freeze()  # children share the memory of what is there
    request = serve(socket.socket(fileno=os.dup(0)), given)
    if request is not None:
        become(request)


def serve(connection: socket.socket, given: dict[str, str]) -> list[str] | None:
    """Answer requests. Returns in a child, with its command; None in the server at its end."""
    children: dict[int, tuple[int, int]] = {}  # by the handle of the process: pid, status file
    connection.send(b"ready")
    while True:
        readable = select.select([connection, *children], [], [], IDLE)[0]
        if not readable and not children:
            return None
        for handle in readable:
            if isinstance(handle, int):
                _note_end(handle, *children.pop(handle))
        if connection not in readable:
            continue
        message, files, _, _ = socket.recv_fds(connection, LARGEST, 2)
        if not message:
            return None
        request = json.loads(message)
        output, status = files
        pid = os.fork()
        if pid == 0:
            for open_file in (status, connection.detach(), *children):
                os.close(open_file)
            for _, other in children.values():
                os.close(other)
            return _settle(request, output, given)
        os.close(output)
        children[os.pidfd_open(pid)] = (pid, status)
        with suppress(OSError):  # whoever asked has ended; the process works all the same
            connection.send(str(pid).encode())


def _note_end(handle: int, pid: int, status: int) -> None:
    """Pass on the exit status of a child that has ended."""
    _, how = os.waitpid(pid, 0)
    with suppress(OSError):  # nobody wants to know
        os.write(status, str(os.waitstatus_to_exitcode(how)).encode())
    os.close(status)
    os.close(handle)


def _settle(request: dict[str, Any], output: int, given: dict[str, str]) -> list[str]:
    """Detach this child and return its command, or replace the child by a new process."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(null)
    os.close(output)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    words = request["words"]
    if not usable(given, request["env"]):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execve(words[0], words, request["env"])
    return words[2:]


def usable(given: dict[str, str], wanted: dict[str, str]) -> bool:
    """Tell whether a forked process is as good as a fresh one.

    Args:
        given: The environment in which the modules were imported.
        wanted: The environment of the process.
    """
    names = {name for name in given.keys() | wanted.keys() if given.get(name) != wanted.get(name)}
    late = all(any(fnmatchcase(name, pattern) for pattern in READ_LATER) for name in names)
    return late and not _touched()


def _touched() -> bool:
    """Tell whether a GPU was touched before this process was forked, which makes it useless."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda._is_in_bad_fork():
        return False
    return any(any(DEVICES.glob(pattern)) for pattern in GPUS)


def become(words: list[str]) -> NoReturn:
    """Do in a forked process what ``bootstrap`` does in a fresh one."""
    if words[0] in HOW:
        arrange(words.pop(0))
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # as in a fresh process, each draws its own
    atexit.register(gc.unfreeze)  # or its libraries report leaks at the end
    sys.argv[:] = words
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
