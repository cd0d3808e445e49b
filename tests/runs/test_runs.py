"""The run directory: atomic files, leases that cannot go stale, states that tell the truth."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from curadiff import runs
from curadiff.errors import RunError
from curadiff.runs import launch

HOLD = """
import sys, time
from curadiff.runs import Lease
with Lease(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(home):
    """A run whose lease another living process holds."""
    run = runs.create("train", {}, name="held")
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "held\n"
    yield run, child
    child.kill()
    child.wait()
    child.stdout.close()


def test_a_run_is_created_opened_and_listed(home):
    run = runs.create("train", {"steps": 3}, name="one")
    assert runs.open_run("one").settings == {"steps": 3}
    assert runs.open_run(run.path).kind == "train"
    assert [r.id for r in runs.listing()] == ["one"]
    inner = runs.create("train", {}, name="two", folder=run.path / "runs")
    assert runs.open_run("two").path == inner.path
    with pytest.raises(RunError, match="exists"):
        runs.create("train", {}, name="one")
    with pytest.raises(RunError, match="did you mean 'one'"):
        runs.open_run("onee")
    with pytest.raises(RunError, match="letters, digits"):
        runs.create("train", {}, name="../x")


def test_runs_made_in_the_same_second_do_not_collide(home):
    assert len({runs.create("train", {}).id for _ in range(5)}) == 5


def test_a_lease_is_refused_while_it_is_held_and_free_after_a_kill(holder):
    run, child = holder
    assert runs.held(run.path)
    with pytest.raises(RunError, match=str(child.pid)), runs.Lease(run.path):
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    with runs.Lease(run.path):
        assert runs.held(run.path)


def test_a_killed_run_is_interrupted(holder):
    run, child = holder
    run.set_status("running", step=3)
    assert run.status["state"] == "running"
    child.kill()
    child.wait()
    assert run.status["state"] == "interrupted"
    assert run.status["step"] == 3


def test_a_started_run_has_time_to_take_its_lease(home, monkeypatch):
    run = runs.create("train", {})
    run.set_status("starting")
    assert run.status["state"] == "starting"
    later = time.time() + 120
    monkeypatch.setattr(time, "time", lambda: later)
    assert run.status["state"] == "interrupted"


def test_json_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    runs.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        runs.write_json(path, {"a": float("nan")})
    assert runs.read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    runs.write_json(path, {"a": 1})
    (tmp_path / f".tmp-{os.getpid()}-a.json").symlink_to("/dev/full")
    with pytest.raises(RunError, match="No space left"):
        runs.write_json(path, {"a": 2})
    assert runs.read_json(path) == {"a": 1}


def test_damaged_files_are_named(home):
    run = runs.create("train", {})
    (run.path / "run.json").write_text("{")
    with pytest.raises(RunError, match="not readable as JSON"):
        _ = run.kind
    with pytest.raises(RunError, match="does not exist"):
        runs.read_json(run.path / "none.json")


def test_a_log_survives_a_line_cut_off(home):
    run = runs.create("train", {})
    (run.path / "log.jsonl").write_text('{"step": 1}\n{"step": 2}\n{"st')
    assert run.log() == [{"step": 1}, {"step": 2}]
    (run.path / "log.jsonl").write_text('{"st\n{"step": 2}\n')
    with pytest.raises(RunError, match="line 1"):
        run.log()


def test_a_child_gets_its_own_session_and_log(home):
    run = runs.create("train", {})
    child = launch.start(run, launch.command("curadiff.runs.provenance"))
    assert os.getsid(child.pid) == child.pid or child.poll() is not None
    assert child.wait() == 0
    assert run.status["state"] == "starting"


def test_home_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("CURADIFF_HOME", str(blocked))
    with pytest.raises(RunError, match="CURADIFF_HOME"):
        runs.create("train", {})


def test_a_process_chooses_how_it_ends(tmp_path):
    import subprocess
    import sys

    def said(choice):
        words = f"""
import os, signal
from curadiff.runs import Asked, interrupt
asked = Asked()
try:
    {choice}
    os.kill(os.getpid(), signal.SIGTERM)
    print("remembered", asked())
except KeyboardInterrupt:
    print("interrupted")
"""
        command = [sys.executable, "-P", "-c", words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout.strip()

    assert said("asked.listen()") == "remembered True"
    assert said("interrupt()") == "interrupted"


def test_one_unreadable_run_leaves_the_others_usable(home):
    good, bad = runs.create("train", {}, name="good"), runs.create("train", {}, name="bad")
    (bad.path / "run.json").write_text("{")
    with pytest.warns(UserWarning, match=r"a run is left out: .*bad/run.json is not readable"):
        assert [run.id for run in runs.listing()] == ["good"]
    (good.path / "status.json").write_text("")  # as a power cut may leave it
    assert good.status["state"] == "new"
    good.set_status("running", step=3)
    assert good.status["step"] == 3


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(RunError, match=r"could not open .*lease: No such file or directory; a run"):
        runs.Lease(tmp_path / "gone").__enter__()
