"""Kill a verb at each of its database writes, repeat it, and compare what is in the end there.

Every try runs in a forked process with a database of its own on the tests' server, and ends
by ``os._exit``: no clean-up code runs, as after ``kill -9``. What can be written twice by one
process cannot be seen by another, so that the states before write n + 1 and after write n are
the same in the database; ``after=True`` tries both for verbs that also write files.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pymongo
from bson import ObjectId, json_util
from pymongo import monitoring

DATABASE = "curadiff-faults"
WRITES = {"insert", "update", "delete", "findAndModify", "create", "createIndexes", "drop"}
WRITES |= {"dropIndexes", "renameCollection"}
LOST = 97  # exit status of a process that killed itself at the wanted write
TIMES = {"created_at", "last_modified_at", "last_loaded_at", "last_deletion_at", "timestamp"}
TIMES |= {"created", "uploadDate", "uploaded_at"}
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(\+00:00|Z)?")
HEX = re.compile(r"\b[0-9a-f]{24}\b")
DEADLINE = 60  # seconds for one process

Work = Callable[[], Any]


@dataclass
class Outcome:
    """What came of killing a verb everywhere.

    Attributes:
        tried: How many positions were tried.
        writes: How many writes the verb makes when nothing disturbs it.
        failures: What was wrong, one text for each position.
    """

    tried: int = 0
    writes: int = 0
    failures: list[str] = field(default_factory=list)


class Killed(Exception):
    """A process ended before it could say what it found."""


class Harness:
    """Makes states, kills verbs in them and compares; see the module."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = None
        self.files = folder / "files"
        self.state: dict[str, list] = {}

    def positions(
        self,
        make_state: Work,
        verb: Work,
        *,
        again: Work | None = None,
        expected: Sequence[Sequence[Work]] | None = None,
        after: bool = False,
        every: int = 1,
    ) -> Outcome:
        """Kill a verb before each of its writes, then run it again.

        Args:
            make_state: Makes what the verb starts from; run once.
            verb: The verb.
            again: What is run after the kill; by default the verb.
            expected: Sequences of work any of which may be what seems to have happened; by
                default the verb alone.
            after: Kill right after each write too.
            every: Try each ``every``-th position only, beginning in the middle of the first.
        """
        self.save(make_state)
        wanted = [self.undisturbed(works) for works in expected or [[verb]]]
        self.restore()
        writes = self.child(verb, count=True)
        outcome = Outcome(writes=writes)
        places = [(n, late) for n in range(1, writes + 1) for late in ((False, True)[: 1 + after])]
        for number, late in places[every // 2 :: every]:
            self.restore()
            if self.child(verb, kill=(number, late)) is not None:
                continue  # it had fewer writes this time
            outcome.tried += 1
            where = f"{'after' if late else 'before'} write {number} of {writes}"
            try:
                self.child(again or verb)
            except Exception as fault:
                outcome.failures.append(f"killed {where}, then: {fault!r} {fault.__notes__}")
                continue
            found = self.snapshot()
            if found not in wanted:
                outcome.failures.append(f"killed {where}: {difference(wanted[0], found)}")
        return outcome

    def save(self, make_state: Work) -> None:
        """Make a state in an empty database and keep it for `restore`."""
        self._empty()
        self.child(make_state)
        with self._database() as base:
            self.state = {name: list(base[name].find()) for name in base.list_collection_names()}
        self.kept = self.folder / "kept"
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.files, self.kept)
        self.known = set(HEX.findall(json_util.dumps(self.state)))

    def restore(self) -> None:
        """Put database and home back to the state that was saved."""
        self._empty()
        with self._database() as base:
            for name, documents in self.state.items():
                if documents:
                    base[name].insert_many(documents)
        shutil.rmtree(self.files)
        shutil.copytree(self.kept, self.files)

    def undisturbed(self, works: Sequence[Work]) -> dict[str, Any]:
        """Return what is there after some work that nothing disturbs."""
        self.restore()
        for work in works:
            self.child(work)
        return self.snapshot()

    def together(self, works: Sequence[Work]) -> list[Any]:
        """Run works at the same time, each in a process; return results or exceptions."""
        gate = self.folder / f"gate-{time.monotonic_ns()}"
        started = [self._start(work, gate=gate) for work in works]
        while sum(1 for _ in self.folder.glob(f"{gate.name}.*")) < len(works):
            time.sleep(0.01)
        gate.touch()
        found = []
        for child in started:
            try:
                found.append(self._result(*child))
            except Exception as fault:
                found.append(fault)
        return found

    def child(
        self, work: Work, *, kill: tuple[int, bool] | None = None, count: bool = False
    ) -> Any:
        """Run work in a process of its own.

        Args:
            work: What to run.
            kill: The number of the write to die at, and whether right after it.
            count: Return how many writes there were instead of the work's result.

        Returns:
            The work's result, True for none; None when it killed itself at the wanted write.

        Raises:
            Exception: What the work raised.
        """
        return self._result(*self._start(work, kill=(-1, False) if count else kill, count=count))

    def snapshot(self) -> dict[str, Any]:
        """Return everything in the database, with new ids and all times made equal."""
        with self._database() as base:
            stored = {name: list(base[name].find()) for name in base.list_collection_names()}
        stored = {name: found for name, found in stored.items() if name != "system.profile"}
        return {"datasets": _datasets(stored, self.known), **_rest(stored, self.known)}

    def listener(self) -> Any:
        """Return what listens to the writes of a process, with ``at(number, call)``."""
        return LISTENER

    def _start(
        self,
        work: Work,
        *,
        kill: tuple[int, bool] | None = None,
        gate: Path | None = None,
        count: bool = False,
    ) -> tuple[int, Any]:
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads that the parent has and the child not
            pid = os.fork()
        if pid == 0:
            os.close(reader)
            _be_child(work, writer, self.files, kill, gate, count)
        os.close(writer)
        return pid, os.fdopen(reader, "rb")

    def _result(self, pid: int, pipe: Any) -> Any:
        alarm = threading.Timer(DEADLINE, os.kill, (pid, signal.SIGKILL))
        alarm.start()
        with pipe:
            told = pipe.read()
        _, status = os.waitpid(pid, 0)
        alarm.cancel()
        if os.waitstatus_to_exitcode(status) == LOST:
            return None
        if not told:
            raise Killed(f"a process ended with status {os.waitstatus_to_exitcode(status)}")
        good, value = pickle.loads(told)
        if good:
            return value
        raise value

    def _empty(self) -> None:
        with self._database() as base:
            base.client.drop_database(DATABASE)
        shutil.rmtree(self.files, ignore_errors=True)
        self.files.mkdir(parents=True)

    @contextlib.contextmanager
    def _database(self) -> Any:
        with pymongo.MongoClient(os.environ["FIFTYONE_DATABASE_URI"]) as client:
            yield client[DATABASE]


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


