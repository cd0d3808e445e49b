"""A whole study of the network that is not trained, with a preview, judged and rated."""

import curadiff
import pytest
from curadiff import runs
from curadiff.datasets import ratings

TINY = {
    "name": "mixed",
    "arms": ["random", "coreset"],
    "budget": 8,
    "seeds": [0],
    "held_out": 0.25,
    "embed": {"encoder": "builtin"},
    "generate": {"count": 8, "steps": 2, "sampler": "ddim"},
    "evaluate": {"encoder": "builtin", "bootstrap": 5, "null_draws": 1},
}
SMALL = {"image_size": 16, "decide_size": 16, "device": "cpu"}


@pytest.mark.slow
def test_a_study_of_the_analytic_network_is_judged_and_rated(embedded, home):
    train = {"network": "analytic", **SMALL}
    result = curadiff.study(embedded, progress=False, train=train, **TINY)
    try:
        assert {row["arm"] for row in result.outcomes} == {"random", "coreset"}
        for outcome in result.outcomes:
            assert outcome["values"]["held_out"]["frechet_distance"] > 0
        assert not (result.run.path / "preview.json").exists()  # it would be the same again
        assert "Frechet distance: difference from random" in result.report.read_text()
        rating = curadiff.rate_start(result.generated, name="looked")
        assert set(rating.arms) == {"random", "coreset"}
    finally:
        for name in ratings.rating_names():
            ratings.delete_rating(name)
        delete_dataset(result.generated)


@pytest.mark.slow
def test_a_study_shows_its_preview_beside_the_trained_arms(embedded, home):
    train = {
        "preset": "demo",
        "base_channels": 16,
        "multipliers": "1-1",
        "steps": 2,
        "batch_size": 4,
        "warmup": 0,
        "cooldown": 0,
        "checkpoint_every": 2,
        **SMALL,
    }
    few = {"name": "few", "method": "coreset", "budget": 5}
    arms = {**TINY, "arms": [*TINY["arms"], few]}
    result = curadiff.study(embedded, progress=False, train=train, preview="yes", **arms)
    try:
        noted = runs.read_json(result.run.path / "preview.json")
        assert noted["arms"] == {"random": "random", "coreset": "coreset", "few": "few"}
        preview = runs.open_run("mixed-preview")
        images = {
            one["name"]: one["images"] for one in runs.read_json(preview.path / "outcomes.json")
        }
        assert images == {"random": 8, "coreset": 8, "few": 5}
        said = runs.read_json(result.run.path / "study.json")["preview"]
        assert said["run"] == str(preview.path)
        frechet = said["agreement"][0]
        assert (frechet["metric"], frechet["arms"]) == ("frechet_distance", 3)
        assert -1 <= frechet["kendall"] <= 1
        split = runs.read_json(preview.path / "split.json")
        mine = runs.read_json(result.run.path / "split.json")
        assert sorted(split["held_out"]) == sorted(mine["held_out"])
        page = result.report.read_text()
        assert "What the preview said" in page
        assert "over 3 arms; too few arms to say" in page
    finally:
        delete_dataset(result.generated)


def delete_dataset(name):
    import fiftyone as fo

    if fo.dataset_exists(name):
        fo.delete_dataset(name)
