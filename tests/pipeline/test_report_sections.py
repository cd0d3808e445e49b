"""The report's forest plot, curves and preview, from values written by hand."""

import re

import pytest
from curadiff import runs
from curadiff.config import StudySettings
from curadiff.studies.comparing import Spread
from curadiff.studies.preview import first
from curadiff.studies.preview.agreement import agreement_record, rank_agreement, read_previewed
from curadiff.studies.report.curves import curves_section, unknown_section
from curadiff.studies.report.forest import differences, forest_section
from curadiff.studies.report.previewed import previewed_section


def spread(*values):
    mean = sum(values) / len(values)
    return Spread(mean, 0.1 if len(values) > 1 else None, len(values), dict(enumerate(values)))


ROWS = {
    "coreset": {"frechet_distance": spread(1.0, 1.2)},
    "random": {"frechet_distance": spread(2.0, 2.4)},
    "full": {"frechet_distance": spread(3.0, 3.2)},
}
ORDER = ["coreset", "random", "full"]
PAIR = {
    "metric": "frechet_distance",
    "difference": 1.1,
    "low": 0.4,
    "high": 1.8,
    "better": None,
}


def test_differences_are_arm_minus_baseline_whichever_way_a_pair_is_stored():
    record = {
        "comparisons": [
            {**PAIR, "arm_a": "random", "arm_b": "coreset", "better": "coreset"},
            {**PAIR, "arm_a": "full", "arm_b": "coreset"},
        ]
    }
    listed = differences(record, ROWS, "frechet_distance", order=ORDER, baseline="random")
    coreset, full = listed
    assert (coreset.arm, coreset.value, coreset.low, coreset.high) == ("coreset", -1.1, -1.8, -0.4)
    assert coreset.apart
    assert full.value == pytest.approx(0.9)  # no pair with the baseline: the means' difference
    assert full.low is None


def test_the_forest_plot_says_which_side_is_better_and_what_is_missing():
    page = forest_section({}, ROWS, order=ORDER, random="random")
    assert "Frechet distance: difference from random" in page
    assert page.index("← better") < page.index("worse →")
    assert "needs three training seeds" in page
    assert "class=whisker" not in page
    assert "class=band" in page
    record = {"comparisons": [{**PAIR, "arm_a": "coreset", "arm_b": "random"}]}
    assert "class=whisker" in forest_section(record, ROWS, order=ORDER, random="random")
    assert forest_section({}, {"full": ROWS["full"]}, order=["full"], random=None) == ""


def test_equal_values_have_no_deviation_to_show():
    assert str(Spread(0.0, 0.0, 3, {0: 0.0, 1: 0.0, 2: 0.0})) == "0"
    assert str(Spread(0.7, 0.01, 3, {0: 0.69, 1: 0.7, 2: 0.71})) == "0.700 ± 0.0100"


def test_curves_are_drawn_where_checkpoints_were_judged():
    points = [
        {"images_seen": seen, "values": {"frechet_distance": value, "precision": None}}
        for seen, value in ((100, 4.0), (200, 2.0))
    ]
    record = {"curves": {"full": {"points": points, "text": "full still falls <fast>."}}}
    page = curves_section(record, ["full", "random"])
    assert re.findall(r"points='([^']*)'", page) == ["0.0,0.0 1000.0,300.0"]
    assert "&lt;fast&gt;" in page
    assert curves_section({}, ["full"]) == ""


def test_what_is_not_known_follows_from_what_was_done():
    little = unknown_section({}, seeds=2, votes=False, previewed=False)
    for words in ("trained 2 times", "at its end alone", "nobody was asked"):
        assert words in little
    much = unknown_section({"curves": {"full": {}}}, seeds=3, votes=True, previewed=True)
    for words in ("trained", "at its end alone", "nobody was asked"):
        assert words not in much.replace("trained networks", "")


def test_the_same_order_has_agreement_one_and_few_arms_no_interval():
    trained = {arm: [float(place), place + 0.1] for place, arm in enumerate("abcd")}
    same = rank_agreement({arm: [10 * values[0]] for arm, values in trained.items()}, trained)
    assert same is not None
    assert (same.arms, same.low) == (4, None)
    assert (same.kendall, same.spearman) == pytest.approx((1.0, 1.0))
    opposite = rank_agreement({arm: [-values[0]] for arm, values in trained.items()}, trained)
    assert opposite is not None
    assert opposite.kendall == pytest.approx(-1.0)
    assert rank_agreement({"a": [1.0]}, trained) is None


def test_the_interval_of_an_agreement_is_wide_where_seeds_overlap():
    clear = {arm: [10.0 * place, 10.0 * place + 1] for place, arm in enumerate("abcdef")}
    sure = rank_agreement(clear, clear)
    assert sure is not None
    assert (sure.low, sure.high) == pytest.approx((1.0, 1.0))
    noisy = {arm: [float(place), place + 8.0] for place, arm in enumerate("abcdef")}
    unsure = rank_agreement(clear, noisy)
    assert unsure is not None
    assert unsure.low is not None
    assert unsure.high is not None
    assert unsure.low < 0.6 < unsure.high


