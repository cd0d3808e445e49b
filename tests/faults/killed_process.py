"""A forked process that works in a database of its own, and may end at its n-th write."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo import monitoring

DATABASE = "curadiff-faults"
WRITES = {"insert", "update", "delete", "findAndModify", "create", "createIndexes", "drop"}
WRITES |= {"dropIndexes", "renameCollection"}
LOST = 97  # exit status of a process that killed itself at the wanted write


class Killer(monitoring.CommandListener):
    """Ends this process at its n-th command that writes."""

    def __init__(
        self, number: int, late: bool, call: Callable[[], Any] = lambda: os._exit(LOST)
    ) -> None:
        self.left, self.late, self.call = number, late, call

    def started(self, event: Any) -> None:
        """Count a write, and end before it is sent."""
        if event.command_name in WRITES and threading.current_thread().name != "curadiff-lock":
            self.left -= 1
            if self.left == 0 and not self.late:
                self.call()

    def succeeded(self, event: Any) -> None:
        """End after the write was acknowledged."""
        if event.command_name in WRITES and self.left == 0 and self.late:
            self.call()

    def failed(self, event: Any) -> None:
        """Treat a write that the server refused like one that it took."""
        self.succeeded(event)


def run_and_exit(
    work: Callable[[], Any],
    writer: int,
    files: Path,
    kill: tuple[int, bool] | None,
    gate: Path | None,
    count: bool,
) -> None:
    try:
        _connect_anew(files)
        if gate is not None:
            gate.with_name(f"{gate.name}.{os.getpid()}").touch()
            while not gate.exists():
                time.sleep(0.002)
        if kill is not None:
            LISTENER.inner = Killer(*kill)
        value = work()
        if count:
            value = -1 - LISTENER.inner.left
        told = (True, True if value is None else value)
    except BaseException as fault:
        fault.add_note(traceback.format_exc())
        told = (False, fault)
    try:
        data = pickle.dumps(told)
    except Exception:
        data = pickle.dumps((False, RuntimeError(repr(told[1]))))
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(data)
    os._exit(0)


class Switch(monitoring.CommandListener):
    """Is registered before the client is made, and listens once it is told to."""

    inner: Killer | None = None

    def at(self, number: int, call: Callable[[], Any]) -> None:
        """Call something before the n-th write from now on."""
        self.inner = Killer(number, False, call)

    def started(self, event: Any) -> None:
        """Pass on."""
        if self.inner:
            self.inner.started(event)

    def succeeded(self, event: Any) -> None:
        """Pass on."""
        if self.inner:
            self.inner.succeeded(event)

    def failed(self, event: Any) -> None:
        """Pass on."""
        if self.inner:
            self.inner.failed(event)


LISTENER = Switch()


def _connect_anew(files: Path) -> None:
    """Give a forked process connections and a home of its own; its parent's stay as they are."""
    import fiftyone as fo
    import mongoengine.connection as connection
    from fiftyone.core.odm import database

    class Parents:
        def close(self) -> None:
            """Leave the parent's connection alone."""

    for alias in list(connection._connections):
        connection._connections[alias] = Parents()
    connection.disconnect_all()
    database._client = database._async_client = None
    fo.Dataset._instances.clear()
    fo.config.database_name = DATABASE
    os.environ["FIFTYONE_DATABASE_NAME"] = DATABASE
    os.environ["CURADIFF_HOME"] = str(files / "home")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    tempfile.tempdir = str(files)
    monitoring.register(LISTENER)
    database._connect()
