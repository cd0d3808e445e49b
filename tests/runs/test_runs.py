"""The run directory: atomic files, leases that cannot go stale, states that tell the truth."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from curadiff import runs
from curadiff.common.errors import RunError
from curadiff.common.temporary import temporary
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
    with pytest.raises(RunError, match=r"may take 200 bytes, .*, got 300 \(ööö"):
        runs.create("train", {}, name="ö" * 150)
    assert not runs.run_named("x" * 300).exists
    with pytest.raises(RunError, match="no run"):
        runs.open_run("x" * 300)


def test_runs_made_in_the_same_second_do_not_collide(home):
    assert len({runs.create("train", {}).id for _ in range(5)}) == 5


def test_a_lease_is_refused_while_it_is_held_and_free_after_a_kill(holder):
    run, child = holder
    assert runs.held(run.path)
    with pytest.raises(RunError, match=rf"by process {child.pid}; .* runs held --stop"):
        runs.Lease(run.path).__enter__()
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


def test_a_run_is_starting_as_long_as_the_process_that_was_started_lives(home, monkeypatch):
    run = runs.create("train", {})
    run.set_status("starting")
    assert run.status["state"] == "interrupted"  # nobody was started
    child = launch.start(run, [sys.executable, "-c", "import time; time.sleep(60)"])
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)  # whatever the clock says
    assert run.status["state"] == "starting"
    with pytest.raises(RunError, match="is starting already"):
        launch.start(run, ["true"])
    child.kill()
    while Path(f"/proc/{child.pid}/stat").read_text().split()[2] != "Z":
        time.sleep(0.01)
    assert run.status["state"] == "interrupted"  # at once, and before anybody has waited for it
    monkeypatch.setattr(time, "time", lambda: later - 7200)
    assert run.status["state"] == "interrupted"
    assert launch.end(run) is None
    child.wait()


def test_what_cannot_be_started_has_failed(home):
    run = runs.create("train", {})
    with pytest.raises(RunError, match="could not start nowhere-to-be-found: No such file"):
        launch.start(run, ["nowhere-to-be-found"])
    assert run.status["state"] == "failed"


def test_a_launcher_that_died_before_its_child_began_leaves_it_interrupted(home):
    run = runs.create("train", {})
    code = """
import os, sys
from curadiff import runs
from curadiff.common import files
from curadiff.runs import launch
launch._spawn = lambda *words: os._exit(1)
launch.start(runs.open_run(sys.argv[1]), ["true"])
"""
    subprocess.run([sys.executable, "-P", "-c", code, str(run.path)], check=False)
    assert runs.read_json(run.path / "process.json")["child"] is None
    assert run.status["state"] == "interrupted"


def test_what_several_add_to_a_record_at_once_is_all_kept(home):
    run = runs.create("study", {})

    def add(number):
        for entry in range(10):
            runs.Run(run.path).add(**{f"{number}-{entry}": number})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    record = run.record
    assert all(record[f"{number}-{entry}"] == number for number in range(4) for entry in range(10))
    assert [path.name for path in run.path.iterdir()] == ["run.json"]


def test_json_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    runs.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        runs.write_json(path, {"a": float("nan")})
    assert runs.read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    runs.write_json(path, {"a": 1})

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="No space left"):
        runs.write_json(path, {"a": 2})
    assert runs.read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    folder = tmp_path / "runs"
    with pytest.raises(RunError, match=rf"could not write {folder}/one: No space left on device"):
        runs.create("train", {}, name="one", folder=folder)
    assert list(folder.iterdir()) == []


def test_every_flipped_bit_of_a_json_file_is_noticed(tmp_path):
    path = tmp_path / "a.json"
    value = {"steps": 300, "rate": 1e-4, "name": "größer", "inner": {"checksum": "mine"}}
    runs.write_json(path, value)
    assert runs.read_json(path) == value
    whole = path.read_bytes()
    for place in range(len(whole) - 1):  # a newline ends the file
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(RunError, match=re.escape(str(path))):
            runs.read_json(path)


def test_json_that_was_edited_is_refused_until_its_checksum_is_deleted(tmp_path):
    path = tmp_path / "a.json"
    runs.write_json(path, {"steps": 300})
    path.write_text(path.read_text().replace("300", "900"))
    with pytest.raises(RunError, match=r'was edited.*delete its entry "checksum"'):
        runs.read_json(path)
    path.write_text('{"steps": 900}')
    assert runs.read_json(path) == {"steps": 900}


def test_what_a_killed_process_was_writing_is_swept_by_the_next(tmp_path, home):
    code = """