def test_previewed_values_stand_beside_trained_ones(home):
    study = runs.create("study", {}, name="first")
    assert read_previewed(study) is None
    preview = runs.create("preview", {}, name="first-preview")

    def outcome(name, *values):
        drawn = {str(n): {"values": {"frechet_distance": v}} for n, v in enumerate(values)}
        return {"name": name, "drawn": drawn}

    drawn = [outcome("random", 20.0, 22.0), outcome("random", 24.0, 26.0), outcome("coreset", 75.0)]
    runs.write_json(preview.path / "outcomes.json", drawn)
    noted = {"run": str(preview.path), "arms": {"random": "random", "coreset": "coreset"}}
    runs.write_json(study.path / "preview.json", noted)
    previewed = read_previewed(study)
    assert previewed is not None
    assert previewed.values["frechet_distance"] == {"random": [21.0, 25.0], "coreset": [75.0]}
    page = previewed_section(previewed, ROWS)
    assert "no network was trained" in page
    assert "<th>random</th><td>23.0</td><td>2.20</td>" in page
    assert "<th>full</th><td>–</td><td>3.10</td>" in page
    assert "over 2 arms; too few arms to say" in page
    kept = agreement_record(study, ROWS)
    assert kept is not None
    assert kept["run"] == str(preview.path)
    (agreement,) = kept["agreement"]
    assert (agreement["metric"], agreement["arms"], agreement["low"]) == (
        "frechet_distance",
        2,
        None,
    )
    assert not agreement["enough_arms"]
    assert "too few arms to say" in agreement["text"]
    (preview.path / "outcomes.json").unlink()
    assert agreement_record(study, ROWS) is None
    assert read_previewed(study) is None  # the preview was deleted: no section


SETTINGS = {
    "name": "first",
    "arms": ["full", "random", {"name": "few", "method": "coreset", "budget": 5}],
}


def test_a_study_previews_arms_with_settings_of_their_own_too(home):
    arms = [
        *SETTINGS["arms"],
        {"name": "coreset", "method": "coreset", "options": {"alpha": 2}},
        {"name": "women", "tag": "women"},
        {"name": "whole", "budget": 7},
    ]
    config = StudySettings(**{**SETTINGS, "arms": arms}, draws=4)
    plan = first.plan_preview(config, 500)
    assert plan is not None
    assert plan.arms == {
        "full": "full",
        "random": "random",
        "few": "few",
        "coreset": "coreset-own",  # coreset alone is the method, with the study's options
        "women": "women",
        "whole": "full",  # full has no budget
    }
    assert {name: arm.name for name, arm in plan.own.items()} == {
        "few": "few",
        "coreset-own": "coreset",
        "women": "women",
    }
    assert (plan.settings.name, plan.settings.random_draws) == ("first-preview", 4)
    assert plan.seconds > 0
    again = first.plan_preview(config, 500, revisions={"few": ["what it was before"]})
    assert again is not None
    assert again.arms["few"] == "few.2"
    assert first.plan_preview(StudySettings(**SETTINGS, held_out=0), 500) is None


def test_a_plan_says_whether_a_preview_comes_first():
    draws = {**SETTINGS, "draws": 4}
    always = first.announce_preview(StudySettings(**draws, preview="yes"), 500)
    assert re.fullmatch(r"A preview of 6 selections comes first, about .+; no network .*\.", always)
    some = first.announce_preview(StudySettings(**draws), None)
    assert "more than 5% of the trainings' time" in some
    assert "about" not in some  # the number of images is not known
    assert first.announce_preview(StudySettings(**draws, preview="no"), 500) == ""
    none = StudySettings(**draws, preview="yes", held_out=0)
    assert first.announce_preview(none, 500) == first.NONE_HELD_OUT


@pytest.mark.parametrize(
    ("preview", "trained", "begun"),
    [("auto", 1e9, True), ("auto", 1.0, False), ("auto", None, False), ("no", 1e9, False)],
)
def test_a_preview_comes_first_where_it_takes_little(home, monkeypatch, preview, trained, begun):
    from curadiff.studies.preview import engine

    asked, embedded, noted = [], [], []
    monkeypatch.setattr(first, "embed", lambda view, **others: embedded.append(view))
    monkeypatch.setattr(first.splitting, "note_images", lambda run, view: noted.append(view))

    def no_images(view, config, **others):
        asked.append(config.name)
        raise first.CuradiffError("no images")

    monkeypatch.setattr(engine, "make_preview", no_images)
    monkeypatch.setattr(first, "_training_seconds", lambda config: trained)
    run = runs.create("study", {}, name="first")
    config = StudySettings(**SETTINGS, preview=preview)
    first.preview_first(run, config, range(500), False)  # a preview that fails stops nothing
    assert bool(asked) is begun
    assert bool(embedded) is begun  # before: near copies are held out as in the study
    assert bool(noted) is begun  # before: an interrupted study goes on with its view
    assert StudySettings(**SETTINGS, **{"preview": False}).preview == "no"
