"""A study whose models are trained by a program of the user's; and what it reads: an export."""

from __future__ import annotations

import json
import sys
import time

import curadiff
import fiftyone as fo
import pytest
from curadiff import runs
from curadiff.common.errors import DataError, RunError, SettingsError
from curadiff.config import StudySettings
from curadiff.config.owner import refused_in_app
from PIL import Image

from .test_study import SIZES

PROGRAM = """
import json, pathlib, random, sys
from PIL import Image, ImageOps
images, out, seed, steps = sys.argv[1:]
lines = [json.loads(line) for line in open(pathlib.Path(images) / "metadata.jsonl")]
assert all(line["text"] for line in lines), "captions are missing"
random.seed(int(seed))
if (pathlib.Path(images).parents[2] / "broken").exists() and "full" in images:
    sys.exit("no GPU today")
for number in range(8):
    line = random.choice(lines)
    image = Image.open(pathlib.Path(images) / line["file_name"]).convert("RGB").resize((16, 16))
    ImageOps.posterize(image, 4 + int(steps) % 3).save(f"{out}/{number}.jpg")
print("trained for", steps, "steps with seed", seed)
"""


@pytest.fixture
def command(tmp_path, dataset):
    script = tmp_path / "my trainer.py"
    script.write_text(PROGRAM)
    dataset.set_values("caption", [f"picture; $(n) {n}" for n in range(len(dataset))])
    yield [sys.executable, str(script), "{images}", "{out}", "{seed}", "{steps}"]
    for name in fo.list_datasets("*-tiny*"):
        fo.delete_dataset(name)


def settings(command, **more):
    return {
        **SIZES,
        "arms": ["random", "full"],
        "trainer": "command",
        "command": command,
        "captions": "caption",
        **more,
    }


def test_a_program_trains_each_arm_and_its_images_are_judged(dataset, home, command):
    broken = home / "runs" / "tiny" / "broken"
    found = curadiff.study(dataset, progress=False, **settings(command))
    assert [(o["arm"], o["images"], o["counts"]["held_out"][1]) for o in found.outcomes] == [
        ("random", 8, 8),
        ("full", 30, 8),
    ]
    training = runs.Run(found.outcomes[0]["run_path"])
    assert "trained for 2 steps with seed 0" in (training.path / "output.log").read_text()
    assert training.kind == "command"
    assert training.status["state"] == "finished"
    assert found.outcomes[0]["values"]["held_out"]["frechet_distance"] > 0
    assert len(fo.load_dataset(found.generated)) == 16
    before = training.path.stat().st_mtime_ns
    assert curadiff.study(dataset, progress=False, **settings(command)).outcomes == found.outcomes
    assert training.path.stat().st_mtime_ns == before

    # One that fails does not stop the other, and is tried again.
    broken.touch()
    with pytest.raises(RunError, match=r"1 of 4 trainings .* failed \(full-s1: .*exit status 1"):
        curadiff.study(dataset, progress=False, **settings(command, seeds=[0, 1]))
    broken.unlink()
    assert len(curadiff.resume_study("tiny", progress=False).outcomes) == 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trainer": "command"}, "command is missing"),
        ({"command": ["a", "{images}", "{out}"]}, "trainer=command is missing"),
        ({"trainer": "command", "command": ["a", "{images}"]}, "must name {out}"),
        ({"captions": "caption"}, "captions are for trainer=command"),
    ],
)
def test_a_command_that_cannot_work_is_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        StudySettings(**values)


def test_the_app_may_not_ask_for_a_command():
    given = {"trainer": "command", "command": ["rm", "{images}", "{out}"]}
    refused = refused_in_app(StudySettings, given, allowed=[])
    assert "runs code" in refused["command"]


def test_a_selection_is_exported_as_an_image_folder(dataset, home, tmp_path, capsys):
    from curadiff.cli import main

    dataset.set_values("caption", [f'a "picture" nº {n}' for n in range(len(dataset))])
    chosen = curadiff.select(dataset, method="random", budget=5, name="five").view
    folder = tmp_path / "out"
    words = ["export", f"{dataset.name}:five", "--to", str(folder), "--captions", "caption"]
    assert main(words) == 0
    assert "5 images with captions from caption" in capsys.readouterr().out
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    assert [line["text"] for line in lines] == chosen.values("caption")
    assert [line["source"] for line in lines] == chosen.values("source_id")
    for line, path in zip(lines, chosen.values("filepath"), strict=True):
        with Image.open(folder / line["file_name"]) as copy, Image.open(path) as original:
            assert copy.tobytes() == original.tobytes()
    assert {path.name for path in folder.iterdir()} == {
        "metadata.jsonl",
        *(line["file_name"] for line in lines),
    }
    again = curadiff.export(chosen, to=folder, captions="caption")
    assert again.images == 5
    with pytest.raises(DataError, match=r"holds other files \(metadata.jsonl\)"):
        curadiff.export(chosen, to=folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match="holds other files"):
        curadiff.export(chosen, to=tmp_path / "mine")
    with pytest.raises(DataError, match="no field 'text'"):
        curadiff.export(chosen, to=tmp_path / "other", captions="text")


def test_stopping_ends_the_program_and_says_so(home):
    from curadiff.runs import launch
    from curadiff.studies import command_training

    program = "import time; print('begun', flush=True); time.sleep(60)"
    given = {"command": [sys.executable, "-c", program], "seed": 0, "steps": 3, "batch_size": 1}
    run = runs.create("command", given, name="slow")
    command_training.start(run)
    wait_until(lambda: "begun" in (run.path / "output.log").read_text())
    assert run.status["state"] == "running"
    assert launch.end(run) is not None
    wait_until(lambda: run.status["state"] not in runs.ACTIVE)
    assert run.status["state"] == "stopped"

    missing = runs.create("command", {**given, "command": ["no-such-program"]}, name="missing")
    command_training.start(missing)
    wait_until(lambda: missing.status["state"] == "failed")
    assert "could not start no-such-program: No such file" in missing.status["error"]


def wait_until(true, seconds=40):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.1)
