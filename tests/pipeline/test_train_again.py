"""``train --name`` again: the same command goes on, another one is told how to."""

from __future__ import annotations

import pytest
from curadiff import runs
from curadiff.datasets import writing
from curadiff.errors import RunError

TINY = {
    "image_size": 16, "base_channels": 16, "multipliers": "1", "layers": 1, "steps": 2,
    "batch_size": 2, "timesteps": 10, "device": "cpu", "mixed_precision": "no",
}  # fmt: skip


@pytest.fixture
def asked(home, dataset, monkeypatch):
    """Train without waiting; starts are counted instead of made."""
    import curadiff
    from curadiff import diffusion

    started = []
    monkeypatch.setattr(diffusion, "start", lambda run: started.append(run.id))

    def train(samples=dataset, **values):
        return curadiff.train(samples, wait=False, **{**TINY, "name": "mine", **values}), started

    return train


def test_the_same_command_goes_on_and_another_one_is_told_how(asked, dataset):
    run, started = asked()
    dataset.delete_run(f"train_{writing.key_of(run.id)}")  # killed before it was recorded
    assert asked()[0].path == run.path
    assert dataset.has_run(f"train_{writing.key_of(run.id)}")
    assert started == ["mine", "mine"]
    with pytest.raises(RunError, match=r"differs in steps; .* curadiff train --resume mine"):
        asked(steps=3)
    with pytest.raises(RunError, match="differs in the images; choose another name"):
        asked(dataset[:5])
    with runs.Lease(run.path):
        run.set_status("running")
        with pytest.raises(RunError, match="mine is running already"):
            asked()
    run.set_status("finished", step=2)
    assert asked()[0].status["state"] == "finished"
    assert started == ["mine", "mine"]
    runs.create("study", {}, name="taken")
    with pytest.raises(RunError, match="a study run is named taken"):
        asked(name="taken")


@pytest.mark.parametrize(
    ("status", "resumed"),
    [
        ({"state": "failed", "error": "start a new training.", "advised": True}, False),
        ({"state": "failed", "error": "KeyError: 'x'", "advised": False}, True),
        ({"state": "running"}, True),
    ],
)
def test_the_advice_fits_the_error(home, status, resumed):
    from curadiff.api.training import follow

    run = runs.create("train", {}, name="one")
    run.set_status(**status)
    with pytest.raises(RunError) as raised:
        follow(run, progress=False)
    assert ("curadiff train --resume one" in str(raised.value)) == resumed
