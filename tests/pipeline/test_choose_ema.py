"""The length of an average is chosen by what it draws."""

import curadiff
import numpy as np
import pytest
from curadiff import runs
from curadiff.common.errors import RunError, SettingsError
from curadiff.config import TrainSettings
from curadiff.diffusion import prepare, train_here
from PIL import Image


def test_the_lengths_are_ordered_by_their_frechet_distance(tmp_path, monkeypatch):
    monkeypatch.setenv("CURADIFF_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    paths = []
    for number in range(6):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(paths[-1])
    settings = TrainSettings(
        image_size=8, base_channels=16, multipliers="0.5", layers=1, steps=6, batch_size=4,
        timesteps=20, learning_rate=1e-2, device="cpu", grid_every=99, power_ema_every=2,
    )  # fmt: skip
    run = runs.create("train", settings.model_dump(), name="one")
    prepare(run, ids=list("abcdef"), paths=paths, settings=settings)
    train_here(run)
    options = {
        "drawing": {"count": 5, "steps": 2, "device": "cpu"},
        "judging": {"encoder": "builtin", "device": "cpu"},
        "progress": False,
    }
    found = curadiff.choose_ema(run, tmp_path, lengths=(None, 0.1, 0.08), **options)
    assert set(found) == {None, 0.1, 0.08}
    assert list(found.values()) == sorted(found.values())
    folder = curadiff.generate(run, ema=0.08, progress=False, **options["drawing"])
    alone = curadiff.evaluate(
        folder, tmp_path, metrics=["frechet_distance"], counts="unequal", null_draws=0,
        bootstrap=0, encoder="builtin", device="cpu", progress=False,
    )  # fmt: skip
    assert found[0.08] == pytest.approx(alone.values["frechet_distance"])
    with pytest.raises(SettingsError, match="lengths must name at least one"):
        curadiff.choose_ema(run, tmp_path, lengths=())
    for given, sentence in (
        ({"drawing": {"ema": 0.1}}, "drawing must not give ema: lengths says it; leave it out"),
        ({"drawing": {"folder": "here"}}, "drawing must not give folder: the images of each"),
        ({"judging": {"metrics": ["kid"]}}, "judging must not give metrics: lengths are ordered"),
        ({"judging": {"progress": False}}, "judging must not give progress: it is an argument"),
        ({"drawing": {"weights": "raw"}}, "ema is a length of averaged weights; leave it or wei"),
        ({"judging": {"encodr": "builtin"}}, "did you mean 'encoder'"),
    ):
        with pytest.raises(SettingsError, match=sentence):
            curadiff.choose_ema(run, tmp_path, **given)
    settings = settings.changed(power_ema_every=None)
    plain = runs.create("train", settings.model_dump(), name="plain")
    prepare(plain, ids=list("abcdef"), paths=paths, settings=settings)
    train_here(plain)
    with pytest.raises(RunError, match="has no snapshots of averages up to step 6"):
        curadiff.choose_ema(plain, tmp_path, **options)
    assert not (plain.path / "generated").exists(), "it is refused before anything is drawn"
