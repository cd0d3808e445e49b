"""Leases: who holds one, who may end him, and what looking costs a start."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from curadiff import diffusion, runs
from curadiff.common import process
from curadiff.common.errors import RunError
from curadiff.config import TrainSettings
from curadiff.diffusion import jobs
from curadiff.runs import launch, lease

POLL = """
import sys
from pathlib import Path
from curadiff.runs import held
print("ready", flush=True)
while True:
    held(Path(sys.argv[1]))
"""
NO_LOCKS = """
import errno, fcntl, os, sys, time, warnings
from pathlib import Path
from curadiff.common.errors import RunError
from curadiff.runs import Lease
warnings.simplefilter("ignore")
def none(handle, what):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = none
print("ready", flush=True)
sys.stdin.readline()
try:
    with Lease(Path(sys.argv[1])):
        print("works", flush=True)
        sys.stdin.readline()
except RunError as fault:
    print(fault, flush=True)
"""


def python(code, *words):
    command = [sys.executable, "-P", "-c", code, *map(str, words)]
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    assert child.stdout.readline() == "ready\n"
    return child


def tell(child):
    child.stdin.write("\n")
    child.stdin.flush()


def finish(child):
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()


def no_locks(monkeypatch):
    def none(handle, what):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)


def test_looking_at_a_lease_never_makes_a_start_fail(home):
    run = runs.create("train", {})
    pollers = [python(POLL, run.path) for _ in range(2)]
    try:
        for _ in range(200):
            with runs.Lease(run.path):
                assert runs.held(run.path)
            assert not runs.held(run.path)
    finally:
        for child in pollers:
            finish(child)


def test_a_process_is_itself_and_no_other_of_its_number():
    me = process.me()
    assert me == process.of(os.getpid())
    assert (me.here, me.alive()) == (True, True)
    assert process.Process.from_json(json.loads(json.dumps(me.to_json()))) == me
    assert process.gone(me.token) is False
    recycled = replace(me, started="1")
    assert (recycled.here, recycled.alive()) == (True, False)
    assert process.gone(recycled.token) is True
    container = replace(me, namespace="pid:[1]")
    assert (container.here, container.alive()) == (False, None)
    assert process.gone(container.token) is None
    rebooted = replace(me, boot="another")
    assert (rebooted.here, rebooted.alive()) == (False, False)
    assert process.gone(rebooted.token) is True
    other = replace(me, host="far", boot="another")
    assert (other.here, other.alive()) == (False, None)
    assert process.gone("1") is None
    for broken in (None, [], {}, {**me.to_json(), "pid": "7"}):
        assert process.Process.from_json(broken) is None


@pytest.fixture
def bystander():
    """A process that a wrong signal would end."""
    child = subprocess.Popen(["sleep", "60"])
    yield child
    assert child.poll() is None, "an unrelated process was ended"
    child.kill()
    child.wait()


@pytest.mark.parametrize(
    "of", [{"started": "1"}, {"namespace": "pid:[1]"}, {"host": "far", "boot": "another"}]
)
def test_only_the_very_process_that_holds_a_lease_is_signalled(home, bystander, of):
    run = runs.create("train", {})
    run.set_status("running")
    theirs = replace(process.of(bystander.pid), **of)
    assert theirs.signal() is False
    (run.path / "lease").write_text(json.dumps(theirs.to_json()))
    handle = os.open(run.path / "lease", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)  # as a process that this one cannot see would hold it
    try:
        found = launch.end(run)
    finally:
        os.close(handle)
    if "started" in of:  # it is seen that it has ended: nobody is asked
        assert found is None
        return
    assert found == theirs
    assert json.loads((run.path / "stop.json").read_text()) == theirs.to_json()
    said = launch.stopping(run, found)
    assert f"kill {bystander.pid}" in said
    assert "asked to stop by a file" in said


def test_a_request_to_stop_reaches_the_process_that_it_names(home, monkeypatch):
    code = """
import signal, sys, time
from pathlib import Path
from curadiff.runs import StopRequest, Lease
asked = StopRequest()
asked.listen()
with Lease(Path(sys.argv[1])):
    print("ready", flush=True)
    while not asked():
        time.sleep(0.01)
