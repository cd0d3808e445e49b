"""One process at a time changes a data set, over threads, processes and hosts.

A lock is one document in the database, under the data set's id. Its holder renews it every
few seconds; when that stops for half a minute, or the holder's process is seen to be gone,
the next one takes it over. All times are those of the database server's clock.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pymongo.errors import ConnectionFailure, DuplicateKeyError, PyMongoError

from ..common.errors import Busy, EnvironmentFault, SettingsError
from . import info, loaded, recovery
from .database import durable, fiftyone

LOCKS = "curadiff.locks"
LIFE = 30.0  # seconds that a lock lasts without a sign of life
BEAT = 5.0  # seconds between two signs of life
FORGOTTEN = 24 * 3600.0  # seconds after which an expired lock is removed
LOOK = 0.1  # seconds between two tries to take a lock

HELD: ContextVar[dict[str, Hold] | None] = ContextVar("curadiff-locks", default=None)


LEFT: set[str] = set()  # tokens of locks that this process could not give back


class Hold:
    """A lock that this thread of work holds.

    Attributes:
        key: What is locked.
        verb: What it is locked for, such as ``select``.
    """

    def __init__(self, key: str, verb: str, what: str) -> None:
        self.key, self.verb, self.what = key, verb, what
        self.token = uuid.uuid4().hex
        self.process = os.getpid()
        self._ended = threading.Event()

    def check(self) -> None:
        """Renew the lock; call it right before a write that must not be done twice.

        Raises:
            Busy: The lock was lost: this process was silent for too long, and another took it.
        """
        if not self._renew():
            raise Busy(
                f"{self.verb} was out of touch with the database for more than {LIFE:.0f} s, and "
                f"another process has taken over {self.what}; nothing more is written. Run the "
                "same command again."
            )

    def _renew(self) -> bool:
        mine = {"_id": self.key, "token": self.token}
        return durable(LOCKS).update_one(mine, [{"$set": {"expires": _soon()}}]).matched_count > 0

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            with suppress(PyMongoError):  # the next beat tries again, and `check` tells
                if not self._renew():
                    return

    def _start(self) -> None:
        threading.Thread(target=self._beat, name="curadiff-lock", daemon=True).start()

    def _abandon(self) -> None:
        """Leave the lock where it is, as the database does not answer; this process may follow."""
        self._ended.set()
        LEFT.add(self.token)

    def _release(self) -> None:
        if self._ended.is_set():
            return
        self._ended.set()
        try:
            durable(LOCKS).delete_one({"_id": self.key, "token": self.token})
        except PyMongoError:  # it expires by itself, and this process may follow at once
            LEFT.add(self.token)


@contextmanager
def exclusive(
    dataset: Any, verb: str, *, part: str = "", wait: float | None = None
) -> Iterator[Hold]:
    """Hold a data set against every other process and thread that would change it.

    Inside, the same thread of work (and what it calls with a copy of its context) may ask
    again. On entry, what a command that died has left half-written is finished first.

    Args:
        dataset: A FiftyOne data set, or the name of one that need not exist yet.
        verb: What is done, such as ``select``; shown to those who wait.
        part: Locks this part alone, such as a field, and leaves the data set free: for long
            computations, which then hold the data set only while they write.
        wait: Seconds to wait for another holder; by default ``CURADIFF_WAIT``, or 10.

    Raises:
        Busy: Another process holds it still.
        DataError: The data set is deleted.
    """
    if isinstance(dataset, str):
        key, name = f"name:{dataset}", dataset
    else:
        key, name = str(info.id_of(dataset)), dataset.name
    what = f"the data set {name!r}"
    if part:
        key, what = f"{key}/{part}", f"{part!r} of {what}"
    with hold(key, verb, what=what, wait=wait) as held:
        if not isinstance(dataset, str) and not part:
            loaded.catch_up(dataset)
            recovery.settle(dataset)
        yield held


@contextmanager
def hold(key: str, verb: str, *, what: str, wait: float | None = None) -> Iterator[Hold]:
    """Hold anything that has a name; see `exclusive`.

    Args:
        key: Name of what is held, the same for everyone.
        verb: What is done.
        what: What is held, in words.
        wait: Seconds to wait for another holder.
    """
    known = HELD.get() or {}
    if key in known and known[key].process == os.getpid():
        yield known[key]
        return
    held = Hold(key, verb, what)
    _take(held, patience() if wait is None else wait)
    held._start()
    mark = HELD.set({**known, key: held})
    try:
        yield held
    except (ConnectionFailure, EnvironmentFault):  # it was lost, or does not come back
        held._abandon()
        raise
    finally:
        HELD.reset(mark)
        held._release()


def patience() -> float:
    """Return for how many seconds a command waits for another one on the same data set.

    Raises:
        SettingsError: ``CURADIFF_WAIT`` is not a number >= 0.
    """
    given = os.environ.get("CURADIFF_WAIT") or "10"
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise SettingsError(f"CURADIFF_WAIT must be a number of seconds >= 0, got {given!r}.")
    return seconds


def holder(dataset: Any) -> str | None:
    """Say who holds a data set right now, None when nobody does."""
    lock = durable(LOCKS).find_one({"_id": str(info.id_of(dataset))})
    return None if lock is None or _gone(lock["holder"]) else _described(lock)


def _take(held: Hold, wait: float) -> None:
    fiftyone()
    locks = durable(LOCKS)
    until = time.monotonic() + wait
    locks.delete_many({"$expr": {"$lt": ["$expires", _soon(-FORGOTTEN)]}})
    while not _taken(locks, held):
        lock = locks.find_one({"_id": held.key})
        if lock is None:
            continue  # released in between
        if time.monotonic() >= until:
            raise Busy(
                f"{held.what} is in use by {_described(lock)}; wait until that has ended, or end "
                f"it, then run the same command again. (If it died, its lock ends {LIFE:.0f} s "
                "after its last sign of life.)"
            )
        time.sleep(LOOK)


def _taken(locks: Any, held: Hold) -> bool:
    mine = {
        "token": held.token,
        "verb": {"$literal": held.verb},
        "holder": {"$literal": _process()},
        "since": "$$NOW",
        "expires": _soon(),
    }
    take = [{"$set": mine}]
    try:
        locks.update_one({"_id": held.key, "token": held.token}, take, upsert=True)
    except DuplicateKeyError:
        pass  # another holds it, or held it
    else:
        return True
    over = {"_id": held.key, "$expr": {"$lte": ["$expires", "$$NOW"]}}
    if locks.update_one(over, take).matched_count:
        return True
    lock = locks.find_one({"_id": held.key})
    if lock is None or not (lock["token"] in LEFT or _gone(lock["holder"])):
        return False
    return locks.update_one({"_id": held.key, "token": lock["token"]}, take).matched_count > 0


def _soon(seconds: float = LIFE) -> dict[str, Any]:
    return {"$add": ["$$NOW", int(seconds * 1000)]}


def _described(lock: dict[str, Any]) -> str:
    who, since = lock["holder"], lock["since"]
    return f"{lock['verb']} (process {who['pid']} on {who['host']}, since {since:%H:%M:%S} UTC)"


def _process() -> dict[str, Any]:
    """Identify this process: a pid alone is used again, and means nothing on another host."""
    return {**_place(), "pid": os.getpid(), "started": _started(os.getpid())}


def _place() -> dict[str, str]:
    """Return the host, boot and pid namespace in which this process's pid is valid."""
    host = socket.gethostname()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot = space = ""  # not Linux: others are believed to live until their lock expires
    return {"host": host, "boot": boot, "space": space}


def _gone(holder: dict[str, Any]) -> bool:
    """Tell whether a holder's process is known to have ended."""
    own_place = _place()
    if not own_place["boot"] or any(holder.get(name) != value for name, value in own_place.items()):
        return False  # on another host, or in another container: only its silence tells
    return _started(holder["pid"]) != holder["started"]


def _started(pid: int) -> str | None:
    """Return when a process of this host started, in clock ticks; None when there is none."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else rest[18]
