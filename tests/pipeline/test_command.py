"""A study whose models are trained by a program of the user's; and what it reads: an export."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

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


@pytest.mark.slow
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


UNCONDITIONAL = """
import argparse, json, pathlib
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from PIL import Image

parser = argparse.ArgumentParser()  # the options of diffusers' script that have no default in ours
parser.add_argument("--train_data_dir")
parser.add_argument("--output_dir", default="ddpm-model-64")
parser.add_argument("--resolution", type=int, default=64)
parser.add_argument("--train_batch_size", type=int, default=16)
parser.add_argument("--num_epochs", type=int, default=100)
parser.add_argument("--learning_rate", type=float, default=1e-4)
parser.add_argument("--mixed_precision", default="no", choices=["no", "fp16", "bf16"])
args = parser.parse_args()

folder = pathlib.Path(args.train_data_dir)
lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
size = (args.resolution, args.resolution)
files = [Image.open(folder / line["file_name"]).convert("RGB").resize(size) for line in lines]
pixels = [torch.frombuffer(bytearray(f.tobytes()), dtype=torch.uint8) for f in files]
x = torch.stack(pixels).reshape(-1, *size, 3).permute(0, 3, 1, 2).float() / 127.5 - 1
blocks = {"down_block_types": ["DownBlock2D"] * 2, "up_block_types": ["UpBlock2D"] * 2}
small = {"block_out_channels": [8, 8], "layers_per_block": 1, "norm_num_groups": 4}
model = UNet2DModel(sample_size=args.resolution, **small, **blocks)
scheduler, steps = DDPMScheduler(num_train_timesteps=1000), 0
optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate)
for _ in range(args.num_epochs):
    for batch in torch.randperm(len(x)).split(args.train_batch_size):
        noise, t = torch.randn_like(x[batch]), torch.randint(0, 1000, (len(batch),))
        loss = (model(scheduler.add_noise(x[batch], noise, t), t).sample - noise).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        steps += 1
print("made", steps, "steps; first random number", float(next(model.parameters()).sum()))
DDPMPipeline(model, scheduler).save_pretrained(args.output_dir)
"""


@pytest.mark.slow
def test_a_script_with_the_options_of_diffusers_own_is_trained_seeded_and_drawn_from(
    dataset, home, tmp_path
):
    script = tmp_path / "train_unconditional.py"
    script.write_text(UNCONDITIONAL)
    program = Path(__file__).parents[2] / "docs" / "trainers" / "unconditional.py"
    own = ["--resolution=16", "--train_batch_size=4", "--count=8"]
    words = [sys.executable, str(program), str(script), "{images}", "{out}", "{seed}", "{steps}"]
    given = settings([*words, *own], captions=None, arms=["random"], seeds=[0, 1])
    given["train"] = {**SIZES["train"], "steps": 3}
    given["generate"] = {"count": 8, "steps": 2}
    try:
        found = curadiff.study(dataset, progress=False, **given)
        trainings = [runs.Run(outcome["run_path"]) for outcome in found.outcomes]
        logs = [(training.path / "output.log").read_text() for training in trainings]
        # 8 images in batches of 4 are 2 steps an epoch; 3 steps are 2 epochs.
        assert all("made 4 steps" in log for log in logs)
        assert len({log[log.index("first random number") :] for log in logs}) == 2
        for outcome, training in zip(found.outcomes, trainings, strict=True):
            drawn = sorted((training.path / "images-out").glob("*.png"))
            assert len(drawn) == 8
            with Image.open(drawn[0]) as image:
                assert image.size == (16, 16)
            assert outcome["counts"]["held_out"][1] == 8
    finally:
        for name in fo.list_datasets("*-tiny*"):
            fo.delete_dataset(name)


def test_an_export_is_whole_or_begun_and_takes_nobodys_files(dataset, home, tmp_path, monkeypatch):
    from curadiff.workflows import exporting

    chosen = curadiff.select(dataset, method="random", budget=5, name="five").view
    folder, theirs, real = tmp_path / "out", tmp_path / "theirs", exporting._copy
    theirs.mkdir()
    (theirs / "000000.png").write_text("somebody's picture")
    with pytest.raises(DataError, match=r"holds other files \(000000.png\)"):
        curadiff.export(chosen, to=theirs)
    assert (theirs / "000000.png").read_text() == "somebody's picture"

    def killed(source, target):
        with pytest.raises(runs.Busy):  # a second one at the same time
            curadiff.export(chosen.limit(3), to=folder)
        if target.stem == "000002":
            raise KeyboardInterrupt
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(exporting, "_copy", killed)
        with pytest.raises(KeyboardInterrupt):
            curadiff.export(chosen, to=folder)
    assert sorted(path.name for path in folder.glob("[!.]*")) == ["000000.png", "000001.png"]
    with pytest.raises(DataError, match=r"holds other files \(.metadata.jsonl\)"):
        curadiff.export(chosen.skip(1), to=folder)
    assert curadiff.export(chosen, to=folder).images == 5
    names = [f"{rank:06d}.png" for rank in range(5)]
    assert sorted(path.name for path in folder.iterdir()) == [*names, "metadata.jsonl"]
