"""Arms of many kinds: draws, budgets, tags, views, values left out; one that changes.

Trainings and drawings are replaced by ones that take no time; everything else is real.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import curadiff
import pytest
from curadiff import runs
from curadiff.common.errors import DataError, SettingsError
from curadiff.config import StudySettings
from curadiff.studies import arm_images, planning
from curadiff.studies.leaving_out import baseline, with_left_out

from .test_study import SIZES
from .test_study_again import go, quick  # noqa: F401 - a fixture


def trained_on(outcome):
    return set(runs.read_json(runs.Run(outcome["run_path"]).path / "manifest.json")["ids"])


def test_random_draws_and_every_draw_is_trained_with_each_seed(dataset, home, quick):  # noqa: F811
    trained, _ = quick
    found = go(dataset, arms=["random", "coreset"], seeds=[0, 1], draws=2)
    assert [o["cell"] for o in found.outcomes] == [
        "random-s0",
        "random-d1-s0",
        "coreset-s0",
        "random-s1",
        "random-d0-s1",
        "coreset-s1",
    ]
    images = {o["cell"]: trained_on(o) for o in found.outcomes}
    assert images["random-s0"] == images["random-d0-s1"] != images["random-s1"]
    assert images["random-s1"] == images["random-d1-s0"]
    assert images["coreset-s0"] == images["coreset-s1"]
    assert found.summary["held_out"]["random"]["recall"].n == 4
    assert len(trained) == 6
    # Another draw adds its trainings and no others.
    assert len(go(dataset, arms=["random", "coreset"], seeds=[0, 1], draws=3).outcomes) == 8
    assert len(trained) == 8


def test_an_arm_that_changes_is_trained_anew_and_alone(dataset, home, quick):  # noqa: F811
    trained, _ = quick
    small = {"name": "few", "method": "coreset", "budget": 6}
    first = go(dataset, arms=["random", small])
    changed = {**small, "budget": 5, "options": {"seed": 3}}
    second = go(dataset, arms=["random", changed])
    assert trained == ["tiny-random-s0", "tiny-few-s0", "tiny-few.2-s0"]
    assert second.outcomes[0] == first.outcomes[0]
    assert (second.outcomes[1]["images"], second.outcomes[1]["arm"]) == (5, "few")
    again = go(dataset, arms=["random", small])
    assert again.outcomes == first.outcomes, "what it once was is found again"
    dropped = go(dataset, arms=[small])
    assert [o["arm"] for o in dropped.outcomes] == ["few"]
    assert len(trained) == 3


def test_arms_of_a_tag_a_view_and_several_budgets(dataset, home, quick):  # noqa: F811
    dataset.limit(30).tag_samples("sharp")
    dataset.save_view("late", dataset.skip(5))
    arms = [
        {"name": "sharp", "tag": "sharp"},
        {"name": "late-random", "method": "random", "view": "late", "budget": 4},
        {"name": "curve", "method": "random", "budget": [4, 6]},
    ]
    found = go(dataset, arms=arms)
    by_arm = {o["arm"]: o for o in found.outcomes}
    names = dict(zip(dataset.values("source_id"), dataset.values("id"), strict=True))
    sharp = set(dataset.match_tags("sharp").values("id"))
    late = set(dataset.load_saved_view("late").values("id"))
    assert {names[name] for name in trained_on(by_arm["sharp"])} <= sharp
    assert {names[name] for name in trained_on(by_arm["late-random"])} <= late
    assert (by_arm["curve-4"]["images"], by_arm["curve-6"]["images"]) == (4, 6)
    with pytest.raises(DataError, match="has none of the 2 images"):
        arm_images.choice_of(StudySettings(arms=["tag:blurred"]).arms[0], dataset, ["a", "b"])
    with pytest.raises(DataError, match=r"arm sharpp: .* no tag 'sharpp' \(did you mean 'sharp'"):
        go(dataset, name="tiny-2", arms=["tag:sharpp"])
    with pytest.raises(DataError, match="latte"):
        go(dataset, name="tiny-2", arms=["view:latte"])
    assert not runs.Run(home / "runs" / "tiny-2").exists, "said before anything is computed"
    with pytest.raises(SettingsError, match="images may be chosen by some"):
        go(dataset, name="tiny-3", arms=[{"name": "some", "method": "random", "tag": "sharp",
                                          "budget": 29}])  # fmt: skip


def test_leaving_out_makes_an_arm_for_each_value(dataset, home):
    ids = dataset.values("id")
    dataset.set_values("sender", [f"house {number % 3}" for number in range(len(ids))])
    config = StudySettings(**{**SIZES, "arms": ["coreset"], "leave_out": "sender"})
    whole = with_left_out(config, dataset, dataset.view())
    assert [arm.name for arm in whole.arms] == [
        "coreset",
        "random",
        "without-house-0",
        "without-house-1",
        "without-house-2",
    ]
    assert baseline(whole) == "random"
    assert with_left_out(whole, dataset, dataset.view()) == whole, "a second time adds nothing"
    chosen = arm_images.choices_of(whole, dataset, ids)
    sender = dict(zip(ids, dataset.values("sender"), strict=True))
    assert {sender[id] for id in chosen["without-house-1"]} == {"house 0", "house 2"}
    assert chosen["random"] == ids
    with pytest.raises(DataError, match="no field 'nobody'"):
        with_left_out(config.changed(leave_out="nobody"), dataset, dataset.view())
    dataset.set_values("sender", ["one"] * len(ids))
    with pytest.raises(SettingsError, match="has 1 values; 2 to 40 are needed"):
        with_left_out(config, dataset, dataset.view())


def test_what_is_matched_sets_the_steps():
    arms = ["full", "random"]
    epochs = StudySettings(arms=arms, budget=100, match="epochs", train={"steps": 50})
    full, random = epochs.arms
    assert (epochs.steps_of(random, 100), epochs.steps_of(full, 800)) == (50, 400)
    steps = epochs.changed(match="steps")
    assert steps.steps_of(full, 800) == 50
    with pytest.raises(SettingsError, match="match=images sets the steps of every arm, so arm a"):
        StudySettings(arms=[{"name": "a", "method": "random", "steps": 5}], match="images")


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ({"name": "a", "options": {"alpha": 1}}, "options are for a method"),
        ({"name": "a", "method": "top", "options": {"budget": 1}}, "must not give budget"),
        ({"name": "a", "method": "top", "options": {"alfa": 1}}, "alfa"),
        ({"name": "a", "without": "field"}, "without must be FIELD=VALUE"),
    ],
)
def test_wrong_arms_are_refused(arm, message):
    with pytest.raises(SettingsError, match=message):
        StudySettings(arms=[arm])


def test_cells_of_an_older_study_keep_their_names():
    config = StudySettings(arms=["random", "full"], seeds=[5, 7], draws=3)
    keys = [cell.key for cell in planning.cells(config)]
    assert {"random-s5", "random-s7", "full-s5", "full-s7"} <= set(keys)
    assert len(keys) == 8
    own = config.changed(arms=[{"name": "coreset", "method": "coreset"}])
    older = planning.revised(own, {}, own.arms)
    assert [cell.key for cell in planning.cells(own, older)] == ["coreset-s5", "coreset-s7"]


def test_a_study_is_looked_at_and_changed_without_training(dataset, home, quick, capsys):  # noqa: F811
    from curadiff.cli import main

    trained, _ = quick
    found = go(dataset, arms=["random", "coreset"])
    status = curadiff.study_status("tiny")
    assert (status.state, status.cells) == (
        "finished",
        {"random-s0": "done", "coreset-s0": "done"},
    )
    assert str(status).startswith("tiny: finished, 2 of 2 trainings done")
    kept = runs.read_json(found.run.path / "study.json")
    assert kept["verdict"]["word"] == status.conclusion.word == found.conclusion.word
    pairs = {(one["arm_a"], one["arm_b"], one["metric"]) for one in kept["comparisons"]}
    assert len(pairs) == len(kept["comparisons"])
    assert {one["seeds"] for one in kept["comparisons"]} == {1}

    assert main(["study", "add", "tiny", "densest"]) == 0
    assert "tiny has the arms random, coreset, densest" in capsys.readouterr().out
    assert curadiff.study_status("tiny").cells["densest-s0"] == "waiting"
    assert main(["study", "drop", "tiny", "coreset"]) == 0
    assert main(["study", "status", "tiny"]) == 0
    assert "1 of 2 trainings done" in capsys.readouterr().out
    (found.run.path / "report.html").unlink()
    assert curadiff.study_report("tiny") == found.run.path / "report.html"
    assert "1 training is missing here (densest-s0)" in found.report.read_text()
    assert len(trained) == 2
    with pytest.raises(SettingsError, match="has no arm 'dens'"):
        curadiff.study_drop("tiny", ["dens"])
    with pytest.raises(SettingsError, match="would have no arm left"):
        curadiff.study_drop("tiny", ["random", "densest"])
    with pytest.raises(SettingsError, match="different names, got random twice"):
        curadiff.study_add("tiny", ["random"])
    with pytest.raises(SystemExit):
        main(["study", "status"])


def test_arms_that_several_add_and_drop_at_once_are_all_kept_and_left_out(home):
    methods = ["coreset", "densest", "herding", "kmeans", "top", "zcore"]
    config = StudySettings(name="many", arms=["random"])
    runs.create("study", config.model_dump(mode="json"), name="many")

    def at_once(change):
        with ThreadPoolExecutor(len(methods)) as pool:
            list(pool.map(lambda method: change("many", [method]), methods))
        return [arm["name"] for arm in runs.open_run("many").settings["arms"]]

    assert sorted(at_once(curadiff.study_add)) == sorted(["random", *methods])
    assert at_once(curadiff.study_drop) == ["random"]
