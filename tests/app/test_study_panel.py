"""The study panel: every training of an arm is shown, selections and seeds told apart."""

from types import SimpleNamespace

import fiftyone.operators as foo
import pytest
from curadiff import config, runs
from curadiff.common.errors import RunError
from curadiff.operators.panels import study
from curadiff.studies import splitting
from curadiff.studies.report import grids


def walked(properties):
    """All properties of a page, those inside of others too."""
    for field in properties.values():
        yield field
        if hasattr(field.type, "properties"):
            yield from walked(field.type.properties)


def test_a_grid_is_shown_for_every_draw_of_the_random_arm(home):
    run = runs.create("study", {}, name="two-draws")
    (run.path / "grids").mkdir()
    cells = [  # the first draw has the number of the seed
        ("random", 0, 0, "random-s0"),
        ("random", 1, 0, "random-d1-s0"),
        ("coreset", None, 0, "coreset-s0"),
        ("random", 1, 1, "random-s1"),
        ("random", 0, 1, "random-d0-s1"),
        ("coreset", None, 1, "coreset-s1"),
    ]
    outcomes = [
        {"arm": arm, "draw": draw, "seed": seed, "cell": cell} for arm, draw, seed, cell in cells
    ]
    for outcome in outcomes:
        grids.path_of(run, outcome).write_bytes(b"png")
    page = foo.types.Object()
    study._grids(page, run, outcomes, ["coreset", "random"])
    texts = [field.default for field in walked(page.properties) if isinstance(field.default, str)]
    pictures = [text for text in texts if text.startswith("/media")]
    assert len(set(pictures)) == len(cells)
    assert [text for text in texts if ", seed " in text] == [
        "coreset, seed 0",
        "random, selection 0, seed 0",
        "random, selection 1, seed 0",
        "coreset, seed 1",
        "random, selection 0, seed 1",
        "random, selection 1, seed 1",
    ]


def test_a_division_is_read_and_a_damaged_one_is_refused(home):
    run = runs.create("study", {}, name="divided")
    with pytest.raises(RunError, match=r"split\.json"):
        splitting.division_of(run)
    runs.write_json(run.path / "split.json", {"pool": ["a", "b"], "held_out": ["c"]})
    divided = splitting.division_of(run)
    assert (divided.pool, divided.held_out, divided.notes) == (["a", "b"], ["c"], [])
    runs.write_json(run.path / "split.json", {"pool": ["a", 3], "held_out": []})
    with pytest.raises(RunError, match="is damaged: a side is no list of images; go on with"):
        splitting.division_of(run)


def test_a_study_that_failed_says_why_and_what_to_do(home, dataset):
    run = runs.create("study", config.StudySettings().model_dump(mode="json"), name="bad")
    run.add(dataset=dataset.name)
    why = "1 of 2 trainings failed. To try these again: Resume in the App"
    run.set_status("failed", message="half: done", progress=0.5, trainings=2, error=why)
    ctx = SimpleNamespace(dataset=dataset, panel=SimpleNamespace(get_state=lambda _: None))
    shown = str(study.StudyPanel().render(ctx).type.to_json())
    assert shown.count(why) == 1
    assert "**bad** failed" in shown
    assert "half: done" not in shown  # which it does no more
