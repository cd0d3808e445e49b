"""Deleting a run: what goes is said first, and nothing that is not Curadiff's goes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest
from curadiff import runs
from curadiff.common.errors import RunError
from curadiff.common.temporary import temporary
from curadiff.diffusion.sampling import image_folder
from curadiff.runs import deleting


@pytest.fixture
def run(home):
    """A training as one leaves it, with generated images."""
    run = runs.create("train", {"image_size": 16}, name="one")
    run.add(dataset="photos")
    (run.path / "log.jsonl").write_text("{}\n")
    for name in ("checkpoints/step-00000003/ema.safetensors", "grids/step-00000003.png"):
        (run.path / name).parent.mkdir(parents=True)
        (run.path / name).write_bytes(b"x" * 1000)
    drawn = run.path / "generated" / "ddim"
    drawn.mkdir(parents=True)
    runs.write_json(drawn / "generated.json", {"run": "one", "count": 2, "seeds": [0, 1]})
    for number in range(2):
        (drawn / f"{number:06d}.png").write_bytes(b"png")
    return run


@pytest.fixture
def photograph(home):
    """A photograph in a folder beside the home, which must survive everything."""
    path = home.parent / "album" / "photo.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"the only copy")
    (path.parent / "run.json").write_text('{"kind": "train", "settings": {}, "created": "x"}')
    yield path
    assert path.read_bytes() == b"the only copy"


def test_what_goes_is_said_and_then_it_is_gone(run):
    plan = deleting.prepare("one")
    assert (plan.files, plan.images) == (7, 2)
    assert "7 files; 0.0 MB; 2 generated images" in str(plan)
    assert "What FiftyOne has of it with 'photos' stays" in str(plan)
    assert run.path.exists()
    plan.carry_out()
    assert list((runs.home() / "runs").iterdir()) == []


@pytest.mark.parametrize("status", ['{"state": "running"}', '{"state": ["x"]}', "[]"])
def test_a_run_that_was_killed_or_has_a_damaged_status_can_be_deleted(run, status):
    (run.path / "status.json").write_text(status)
    (run.path / "process.json").write_text("[1]")
    runs.write_json(run.path / "generated" / "ddim" / "generated.json", {"count": 10**15})
    deleting.prepare("one").carry_out()
    assert not run.path.exists()


def test_what_was_put_aside_as_damaged_goes_with_its_run(run, home):
    drawn = run.path / "generated" / "ddim"
    (drawn / "000001.png").write_bytes(b"cut off")
    for _ in range(2):
        with pytest.warns(UserWarning, match="were damaged, first 000000.png"):
            image_folder.put_aside_damaged(drawn, 2)
        (drawn / "000000.png").write_bytes(b"cut off again")
    assert (drawn / ".damaged-damaged-000000.png").exists()
    deleting.prepare("one").carry_out()
    study = runs.create("study", {}, name="two")
    (study.path / "cells").mkdir()
    for name in ("split.damaged", "cells/random-s0.damaged"):
        (study.path / name).write_text("{")
    deleting.prepare("two").carry_out()
    assert list((home / "runs").iterdir()) == []


@pytest.mark.parametrize("name", [".tmp-mine.txt", ".tmp-work/notes.txt", "runs/.tmp-work/a.txt"])
def test_temporary_files_of_somebody_else_are_not_deleted(run, name):
    mine = run.path / name
    mine.parent.mkdir(exist_ok=True, parents=True)
    mine.write_text("mine")
    with pytest.raises(RunError, match=r"holds files that Curadiff did not make: .*\.tmp-"):
        deleting.prepare("one")
    assert mine.read_text() == "mine"


def test_what_a_killed_write_left_goes_with_its_run(run):
    for name in ("a.json", "checkpoints/step-00000006/model.safetensors", "runs/two/run.json"):
        left = temporary(run.path / name)
        left.parent.mkdir(exist_ok=True, parents=True)
        left.write_text("half")
    shutil.rmtree(run.path / "runs")
    (temporary(run.path / "runs" / "two") / "grids").mkdir(parents=True)
    deleting.prepare("one").carry_out()
    assert list((runs.home() / "runs").iterdir()) == []


def test_a_preview_can_be_deleted(home):
    made = runs.create("preview", {}, name="soon")
    for name in ("arms/full.json", "cells/full-0.json", "split.json", "preview.html"):
        (made.path / name).parent.mkdir(exist_ok=True)
        (made.path / name).write_text("{}")
    deleting.prepare("soon").carry_out()
    assert not made.path.exists()


def test_a_damaged_process_record_spoils_no_list(run):
    (run.path / "status.json").write_text('{"state": "starting", "heartbeat": "x"}')
    (run.path / "process.json").write_text("[1]")
    assert run.status["state"] == "interrupted"


@pytest.mark.parametrize(
    "where",
    ["photo.jpg", "generated/ddim/000002.png", "generated/mine/a.jpg", "grids/me.png", "notes.txt"],
)
def test_files_of_others_are_named_and_nothing_is_deleted(run, where):
    (run.path / where).parent.mkdir(exist_ok=True)
    (run.path / where).write_bytes(b"the only copy")
    plan = None
    with pytest.raises(RunError, match=rf"did not make: {run.path / where}\. Move them away"):
        plan = deleting.prepare(run)
    assert plan is None
    assert (run.path / "run.json").exists()


def test_what_is_added_between_asking_and_deleting_is_not_deleted(run):
    plan = deleting.prepare(run)
    (run.path / "photo.jpg").write_bytes(b"the only copy")
    with pytest.raises(RunError, match="did not make"):
        plan.carry_out()
    assert (run.path / "photo.jpg").exists()


def test_paths_out_of_the_home_are_refused(run, photograph, monkeypatch):
    home, album = runs.home(), photograph.parent
    monkeypatch.chdir(home / "runs")
    (home / "runs" / "link").symlink_to(album)
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "run.json").write_bytes((album / "run.json").read_bytes())
    for given in (
        "../../album",
        album,
        str(album),
        "link",
        home / "runs" / "link",
        home,
        home / "runs",
        "../elsewhere",
        "one/../../../album",
        "one/checkpoints",
        "",
        ".",
    ):
        with pytest.raises(RunError, match=r"is not a run in|has no run\.json|no run"):
            deleting.prepare(given)
        with pytest.raises(RunError):
            deleting.prepare(runs.Run(home / "runs" / given))
    assert run.path.exists()


def test_links_inside_a_run_are_refused_and_not_followed(run, photograph):
    (run.path / "grids" / "step-00000009.png").symlink_to(photograph)
    with pytest.raises(RunError, match="did not make"):
        deleting.prepare(run)
    (run.path / "grids" / "step-00000009.png").unlink()
    (run.path / "compile-cache").symlink_to(photograph.parent)
    with pytest.raises(RunError, match="did not make"):
        deleting.prepare(run)


def test_the_home_itself_may_be_a_link(run, tmp_path, monkeypatch):
    (tmp_path / "linked").symlink_to(runs.home())
    monkeypatch.setenv("CURADIFF_HOME", str(tmp_path / "linked"))
    deleting.prepare("one").carry_out()
    assert not run.path.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "no kind"),
        ("{", "not readable"),
        ('{"kind": "album", "settings": {}, "created": ""}', "kind 'album'"),
    ],
)
def test_what_is_no_known_run_is_refused(run, content, said):
    (run.path / "run.json").write_text(content)
    with pytest.raises(RunError, match=said):
        deleting.prepare(run.path)
    assert (run.path / "log.jsonl").exists()


def test_a_study_goes_with_its_trainings_unless_one_is_at_work(home):
    study = runs.create("study", {}, name="s")
    (study.path / "split.json").write_text("{}")
    inner = runs.create("train", {}, name="s-a", folder=study.path / "runs")
    with runs.Lease(inner.path):
        inner.set_status("running")
        with pytest.raises(RunError, match="s-a is running; stop it first"):
            deleting.prepare(study)
    inner.set_status("stopped")
    plan = deleting.prepare(study)
    assert plan.trainings == ["s-a"]
    with runs.Lease(inner.path), pytest.raises(RunError, match="in use"):
        plan.carry_out()
    assert (inner.path / "run.json").exists()
    (study.path / "runs" / "holiday").mkdir()
    with pytest.raises(RunError, match=r"did not make: .*holiday"):
        plan.carry_out()
    (study.path / "runs" / "holiday").rmdir()
    deleting.prepare(inner).carry_out()
    deleting.prepare("s").carry_out()
    assert list((home / "runs").iterdir()) == []


def test_a_study_whose_trainings_were_programs_can_be_deleted(home):
    study = runs.create("study", {}, name="s")
    inner = runs.create("command", {"command": ["true"]}, name="s-a", folder=study.path / "runs")
    for name in ("manifest.json", "images/000000.png", "images/metadata.jsonl", "images-out/a.JPG"):
        (inner.path / name).parent.mkdir(exist_ok=True)
        (inner.path / name).touch()
    weights = inner.path / "images-out" / "lora.safetensors"  # of the user's program
    weights.touch()
    with pytest.raises(RunError, match=rf"did not make: {weights}"):
        deleting.prepare("s")
    weights.unlink()
    odd = runs.create("unheard", {}, name="s-b", folder=study.path / "runs")
    with pytest.raises(RunError, match=r"did not make: .*s-b/run.json"):
        deleting.prepare("s")
    shutil.rmtree(odd.path)
    deleting.prepare("s").carry_out()
    assert not study.path.exists()


KILLED = """
import os, sys
from curadiff.common import files
from curadiff.runs import deleting
left = int(sys.argv[2])
def counted(event, arguments):
    global left
    if event in ("os.remove", "os.rmdir", "os.rename", "open"):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