def _be_child(
    work: Work,
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


def difference(wanted: Any, found: Any, path: str = "") -> str:
    """Say where two snapshots differ first."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted(set(wanted) | set(found), key=str):
            if wanted.get(key) != found.get(key):
                return difference(wanted.get(key), found.get(key), f"{path}/{key}")
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            if one != other:
                return difference(one, other, f"{path}/{number}")
    return f"{path} is {str(found)[:400]}, not {str(wanted)[:400]}"


def _datasets(stored: dict[str, list], known: set[str]) -> dict[str, Any]:
    """Describe every data set with what it refers to."""
    by_id = {
        name: {one["_id"]: one for one in stored.get(name, [])}
        for name in ("runs", "views", "workspaces", "fs.files")
    }
    chunks: dict[Any, bytes] = {}
    for chunk in sorted(stored.get("fs.chunks", []), key=lambda one: one["n"]):
        chunks[chunk["files_id"]] = chunks.get(chunk["files_id"], b"") + chunk["data"]

    def look(name: str, reference: Any) -> Any:
        found = by_id[name].get(getattr(reference, "id", reference), "dangling")
        if name == "runs" and found != "dangling" and found.get("results") is not None:
            data = chunks.get(found["results"], b"null")
            found = {**found, "results": json_util.loads(data.decode())}
        return found

    described = {}
    for one in stored.get("datasets", []):
        refs = {
            "runs": {key: look("runs", ref) for key, ref in one.get("runs", {}).items()},
            "brain_methods": {
                key: look("runs", ref) for key, ref in one.get("brain_methods", {}).items()
            },
            "saved_views": [look("views", ref) for ref in one.get("saved_views", [])],
            "workspaces": [look("workspaces", ref) for ref in one.get("workspaces", [])],
            "sample_fields": sorted(one.get("sample_fields", []), key=lambda f: f["name"]),
        }
        samples = stored.get(one["sample_collection_name"], [])
        samples = [{**s, "tags": sorted(s.get("tags", []))} for s in samples]
        told = {**one, **refs, "samples": sorted(samples, key=lambda s: s.get("filepath", ""))}
        told["sample_collection_name"] = "samples"
        described[one["name"]] = _plain(told, known)
    return described


def _rest(stored: dict[str, list], known: set[str]) -> dict[str, Any]:
    """Describe the other collections: those of ours in full, of FiftyOne's how much is there."""
    samples = {one["sample_collection_name"] for one in stored.get("datasets", [])}
    ours = {
        name: sorted((_plain(one, known) for one in found), key=str)
        for name, found in stored.items()
        if name.startswith("curadiff.") and found
    }
    ours = {
        name: [{k: v for k, v in one.items() if k != "_id"} for one in found]
        for name, found in ours.items()
    }
    vectors: dict[tuple, tuple] = {}  # per sample, as two runs may cut them differently
    for one in sorted(stored.get("curadiff.vectors", []), key=lambda one: one["_id"]):
        for row in range(len(one["ids"]) // 12):
            sample = str(_plain(ObjectId(one["ids"][12 * row : 12 * row + 12]), known))
            mark = slice(8 * row, 8 * row + 8)
            where = (one["field"], one["staged"], sample)
            vectors[where] = (one["encoder"], one["contents"][mark], one["hashes"][mark])
    if "curadiff.vectors" in ours:
        ours["curadiff.vectors"] = sorted(vectors.items())
    counts = {
        name: len(stored.get(name, [])) for name in ("runs", "views", "workspaces", "fs.files")
    }
    files = {chunk["files_id"] for chunk in stored.get("fs.chunks", [])}
    lost = files - {one["_id"] for one in stored.get("fs.files", [])}
    others = sorted(name for name, found in stored.items() if name.startswith("samples.") and found)
    return {
        **ours,
        "counts": counts,
        "pieces without a file": len(lost),
        "samples without a data set": len([name for name in others if name not in samples]),
    }


def _plain(value: Any, known: set[str]) -> Any:
    if isinstance(value, dict):
        return {
            str(_plain(key, known)): _plain(one, known)
            for key, one in value.items()
            if key not in TIMES
        }
    if isinstance(value, list | tuple):
        return [_plain(one, known) for one in value]
    if isinstance(value, ObjectId):
        return str(value) if str(value) in known else "new"
    if isinstance(value, datetime):
        return "time"
    if isinstance(value, str):
        text = HEX.sub(lambda found: found[0] if found[0] in known else "new", value)
        return STAMP.sub("time", text)
    return value
