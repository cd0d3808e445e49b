"""A forked process is what a fresh one is, but for the time that its imports take."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from curadiff import runs
from curadiff.runs import fork_server, forking, launch

pytestmark = pytest.mark.skipif(not forking.POSSIBLE, reason="forks on Linux alone")
MARK = "colorsys"  # a small module that nothing else imports
PROBE = f"""
import json, os, signal, sys, threading, time
def handler(number):
    found = signal.getsignal(number)
    return found.__name__ if callable(found) and not isinstance(found, signal.Handlers) else found
signals = [str(handler(number)) for number in sorted(signal.valid_signals())]
links = [f"/proc/self/fd/{{n}}" for n in os.listdir("/proc/self/fd") if int(n) > 2]
said = dict(
    argv=sys.argv[1:], environment=dict(os.environ), folder=os.getcwd(), path=sys.path,
    session=os.getsid(0) == os.getpid(), input=os.readlink("/proc/self/fd/0"),
    signals=signals, name=__name__, threads=len(threading.enumerate()),
    files=[os.readlink(link) for link in links if os.path.exists(link)],
)
print(json.dumps(said | dict(forked={MARK!r} in sys.modules, parent=os.getppid())), flush=True)
print("to the errors", file=sys.stderr)
while os.path.exists("wait"):
    time.sleep(0.02)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def probe(home, tmp_path, monkeypatch):
    """Start a process that tells all that it knows of itself; return the process and its run."""
    (tmp_path / "probe_of_process.py").write_text(PROBE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def begin(status=3, *, wait=False, **env):
        run = runs.create("train", {})
        if wait:
            (run.path / "wait").touch()
        child = launch.start(run, launch.command("probe_of_process", str(status)), env=env)
        return child, run

    return begin


def told(child, run):
    status = child.wait(60)
    first, rest = (run.path / "output.log").read_text().split("\n", 1)
    return json.loads(first) | {"status": status, "rest": rest, "pid": child.pid}


def test_a_forked_process_is_what_a_fresh_one_is(probe):
    fresh_child, fresh_run = probe(CURADIFF_SOMETHING="one")
    fresh = told(fresh_child, fresh_run)
    with forking.kept([MARK]):
        children = [probe(CURADIFF_SOMETHING="one") for _ in range(2)]
        forked = [told(*one) for one in children]
    assert [fresh["forked"], *(one["forked"] for one in forked)] == [False, True, True]
    assert fresh["parent"] == os.getpid() != forked[0]["parent"] == forked[1]["parent"]
    for one, (_, run) in zip(forked, children, strict=True):
        assert one["folder"] == str(run.path)
        differ = {name for name in fresh if one[name] != fresh[name]}
        assert differ == {"forked", "parent", "pid", "folder"}
    assert fresh["status"] == 3
    assert fresh["rest"] == "to the errors\n"


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "PYTORCH_CUDA_ALLOC_CONF", "LANG"])
def test_what_is_decided_at_the_imports_makes_a_process_fresh(probe, name):
    with forking.kept([MARK]):
        assert told(*probe())["forked"]
        other = told(*probe(**{name: "7"}))
        late = told(*probe(CUDA_VISIBLE_DEVICES="3"))
    assert (other["forked"], other["environment"][name], other["status"]) == (False, "7", 3)
    assert (late["forked"], late["environment"]["CUDA_VISIBLE_DEVICES"]) == (True, "3")


def test_a_gpu_that_the_imports_have_touched_makes_a_process_fresh(monkeypatch, tmp_path):
    def usable(*, touched, device):
        cuda = SimpleNamespace(_is_in_bad_fork=lambda: touched)
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
        monkeypatch.setattr(fork_server, "DEVICES", tmp_path / device)
        return fork_server.usable({}, {})

    for device in ("nvidia0", "kfd"):
        (tmp_path / device).mkdir()
        (tmp_path / device / device).touch()
        assert not usable(touched=True, device=device)
        assert usable(touched=False, device=device)
    assert usable(touched=True, device="none")


def test_the_end_of_a_server_is_seen_and_mended(probe):
    with forking.kept([MARK]):
        working, _ = first = probe(wait=True)
        server = told(*probe())["parent"]
        os.kill(server, signal.SIGKILL)
        assert not told(*probe())["forked"]
        assert told(*probe())["forked"]
        assert working.poll() is None
        (first[1].path / "wait").unlink()
        assert working.wait(60) == -1  # nobody could ask for its status
    assert json.loads((first[1].path / "output.log").read_text().split("\n")[0])["forked"]


def test_a_process_outlives_who_keeps_the_server_and_the_server_does_not(probe, tmp_path):
    code = f"""
import sys, time
from curadiff import runs
from curadiff.runs import forking, launch
with forking.kept([{MARK!r}]):
    run = runs.create("train", {{}})
    (run.path / "wait").touch()
    child = launch.start(run, launch.command("probe_of_process", "0"))
    print(run.path, child.pid, flush=True)
    time.sleep(60)
"""
    keeper = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert keeper.stdout is not None
    folder, pid = keeper.stdout.readline().split()
    run = runs.open_run(folder)
    until(lambda: "\n" in (run.path / "output.log").read_text())
    said = json.loads((run.path / "output.log").read_text().split("\n")[0])
    keeper.kill()
    keeper.wait()
    until(lambda: not working(said["parent"]))
    assert said["forked"]
    assert working(int(pid))
    (run.path / "wait").unlink()
    until(lambda: not working(int(pid)))


def test_a_forked_process_hears_signals(probe):
    with forking.kept([MARK]):
        child, _ = probe(wait=True)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.05)
        child.terminate()
        assert child.wait(60) == -signal.SIGTERM
        child.kill()  # it has ended already
        assert child.poll() == -signal.SIGTERM


def test_ctrl_c_while_a_server_imports_leaves_a_run_that_can_be_started(probe, monkeypatch):
    def interrupted(*words, **options):
        raise KeyboardInterrupt

    with forking.kept([MARK]):
        with monkeypatch.context() as patch:
            patch.setattr(forking.ForkServer, "_is_ready", interrupted)
            with pytest.raises(KeyboardInterrupt):
                probe()
        (run,) = runs.listing()
        assert run.status["state"] == "stopped"
        child = launch.start(run, launch.command("probe_of_process", "0"))
        assert told(child, run)["forked"]


def test_nobody_waits_for_the_imports_of_the_app(probe, monkeypatch):
    monkeypatch.setattr(forking, "_kept", None)
    try:
        forking.keep(["timeit", MARK])
        assert not told(*probe())["forked"]
        until(lambda: told(*probe())["forked"])
    finally:
        kept = forking.server()
        assert kept is not None
        kept.close()


def test_a_server_without_work_ends(probe, monkeypatch):
    monkeypatch.setattr(fork_server, "IDLE", 0.1)
    ours, theirs = fork_server.socket.socketpair(
        fork_server.socket.AF_UNIX, fork_server.socket.SOCK_SEQPACKET
    )
    with ours, theirs:
        assert fork_server.serve(theirs, {}) is None


def until(there, seconds=60):
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.05)


def working(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
