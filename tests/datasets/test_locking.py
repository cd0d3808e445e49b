"""One at a time on a data set: re-entrant, waiting, expiring, and noticed when lost."""

from __future__ import annotations

import contextvars
import threading
import time
from datetime import timedelta

import fiftyone as fo
import pytest
from curadiff.common.errors import Busy, DataError, SettingsError
from curadiff.datasets import locking
from curadiff.datasets.database import durable


@pytest.fixture
def plain():
    found = fo.Dataset()
    yield found
    if not found.deleted:
        found.delete()


def in_thread(work):
    """Run work in a thread with a context of its own, as another command does."""
    found = []

    def run():
        try:
            found.append(work())
        except Exception as fault:
            found.append(fault)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return found[0]


def take(dataset, **more):
    with locking.exclusive(dataset, "embed", **more):
        return "taken"


def lock_of(dataset):
    return durable(locking.LOCKS).find_one({"_id": str(dataset._doc.id)})


def change(dataset, **values):
    durable(locking.LOCKS).update_one({"_id": str(dataset._doc.id)}, {"$set": values})


def test_another_is_told_who_holds_it_and_gets_it_afterwards(plain):
    with locking.exclusive(plain, "select"):
        refused = in_thread(lambda: take(plain, wait=0.2))
        assert isinstance(refused, Busy)
        assert f"in use by select (process {locking.os.getpid()} on" in str(refused)
        assert plain.name in str(refused)
        assert locking.holder(plain).startswith("select (process")
    assert in_thread(lambda: take(plain, wait=0)) == "taken"
    assert lock_of(plain) is None
    assert locking.holder(plain) is None


def test_the_work_that_holds_it_may_ask_again(plain):
    with locking.exclusive(plain, "study") as outer:
        with locking.exclusive(plain, "select") as inner:
            assert inner is outer
        inherited = contextvars.copy_context()  # as asyncio.to_thread and FiftyOne's threads do
        assert in_thread(lambda: inherited.run(take, plain, wait=0)) == "taken"
        assert lock_of(plain) is not None


def test_one_waits_for_the_other(plain):
    began = threading.Event()

    def first():
        with locking.exclusive(plain, "select"):
            began.set()
            time.sleep(0.5)

    thread = threading.Thread(target=first)
    thread.start()
    began.wait(10)
    assert take(plain, wait=10) == "taken"
    thread.join()


def test_parts_and_data_sets_do_not_wait_for_each_other(plain):
    other = fo.Dataset()
    with locking.exclusive(plain, "embed", part="clip"):
        assert in_thread(lambda: take(plain, wait=0)) == "taken"
        assert in_thread(lambda: take(plain, part="dino", wait=0)) == "taken"
        assert in_thread(lambda: take(other, wait=0)) == "taken"
        assert isinstance(in_thread(lambda: take(plain, part="clip", wait=0)), Busy)
    other.delete()


def test_a_name_can_be_held_before_there_is_a_data_set():
    with locking.exclusive("not-there-yet", "import"):
        assert isinstance(in_thread(lambda: take("not-there-yet", wait=0)), Busy)


def test_a_holder_that_is_silent_is_followed_and_notices(plain):
    with locking.exclusive(plain, "select") as held:
        held.check()
        past = lock_of(plain)["since"] - timedelta(seconds=60)
        change(plain, expires=past, **{"holder.host": "elsewhere"})
        assert in_thread(lambda: take(plain, wait=0)) == "taken"
        with pytest.raises(Busy, match="has taken over"):
            held.check()
    assert lock_of(plain) is None


def test_a_holder_elsewhere_is_believed_until_its_time_is_over(plain):
    with locking.exclusive(plain, "select"):
        change(plain, **{"holder.host": "elsewhere", "holder.pid": 4_000_000})
        assert isinstance(in_thread(lambda: take(plain, wait=0)), Busy)


@pytest.mark.parametrize("dead", [{"holder.pid": 4_000_000}, {"holder.started": "1"}])
def test_a_holder_that_died_here_is_followed_at_once(plain, dead):
    with locking.exclusive(plain, "select"):
        change(plain, **dead)
        assert in_thread(lambda: take(plain, wait=0)) == "taken"


def test_signs_of_life_keep_it(plain, monkeypatch):
    monkeypatch.setattr(locking, "BEAT", 0.05)
    with locking.exclusive(plain, "select"):
        first = lock_of(plain)["expires"]
        time.sleep(0.4)
        assert lock_of(plain)["expires"] > first


def test_a_later_holder_keeps_its_lock_when_the_former_ends(plain):
    with locking.exclusive(plain, "select"):
        change(plain, token="another's")
    assert lock_of(plain)["token"] == "another's"
    durable(locking.LOCKS).delete_one({"_id": str(plain._doc.id)})


def test_old_locks_are_swept(plain):
    locks = durable(locking.LOCKS)
    locks.insert_one({"_id": "gone", "expires": plain.created_at - timedelta(days=2)})
    take(plain)
    assert locks.find_one({"_id": "gone"}) is None


def test_a_deleted_data_set_is_said(plain):
    plain.delete()
    with pytest.raises(DataError, match="was deleted"):
        take(plain)


@pytest.mark.parametrize("given", ["soon", "-1", "inf"])
def test_how_long_to_wait_is_a_number_of_seconds(monkeypatch, given):
    monkeypatch.setenv("CURADIFF_WAIT", given)
    with pytest.raises(SettingsError, match="CURADIFF_WAIT must be"):
        locking.patience()
