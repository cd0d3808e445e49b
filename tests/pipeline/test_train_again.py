"""``train --name`` again: the same command goes on, another one is told how to."""

from __future__ import annotations

import pytest
from curadiff import runs
from curadiff.common.errors import RunError
from curadiff.datasets import writing

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
    older = {name: value for name, value in run.settings.items() if name != "dropout"}
    run.add(settings=older)  # as a version wrote it that did not know a setting
    assert asked()[0].path == run.path
    assert started.pop() == "mine"
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
    from curadiff.workflows.training import follow

    run = runs.create("train", {}, name="one")
    run.set_status(**status)
    with pytest.raises(RunError) as raised:
        follow(run, progress=False)
    assert ("curadiff train --resume one" in str(raised.value)) == resumed


@pytest.fixture
def eight(dataset):
    """A selection of eight images, of which a person takes two out of the tag and adds one."""
    import curadiff

    chosen = curadiff.select(dataset, method="random", budget=8, name="eight").ids
    dataset.select(chosen[:2]).untag_samples("eight")
    dataset.exclude(chosen).limit(1).tag_samples("eight")
    return chosen


def images_of(run):
    return set(runs.read_json(run.path / "manifest.json")["ids"])


@pytest.mark.parametrize("how", ["name", "view of the ids", "changed view"])
def test_a_selection_is_trained_on_as_it_was_chosen(asked, dataset, eight, how, capsys):
    samples = f"{dataset.name}:eight"
    if how == "view of the ids":
        samples = dataset.select(eight)
    if how == "changed view":
        dataset.save_view("eight", dataset.limit(3), overwrite=True)
    run, _ = asked(samples)
    assert images_of(run) == set(dataset.select(eight).values("source_id"))
    assert run.record["arm"] == "eight"
    said = run.record["selection_changed"]
    assert said in capsys.readouterr().err
    assert "the tag 'eight' was changed since the selection was made: 1 more and 2 fewer" in said
    assert ("the saved view 'eight' was changed" in said) == (how == "changed view")
    assert said.endswith("The 8 images that were chosen are used.")


def test_a_changed_tag_is_trained_on_where_it_is_asked_for(asked, dataset, eight):
    run, _ = asked(dataset.match_tags("eight"))
    assert len(images_of(run)) == 7
    assert images_of(run) == set(dataset.match_tags("eight").values("source_id"))
    assert run.record["arm"] == "view"
    said = run.record["selection_changed"]
    advice = f"for those that were chosen, give {dataset.name}:eight."
    assert f"The 7 images with the tag are used; {advice}" in said
    dataset.delete_samples(eight[:3])
    run, _ = asked(f"{dataset.name}:eight", name="five")
    assert len(images_of(run)) == 5
    assert "3 of the images of 'eight' are no longer in" in run.record["selection_changed"]
    assert run.record["arm"] == "eight"


def test_an_unchanged_selection_says_nothing(asked, dataset):
    import curadiff

    found = curadiff.select(dataset, method="random", budget=8, name="eight")
    for number, samples in enumerate((found.view, dataset.match_tags("eight"), dataset.limit(3))):
        run, _ = asked(samples, name=f"run-{number}")
        assert "selection_changed" not in run.record
        assert run.record["arm"] == ("view" if number == 2 else "eight")
