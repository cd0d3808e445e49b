"""Which process is meant, without mistaking another one for it.

A number alone is given to another process after a while, and means another one in another
container or on another machine that sees the same folder. So a process is its number and its
start time, in its PID namespace, since the last start of its machine.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process.

    Attributes:
        host: Name of its machine or container.
        boot: Identity of the machine's last start; empty where the system has none.
        namespace: PID namespace in which ``pid`` counts; empty where the system has none.
        pid: Its number there.
        started: When it started, in units of the system since the last start.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: str

    @classmethod
    def from_json(cls, value: Any) -> Self | None:
        """Return the process that `to_json` described, None where it is no such description."""
        kinds = {"host": str, "boot": str, "namespace": str, "pid": int, "started": str}
        if not isinstance(value, dict) or any(
            not isinstance(value.get(name), kind) for name, kind in kinds.items()
        ):
            return None
        return cls(**{name: value[name] for name in kinds})

    def to_json(self) -> dict[str, Any]:
        """Return the process in JSON values."""
        return asdict(self)

    @property
    def here(self) -> bool:
        """Whether this process can look up the number of that one."""
        place = _place()
        if self.boot and place[1]:
            return (self.boot, self.namespace) == place[1:]
        return (self.host, self.boot, self.namespace) == place

    def alive(self) -> bool | None:
        """Tell whether it still works; None where this cannot be seen from here."""
        if self.here:
            return _started(self.pid) == self.started
        if self.boot and self.host == _place()[0] and self.boot != _place()[1]:
            return False  # the machine was started anew since then
        return None

    def signal(self, number: signal.Signals = signal.SIGTERM) -> bool:
        """Send a signal, to this very process only.

        Returns:
            False where it has ended, or cannot be reached from here.
        """
        if not self.here:
            return False
        try:
            if not hasattr(os, "pidfd_open"):  # not Linux
                if not self.alive():
                    return False
                os.kill(self.pid, number)
                return True
            handle = os.pidfd_open(self.pid)  # names this process even when its number is reused
            try:
                if not self.alive():
                    return False
                signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)
        except ProcessLookupError:
            return False
        return True

    def __str__(self) -> str:
        if self.here:
            return f"process {self.pid}"
        if self.host == _place()[0] or self.boot == _place()[1]:
            return f"process {self.pid} of another container or start of the machine ({self.host})"
        return f"process {self.pid} on {self.host}"

    @property
    def token(self) -> str:
        """Text that identifies the process in the name of a file, see `gone`."""
        parts = "".join(_short(part) for part in (self.host, self.boot, self.namespace))
        return f"{parts}.{self.pid}.{self.started}"


def me() -> Process:
    """Return this process."""
    pid = os.getpid()
    return Process(*_place(), pid, _started_once(pid))


def of(pid: int) -> Process | None:
    """Return the process that has a number now, None when there is none."""
    started = _started(pid)
    return None if started is None else Process(*_place(), pid, started)


def gone(token: str) -> bool | None:
    """Tell whether a process has ended by its `Process.token`; None where it cannot be seen."""
    try:
        parts, pid, started = token.split(".")
        number = int(pid)
    except ValueError:
        return None
    host, boot, namespace = parts[:4], parts[4:8], parts[8:]
    ours = [_short(part) for part in _place()]
    if [host, boot, namespace] == ours:
        return _started(number) != started
    return True if host == ours[0] and boot != ours[1] else None


@cache
def _place() -> tuple[str, str, str]:
    """Return host, boot and PID namespace of this process."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = str((PROC / "self/ns/pid").readlink())
    except OSError:
        boot = namespace = ""
    return socket.gethostname(), boot, namespace


@cache
def _started_once(pid: int) -> str:
    return _started(pid) or ""


def _started(pid: int) -> str | None:
    """Return when a process of this system started, None when it has ended."""
    try:
        line = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None if (PROC / "self").exists() else _started_by_ps(pid)
    fields = line.rpartition(")")[2].split()  # its name may hold spaces and brackets
    return None if fields[0] in "ZX" else fields[19]  # state, start time


def _started_by_ps(pid: int) -> str | None:
    words = ["ps", "-o", "lstart=", "-p", str(pid)]
    output = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return "".join(filter(str.isalnum, output)) or None


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=2).hexdigest()