plan = deleting.prepare(sys.argv[1])
sys.addaudithook(counted)
plan.carry_out()
"""


def test_killed_at_any_moment_a_deletion_leaves_a_whole_run_or_none(run):
    content = {path.relative_to(run.path): path.read_bytes() for path in files(run)}
    after = 0
    for moment in range(1, 60, 3):
        command = [sys.executable, "-P", "-c", KILLED, str(run.path), str(moment)]
        killed = subprocess.run(command, check=False).returncode != 0
        if not killed:
            break
        if run.path.exists():
            found = {path.relative_to(run.path): path.read_bytes() for path in files(run)}
            assert content.items() <= found.items()
            continue
        after += 1
        with runs.making("train", {"image_size": 16}, name="one") as again:
            for path, data in content.items():
                (again.path / path).parent.mkdir(parents=True, exist_ok=True)
                (again.path / path).write_bytes(data)
        assert [path.name for path in (runs.home() / "runs").iterdir()] == ["one"]
    assert after > 2


def files(run):
    return [path for path in run.path.rglob("*") if path.is_file() and path.stat().st_size]


@dataclass
class Terminal:
    answer: str

    def isatty(self):
        return True

    def readline(self):
        return self.answer + "\n"


def test_the_shell_asks_before_it_deletes(run, capsys, monkeypatch):
    from curadiff.cli import main

    assert main(["runs", "one", "--delete"]) == 2
    out, error = capsys.readouterr()
    assert "This deletes one (train)" in out
    assert "give --yes" in error
    monkeypatch.setattr(sys, "stdin", Terminal("n"))
    assert main(["runs", "one", "--delete"]) == 0
    assert "Nothing was deleted" in capsys.readouterr().out
    assert run.path.exists()
    monkeypatch.setattr(sys, "stdin", Terminal("y"))
    assert main(["runs", "one", "--delete"]) == 0
    assert not run.path.exists()
    assert main(["runs", "one", "--delete", "--yes"]) == 2
    assert "no run" in capsys.readouterr().err


def test_the_list_names_verb_data_set_and_errors(home, capsys):
    from curadiff.cli import main

    job = runs.create("job", {}, name="job-1")
    job.add(verb="embed", dataset="photos")
    job.set_status("failed", error="the disk\nis full", message="the disk\nis full")
    broken = runs.create("train", {}, name="broken")
    (broken.path / "run.json").write_text("{}")
    odd = runs.create("train", {}, name="odd")
    (odd.path / "status.json").write_text("[")
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if line.startswith("job-1"))
    assert row.split()[1:4] == ["embed", "photos", "failed"]
    assert lines[lines.index(row) + 1] == "    the disk is full"
    assert any(line.startswith("broken") and "damaged" in line for line in lines)
    assert sum("is damaged: it has no kind" in line for line in lines) == 1
    assert any(line.startswith("odd") and "damaged" in line for line in lines)
    assert main(["runs", "job-1"]) == 0
    shown = capsys.readouterr().out
    assert "(job: embed)" in shown
    assert "seconds ago" in shown
    assert "heartbeat" not in shown
    assert os.fspath(job.path) in shown