print("stopped", flush=True)
"""
    run = runs.create("train", {})
    old = replace(process.me(), pid=1, started="1")
    (run.path / "stop.json").write_text(json.dumps(old.to_json()))
    child = python(code, run.path)
    assert not (run.path / "stop.json").exists()  # it was meant for an earlier process
    time.sleep(2 * lease.POLL)
    assert child.poll() is None
    monkeypatch.setattr(process.Process, "here", False)  # as seen from another machine
    assert launch.end(run).pid == child.pid
    assert child.stdout.readline() == "stopped\n"
    finish(child)


def test_without_locks_a_file_takes_their_place(home, monkeypatch):
    run = runs.create("train", {})
    no_locks(monkeypatch)
    mine = runs.Lease(run.path)
    with pytest.warns(UserWarning, match="has no locks"):
        mine.__enter__()
    assert runs.held(run.path)
    with (
        pytest.warns(UserWarning, match="has no locks"),
        pytest.raises(RunError, match="in use by this process"),
    ):
        runs.Lease(run.path).__enter__()
    mine.__exit__(None, None, None)
    assert not runs.held(run.path)
    assert not (run.path / "lease.owner").exists()


@pytest.mark.filterwarnings("ignore:the file system")
def test_without_locks_one_of_eight_works_and_a_killed_one_is_no_obstacle(home, monkeypatch):
    run = runs.create("train", {})
    children = [python(NO_LOCKS, run.path) for _ in range(8)]
    try:
        for child in children:
            tell(child)
        said = [child.stdout.readline().strip() for child in children]
        assert said.count("works") == 1
        assert all("is in use by process" in line for line in said if line != "works")
        worker = children[said.index("works")]
        no_locks(monkeypatch)
        assert runs.held(run.path)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert not runs.held(run.path)
        with runs.Lease(run.path):
            assert runs.held(run.path)
        theirs = replace(process.me(), namespace="pid:[1]")
        (run.path / "lease.owner").write_text(json.dumps(theirs.to_json()))
        assert runs.held(run.path)  # nobody can say from here that it has ended
        with pytest.raises(RunError, match="another container"):
            runs.Lease(run.path).__enter__()
    finally:
        for child in children:
            finish(child)


def test_a_lease_can_be_waited_for(home):
    run = runs.create("train", {})
    with runs.Lease(run.path, name="lock"):
        began = time.monotonic()
        with pytest.raises(runs.Busy):
            runs.Lease(run.path, name="lock", wait=0.2).__enter__()
        assert time.monotonic() - began >= 0.2
    with runs.Lease(run.path, name="lock", wait=0.2):
        pass


def test_one_of_eight_simultaneous_starts_starts(home):
    code = """
import sys
from pathlib import Path
from curadiff.common.errors import RunError
from curadiff.runs import Run, launch
print("ready", flush=True)
sys.stdin.readline()
try:
    launch.start(Run(Path(sys.argv[1])), ["sleep", "60"])
    print("started", flush=True)
except RunError as fault:
    print(fault, flush=True)
"""
    run = runs.create("train", {}, name="one")
    children = [python(code, run.path) for _ in range(8)]
    try:
        for child in children:
            tell(child)
        said = [child.stdout.readline().strip() for child in children]
    finally:
        for child in children:
            finish(child)
        os.kill(runs.read_json(run.path / "process.json")["child"]["pid"], signal.SIGKILL)
    assert said.count("started") == 1
    assert sum("one is starting already" in line for line in said) == 7


def test_settings_change_for_whoever_starts_a_training_and_nobody_else(home, monkeypatch):
    run = runs.create("train", TrainSettings(steps=5).model_dump(mode="json"), name="a")
    working = runs.Lease(run.path)

    def start(run, words, *, env):
        with pytest.raises(runs.Busy):
            runs.Lease(run.path, name=launch.STARTING, wait=0.0).__enter__()
        run.set_status("running")
        working.__enter__()

    monkeypatch.setattr(jobs.manifest, "read", lambda run: None)
    monkeypatch.setattr(jobs.lease, "holder", lambda folder: None)  # came in between
    monkeypatch.setattr(launch, "start_held", start)
    diffusion.start(run, changes={"steps": 7})
    with pytest.raises(runs.Busy, match="a is running already"):
        diffusion.start(run, changes={"steps": 9})
    working.__exit__(None, None, None)
    assert run.settings["steps"] == 7
