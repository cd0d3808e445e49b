"""Values over a training: the best checkpoint, where copying begins, whether it has flattened."""

from __future__ import annotations

import numpy as np
import pytest
from curadiff.diffusion.train import patience
from curadiff.studies import curves, study_record


def point(step, *, choose=None, report=None, memorized=0.0, frechet=None, count=200):
    value = frechet if frechet is not None else choose
    return {
        "step": step,
        "images_seen": 10 * step,
        "count": count,
        "loss": 0.1,
        "validation_loss": 0.2,
        "values": {"frechet_distance": value, "memorized": memorized},
        "choose": {"frechet_distance": choose if choose is not None else value},
        "report": {"frechet_distance": report if report is not None else value},
    }


def test_a_checkpoint_draws_a_quarter_of_the_images_and_two_at_least():
    assert [curves.images_drawn(count) for count in (2, 4, 7, 8, 12, 1000)] == [2, 2, 2, 2, 3, 250]


def test_the_best_checkpoint_is_chosen_on_one_half_and_reported_on_the_other():
    curve = [
        point(1, choose=0.5, report=0.1),
        point(2, choose=0.2, report=0.6),
        point(3, choose=0.4),
    ]
    best = curves.best_point(curve)
    assert (best["step"], best["report"]["frechet_distance"]) == (2, 0.6)
    arm = curves.of_arms([{"arm": "a", "curve": curve}])["a"]
    assert arm["best"]["step"] == [2]
    assert arm["best"]["values"]["frechet_distance"] == 0.6
    assert arm["best"]["last"]["frechet_distance"] == 0.4
    assert "step 2" in curves.best_text("a", arm)
    falling = curves.of_arms([{"arm": "a", "curve": curve[:2]}])["a"]
    assert curves.best_text("a", falling) == "", "the last one is the best, and is in the table"


def test_choosing_and_reporting_on_the_same_images_would_flatter():
    """Of checkpoints that do not differ the chosen half looks better, the other one does not."""
    generator = np.random.default_rng(0)
    chosen, reported = [], []
    for _ in range(400):
        values = 1 + 0.1 * generator.normal(size=(2, 6))
        curve = [
            point(n + 1, choose=float(a), report=float(b)) for n, (a, b) in enumerate(values.T)
        ]
        best = curves.best_point(curve)
        chosen.append(best["choose"]["frechet_distance"])
        reported.append(best["report"]["frechet_distance"])
    assert np.mean(chosen) < 0.9
    assert np.mean(reported) == pytest.approx(1, abs=0.015)


def test_copying_begins_where_the_share_stays_above_the_first():
    shares = [0.0, 0.005, 0.0, 0.06, 0.2]
    curve = [point(n + 1, frechet=1.0, memorized=share) for n, share in enumerate(shares)]
    assert curves.memorization_rises(curve) == 40
    assert curves.memorization_rises(curve[:3]) is None
    few = [{**one, "count": 10} for one in curve[:4]]
    assert curves.memorization_rises(few) is None, "one copy of ten images may be chance"
    back = [*curve[:4], point(6, frechet=1.0, memorized=0.0)]
    assert curves.memorization_rises(back) is None


def test_the_change_per_doubling_is_that_of_the_last_stretch():
    curve = [point(step, frechet=2.0 * step**-0.5) for step in (1, 2, 8)]
    assert curves.per_doubling(curve, "frechet_distance") == pytest.approx(2**-0.5 - 1)
    falling = curves.of_arms([{"arm": "coreset", "curve": curve}])["coreset"]
    assert falling["text"] == (
        "coreset still falls 29% per doubling in Frechet distance: train longer."
    )
    level = [point(step, frechet=value) for step, value in ((1, 0.5), (2, 0.3), (4, 0.297))]
    flat = curves.of_arms([{"arm": "full", "curve": level}])["full"]
    assert flat["flat"] is True
    assert "full has flattened" in flat["text"]
    worse = curves.of_arms([{"arm": "b", "curve": [point(1, frechet=0.3), point(2, frechet=0.6)]}])
    assert "it is past its best checkpoint" in worse["b"]["text"]


def test_what_a_curve_means_is_said_where_it_matters():
    falling = [point(step, frechet=2.0 / step, memorized=0.1 * (step > 2)) for step in (1, 2, 4)]
    level = [point(step, frechet=0.3) for step in (1, 2, 4)]
    outcomes = [{"arm": "small", "curve": falling}, {"arm": "full", "curve": level}]
    evidence = study_record.Evidence(curves.of_arms(outcomes), [], [], [])
    unfinished, copying = evidence.sentences
    assert unfinished.startswith("small still falls 50% per doubling")
    assert copying == "The models of small begin to copy training images at 40 images seen."


def test_curves_of_several_trainings_are_averaged_where_all_have_a_checkpoint():
    one = [point(1, frechet=0.4), point(2, frechet=0.2)]
    two = [point(1, frechet=0.6), point(2, frechet=0.3), point(3, frechet=0.1)]
    arm = curves.of_arms([{"arm": "a", "curve": one}, {"arm": "a", "curve": two}])["a"]
    assert [p["values"]["frechet_distance"] for p in arm["points"]] == pytest.approx([0.5, 0.25])
    assert arm["points"][0]["trainings"] == 2
    assert curves.of_arms([{"arm": "a", "curve": []}, {"arm": "b"}]) == {}


@pytest.mark.parametrize(
    ("steps", "curve", "asked", "kept"),
    [
        (20_000, 4, 1000, (1000, 5000)),
        (20_000, 3, 1000, (952, 6664)),
        (300, 4, 150, (75, 75)),
        (2, 4, 2, (1, 1)),
    ],
)
def test_checkpoints_to_be_judged_are_kept_and_none_comes_later_than_asked(
    steps, curve, asked, kept
):
    every, keep = curves.kept_steps(steps, curve, asked)
    assert (every, keep) == kept
    assert every <= asked
    assert keep % every == 0
    judged = {*range(keep, steps + 1, keep), steps}
    assert min(curve, steps) <= len(judged) <= curve + 1


def test_patience_ends_after_losses_that_do_not_fall():
    assert not patience.out_of_patience([3.0, 2.0, 2.5], 2)
    assert patience.out_of_patience([3.0, 2.0, 2.5, 2.0], 2)
    assert not patience.out_of_patience([3.0, 2.0, 2.5, 1.9], 2)
    assert not patience.out_of_patience([3.0], 1)
    log = [
        {"step": 5, "loss": 1.0},
        {"step": 5, "loss_by_level": {"train": [9.0], "held_out": [1.0, 3.0]}},
    ]
    assert patience.validation_losses(log) == {5: 2.0}
