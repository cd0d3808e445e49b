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
import shutil
import signal
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymongo
from bson import json_util

from .killed_process import DATABASE, LISTENER, LOST, run_and_exit
from .snapshots import HEX, describe, difference

DEADLINE = 150  # seconds for one process, also on a machine that does other things

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
        return describe(stored, self.known)

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
            run_and_exit(work, writer, self.files, kill, gate, count)
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
