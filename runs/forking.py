"""Start many processes with one import: a small process has imported what they need, and forks.

The server has no threads of its own and never touches a GPU; it ends with the process that
keeps it, or after a time without work. What it forks is as independent as a process started
afresh: a session, an environment, a working directory and a log of its own; it outlives the
server and whoever keeps it. Where a forked process could differ from a fresh one, it replaces
itself with one, see `fork_server`. Linux alone has this; elsewhere every process is fresh.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
MODULE = "curadiff.runs.fork_server"
LARGEST = 1 << 16  # bytes of a request; what needs more is started afresh
POSSIBLE = sys.platform == "linux"
PATIENCE = 120.0  # seconds for the imports, or for an answer


class Child(Protocol):
    """A started process, as `subprocess.Popen` shows it."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    def poll(self) -> int | None:
        """Return its exit status, None while it works."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit status."""
        ...

    def send_signal(self, number: int, /) -> None:
        """Send a signal, unless it has ended."""
        ...

    def terminate(self) -> None:
        """Send SIGTERM."""
        ...

    def kill(self) -> None:
        """Send SIGKILL."""
        ...


class Forked:
    """A process that a server has forked.

    Args:
        pid: Its number.
        ended: A pipe on which the server writes its exit status.
    """

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended
        try:
            self._process: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._process = None  # it has ended already

    def poll(self) -> int | None:
        """Return its exit status, None while it works."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit status; -1 when the server ended before it.

        Raises:
            subprocess.TimeoutExpired: It still works.
        """
        if self.returncode is None:
            if self._process is not None and not select.select([self._process], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.returncode = int(os.read(self._ended, 16) or b"-1")
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        with suppress(ProcessLookupError):
            if self._process is not None:
                signal.pidfd_send_signal(self._process, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __del__(self) -> None:
        os.close(self._ended)
        if self._process is not None:
            os.close(self._process)


class ForkServer:
    """Keep one server, started with the first process that it is asked for.

    Args:
        modules: What it imports, once.
        wait: Wait for the imports; otherwise processes are started afresh until they are done.
    """

    def __init__(self, modules: Sequence[str], *, wait: bool = True) -> None:
        self.modules, self.wait = list(modules), wait
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._ready = False

    def start(
        self, words: Sequence[str], *, cwd: Path, env: Mapping[str, str], output: int
    ) -> Forked | None:
        """Fork a process that runs a command of `launch.command`.

        Args:
            words: The command.
            cwd: Its working directory.
            env: Its whole environment.
            output: File that its output and errors are written to.

        Returns:
            The process; None where it must be started afresh.
        """
        request = json.dumps({"words": list(words), "cwd": str(cwd), "env": dict(env)}).encode()
        ours = list(words[:2]) == [sys.executable, str(BOOTSTRAP)]
        if not ours or len(request) > LARGEST or self._owner != os.getpid():
            return None
        with self._lock:
            connection = self._socket or self._begin(env)
            if not self._ready and not self._is_ready(connection):
                return None
            reading, writing = os.pipe()
            try:
                socket.send_fds(connection, [request], [output, writing])
                answer = connection.recv(LARGEST)
            except OSError:
                answer = b""
            finally:
                os.close(writing)
            if not answer:  # the server has ended: the next process gets a new one
                os.close(reading)
                self._end()
                return None
            return Forked(int(answer), reading)

    def close(self) -> None:
        """End the server; what it has forked goes on."""
        if self._owner == os.getpid():
            with self._lock:
                self._end()

    def _begin(self, env: Mapping[str, str]) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(BOOTSTRAP), MODULE, *self.modules],
                cwd="/",
                env=dict(env),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # what cannot be imported fails in a child again
                start_new_session=True,
            )
        ours.settimeout(PATIENCE)
        self._socket = ours
        return ours

    def _is_ready(self, connection: socket.socket) -> bool:
        """Tell whether the imports are done, waiting for that where it was asked for."""
        if not self.wait and not select.select([connection], [], [], 0)[0]:
            return False
        try:
            self._ready = bool(connection.recv(LARGEST))
        except OSError:
            self._ready = False
        if not self._ready:
            self._end()
        return self._ready

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()  # it keeps nothing
            self._process.wait()
        self._socket, self._process, self._ready = None, None, False


_kept: ForkServer | None = None


def server() -> ForkServer | None:
    """Return the server that this process keeps."""
    return _kept


@contextmanager
def kept(modules: Sequence[str]) -> Iterator[None]:
    """Start the processes of a block by forking, with one import of these modules."""
    global _kept
    if _kept is not None or not POSSIBLE:
        yield
        return
    _kept = ForkServer(modules)
    try:
        yield
    finally:
        _kept.close()
        _kept = None


def keep(modules: Sequence[str]) -> None:
    """Start the processes of this process by forking until it ends, as soon as that is ready."""
    global _kept
    if _kept is None and POSSIBLE:
        _kept = ForkServer(modules, wait=False)