import os, sys
from pathlib import Path
from curadiff.common import files
os.fsync = lambda handle: os.kill(os.getpid(), 9)
files.write_bytes(Path(sys.argv[1]), b"half")
"""
    run = runs.create("train", {})
    subprocess.run([sys.executable, "-P", "-c", code, str(run.path / "status.json")], check=False)
    (left,) = run.path.glob(".tmp-*")
    ours = temporary(run.path / "status.json")
    ours.write_bytes(b"being written")
    elsewhere = run.path / ".tmp-000000000000.1.2.3-status.json"
    elsewhere.write_bytes(b"by another machine")
    with runs.Lease(run.path):
        pass
    assert not left.exists()
    assert ours.exists()
    assert elsewhere.exists()
    os.utime(elsewhere, (0, 0))
    with runs.Lease(run.path):
        pass
    assert not elsewhere.exists()


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
    (run.path / "log.jsonl").write_text('{"st\n3\n{"step": 2}\n')
    with pytest.warns(UserWarning, match="2 lines of .*log.jsonl are damaged and left out"):
        assert run.log() == [{"step": 2}]


def test_a_child_gets_its_own_session_and_log(home):
    run = runs.create("train", {})
    child = launch.start(run, ["sleep", "60"])
    assert os.getsid(child.pid) == child.pid
    child.kill()
    child.wait()
    child = launch.start(run, launch.command("curadiff.version"))
    assert child.wait() == 0
    assert run.status["state"] == "interrupted"  # it said nothing of itself


def test_home_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("CURADIFF_HOME", str(blocked))
    with pytest.raises(RunError, match="CURADIFF_HOME"):
        runs.create("train", {})


def test_a_process_chooses_how_it_ends(tmp_path):
    def said(choice):
        words = f"""
import os, signal
from curadiff.runs import StopRequest, interrupt
asked = StopRequest()
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


@pytest.mark.parametrize(
    "content", [b"{", b"{}", b"[]", b"null", b'{"kind": 3}', b"\xff\xfe", b"", b"[" * 100_000]
)
def test_one_unreadable_run_leaves_the_others_usable(home, content):
    good, bad = runs.create("train", {}, name="good"), runs.create("train", {}, name="bad")
    (bad.path / "run.json").write_bytes(content)
    with pytest.warns(UserWarning, match=r"a run is left out: .*bad/run.json is"):
        assert [run.id for run in runs.listing()] == ["good"]
    found, damaged = runs.survey()
    assert [run.id for run in found] == ["good"]
    assert [one.path for one in damaged] == [bad.path]
    assert runs.open_run("good").path == good.path


@pytest.mark.parametrize("content", [b"{", b"{}", b"[]", b'{"state": 1}', b"\xff\xfe\x00"])
def test_a_damaged_status_is_a_state_of_its_own(home, content):
    run = runs.create("train", {}, name="one")
    (run.path / "status.json").write_bytes(content)
    assert run.status["state"] == "damaged"
    assert "status.json" in run.status["error"]
    assert runs.Snapshot(run).status["state"] == "damaged"
    with runs.Lease(run.path):
        assert run.status["state"] == "running"
        run.set_status("running", step=3)
    assert run.status["step"] == 3
    (run.path / "status.json").write_bytes(b"")  # as a power cut may leave it
    assert run.status["state"] == "new"


def test_a_run_appears_whole_or_not_at_all(home):
    begun = runs.making("train", {}, name="one")
    hidden = begun.__enter__()
    (hidden.path / "manifest.json").write_text("{}")
    assert runs.survey() == ([], [])
    assert not begun.__exit__(ZeroDivisionError, ZeroDivisionError(), None)  # it goes on
    assert list((home / "runs").iterdir()) == []
    with runs.making("train", {}, name="one") as run:
        (run.path / "manifest.json").write_text("{}")
    assert run.path == home / "runs" / "one"


def test_a_run_keeps_its_identity_when_it_is_renamed(home):
    run = runs.create("train", {}, name="one")
    uid = run.uid
    run.path.rename(run.path.with_name("two"))
    assert runs.open_run("two").uid == uid != runs.create("train", {}).uid


def test_a_folder_that_is_no_run_keeps_its_name(home):
    theirs = home / "runs" / "mine"
    theirs.mkdir(parents=True)
    (theirs / "photo.jpg").write_bytes(b"photo")
    with pytest.raises(RunError, match="mine is there and is no run of Curadiff"):
        runs.create("train", {}, name="mine")
    assert (theirs / "photo.jpg").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(RunError, match=r"could not open .*lease: No such file or directory; a run"):
        runs.Lease(tmp_path / "gone").__enter__()


def test_a_plain_name_is_an_id_and_never_a_folder_that_happens_to_be_here(
    home, tmp_path, monkeypatch
):
    there = runs.create("train", {}, name="elsewhere", folder=tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(RunError, match=r"no run 'elsewhere' .*write \./elsewhere"):
        runs.open_run("elsewhere")
    assert runs.open_run("./elsewhere").path == there.path
    assert runs.open_run(Path("elsewhere")).path == there.path
