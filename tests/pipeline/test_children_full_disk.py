"""A disk that fills in a process of its own is what its caller raises, not a failure of one run."""

import pytest
from curadiff import runs
from curadiff.common.errors import DiskFull
from curadiff.config import GenerateSettings, TrainSettings
from curadiff.diffusion import generate, prepare, start, train_here
from curadiff.encoders.distributed import embedding
from curadiff.runs.failure import note_failure
from curadiff.workflows.training import follow

SETTINGS = {"network": "analytic", "image_size": 64, "decide_size": 16, "device": "cpu"}


@pytest.fixture
def prepared(photos, home):
    settings = TrainSettings(**SETTINGS)
    run = runs.create("train", settings.model_dump(), name="one")
    paths = sorted(photos.rglob("*.png"))
    prepare(run, ids=[path.stem for path in paths], paths=paths, settings=settings)
    return run


def test_a_training(prepared, little_room):
    with little_room(4096):  # its grid of samples is larger
        child = start(prepared)
    child.wait(120)
    assert prepared.status["error_kind"] == "DiskFull", (prepared.path / "output.log").read_text()
    with pytest.raises(DiskFull, match=r"one failed: could not write .*grids"):
        follow(prepared, progress=False)


def test_processes_that_draw(prepared, little_room):
    train_here(prepared)
    settings = GenerateSettings(count=4, steps=2, processes=2, device="cpu")
    with little_room(4096), pytest.raises(DiskFull, match=r"drawing into .* failed: could not wri"):
        generate(prepared, settings)


def test_processes_that_embed(home, monkeypatch):
    run = runs.create("embed", {})
    (run.path / "units").mkdir()
    (run.path / "units" / "0.json").touch()

    def begin(run, ranks, tell):
        note_failure(run, DiskFull("could not write a part", run.path))

    monkeypatch.setattr(embedding, "_start", begin)
    monkeypatch.setattr(embedding, "POLL", 0.0)
    with pytest.raises(DiskFull, match="have ended without their work: could not write a part"):
        list(embedding._finished(run, embedding.Ranks(2), None))
