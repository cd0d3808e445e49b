"""The comparison of recipes runs from arrays to table at toy size."""

import argparse
import itertools
import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

RECIPE = Path(__file__).parents[1] / "benchmarks" / "recipe.py"


def called(*words):
    command = [sys.executable, str(RECIPE), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(RECIPE), run_name="recipe")


@pytest.mark.slow
def test_it_draws_goes_on_and_judges(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (40, 32, 32), dtype=np.uint8)
    np.savez(tmp_path / "toy.npz", train=pictures[:20], held_out=pictures[20:], mirrored=False)
    words = ["draw", tmp_path / "toy.npz", "--out", tmp_path / "drawings", "--device", "cpu"]
    words += ["--recipes", "small-data", "cpu-small", "--images", 4, 8, "--seeds", 1]
    words += ["--batch-size", 4, "--network", "lucidrains", "--base-channels", 16]
    words += ["--multipliers", "1-1", "--evaluations", 2, "--count", 6]
    lines = called(*words).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "toy-small-data-seed0 at 4",
        "toy-cpu-small-seed0 at 4",
        "toy-small-data-seed0 at 8",
        "toy-cpu-small-seed0 at 8",
        "all is drawn",
    ]
    out = tmp_path / "results" / "toy"
    drawings = [tmp_path / "drawings"] * 2  # the same twice counts once
    called("judge", tmp_path / "toy.npz", *drawings, "--out", out, "--note", "a toy")
    result = json.loads(out.with_suffix(".json").read_text())
    assert (len(result["values"]), result["note"]) == (4, "a toy")
    assert result["verdict"] == []  # no preset of the first ones is among them
    assert out.with_suffix(".svg").read_text().count("<polyline") == 4
    assert "| `small-data` |" in out.with_suffix(".md").read_text()
    with Image.open(out.with_suffix(".jpg")) as shown:
        assert shown.size == (1280, 2 * (128 + 26))


def test_nothing_begins_once_the_time_is_over(script, tmp_path, monkeypatch, capsys):
    np.savez(tmp_path / "toy.npz", train=np.zeros((2, 32, 32), np.uint8), mirrored=False)
    for name in ("CURADIFF_HOME", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    given = argparse.Namespace(
        seconds=0, work=None, out=tmp_path / "out", data=[tmp_path / "toy.npz"], threads=1,
        seeds=1, recipes=["fast", "without-augment"], images=[8, 16], parallel=1,
    )  # fmt: skip
    assert script["draw"](given) == 0
    assert "4 were left out" in capsys.readouterr().out


def test_sheets_keep_every_pixel(script):
    pictures = np.random.default_rng(1).integers(0, 256, (53, 32, 32, 3), dtype=np.uint8)
    assert np.array_equal(script["unpacked"](script["packed"](pictures), 53), pictures)


def test_recipes_cover_the_images_that_their_presets_do(script):
    given = argparse.Namespace(
        batch_size=128, network="unet2d", base_channels=32, multipliers="1-2-4",
        images=[128_000], compile="no", device="cpu",
    )  # fmt: skip
    cell = script["Cell"]("toy", "cpu-small", 3, True)
    settings = script["settings_of"](cell, given)
    assert settings.steps == 1000
    assert settings.learning_rate == pytest.approx(5e-4 * 8**0.5)  # batch 128 instead of 16
    assert settings.warmup == round(100 / 8)
    assert settings.cooldown == round(1000 * 1500 / 9000)
    assert settings.ema_decay == pytest.approx(0.999**8)
    assert (settings.augment, settings.dropout, settings.seed) == (0, 0, 3)
    one = script["settings_of"](cell._replace(recipe="without-dropout"), given)
    assert (one.augment, one.dropout) == (0.12, 0)


def test_every_recipe_has_settings_of_its_own(script):
    given = argparse.Namespace(
        batch_size=128, network="unet2d", base_channels=32, multipliers="1-2-4",
        images=[1280], compile="no", device="cpu",
    )  # fmt: skip
    cells = [script["Cell"]("toy", recipe, 0, False) for recipe in script["RECIPES"]]
    settings = [script["settings_of"](cell, given).model_dump() for cell in cells]
    assert all(one != other for one, other in itertools.combinations(settings, 2))


def test_a_recipe_is_held_against_the_better_of_the_first_presets():
    judge = runpy.run_path(str(RECIPE.with_name("recipe_judge.py")), run_name="judge")["verdict"]

    def value(recipe, images, frechet, memorized):
        return {"recipe": recipe, "images": images, "frechet": frechet, "memorized": memorized}

    values = [
        value("fast", 8, 90.0, 0.2), value("fast", 8, 110.0, 0.4), value("lightly-2023", 8, 120, 0),
        value("small-data", 8, 84.0, 0.3), value("cpu-small", 8, 102.0, 0.1),
        value("cpu-small", 16, 1.0, 0.0),
    ]  # fmt: skip
    lines = {line["recipe"]: line for line in judge(values)}
    assert set(lines) == {"small-data", "cpu-small"}  # with 16 images there is nothing to compare
    assert {line["best_first_preset"] for line in lines.values()} == {"fast"}
    assert lines["small-data"]["frechet_ratio"] == pytest.approx(0.84)
    assert [lines["small-data"]["met"], lines["cpu-small"]["met"]] == [True, True]
    assert not judge([*values[:3], value("small-data", 8, 86.0, 0.2)])[0]["met"]


def test_archives_stay_small_and_whole(script, tmp_path, monkeypatch):
    archives = script["Archives"](tmp_path / "new")
    monkeypatch.setitem(script["Archives"].add.__globals__, "ARCHIVE_BYTES", 1000)
    for number in range(4):
        archives.add(f"{number}", bytes(400))
    assert [path.name for path in archives.paths()] == ["drawings-00.zip", "drawings-01.zip"]
    assert dict(archives.read()) == {f"{number}": bytes(400) for number in range(4)}
