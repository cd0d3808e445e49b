import json

import numpy as np
import pytest
from curadiff.common.errors import DataError, SettingsError
from curadiff.config import EvaluateSettings
from curadiff.metrics import (
    METRICS,
    density_coverage,
    evaluate,
    frechet_distance,
    over_seeds,
    precision_recall,
)


@pytest.fixture
def sets(rng):
    return {
        "real": rng.standard_normal((120, 10)).astype(np.float32),
        "generated": (0.3 + rng.standard_normal((120, 10))).astype(np.float32),
        "train": rng.standard_normal((90, 10)).astype(np.float32),
    }


def test_values_are_those_of_the_functions(sets):
    values = evaluate(**sets, bootstrap=0).values
    two = {"real": sets["real"], "generated": sets["generated"]}
    assert values["frechet_distance"] == frechet_distance(**two)
    assert {name: values[name] for name in ("precision", "recall")} == precision_recall(**two)
    assert {name: values[name] for name in ("density", "coverage")} == density_coverage(**two)


def test_means_of_the_fields_are_the_values_exactly(sets):
    found = evaluate(**sets, bootstrap=0)
    values = found.values
    assert found.generated["in_manifold"].mean() == values["precision"]
    assert (found.generated["density_count"] / 5).mean() == values["density"]
    assert found.generated["authentic"].mean() == values["authentic"]
    assert found.generated["memorized"].mean() == values["memorized"]
    assert found.real["recalled"].mean() == values["recall"]
    assert found.real["covered"].mean() == values["coverage"]
    assert (found.real["n_generated_in_ball"] > 0).mean() == values["coverage"]
    np.testing.assert_array_equal(
        np.isnan(found.generated["rarity"]), ~found.generated["in_manifold"]
    )


def test_every_field_has_an_entry_per_image(sets):
    found = evaluate(**sets, bootstrap=0)
    assert all(len(field) == 120 for field in found.generated.values())
    assert all(len(field) == 120 for field in found.real.values())


def test_the_result_is_plain_json(sets):
    found = evaluate(**sets)
    again = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert again["values"] == found.values
    assert again["records"]["precision"]["detail"] == {"k": 3, "rule": "<="}


def test_the_same_seed_gives_the_same_result(sets):
    first, second = evaluate(**sets, seed=3), evaluate(**sets, seed=3)
    assert first.to_json() == second.to_json()
    assert evaluate(**sets, seed=4).to_json() != first.to_json()


def test_unequal_counts_are_refused_until_one_says_what_to_do(sets):
    sets["generated"] = sets["generated"][:70]
    with pytest.raises(DataError, match=r"real has 120 images and generated has 70.*subsample"):
        evaluate(**sets)
    drawn = evaluate(**sets, counts="subsample", bootstrap=0)
    assert {record.n_real for record in drawn.records.values()} == {70}
    assert len(drawn.real["covered"]) == len(drawn.real_rows) == len(set(drawn.real_rows)) == 70
    assert "70 of 120 real and 70 of 70 generated images were compared." in drawn.notes
    whole = evaluate(**sets, counts="unequal", bootstrap=0)
    assert whole.records["recall"].n_real == 120
    assert whole.records["recall"].n_generated == 70


def test_few_images_leave_the_rest_intact_and_say_why(sets):
    found = evaluate(real=sets["real"][:5], generated=sets["generated"][:5])
    assert found.values["precision"] is not None
    assert found.values["coverage"] is None
    assert "k = 5 needs at least 6 images and real has 5" in found.records["coverage"].reason
    assert "covered" not in found.real
    assert any("5 images for 10 features" in note for note in found.notes)
    json.dumps(found.to_json(), allow_nan=False)
    single = evaluate(real=sets["real"][:1], generated=sets["generated"][:1])
    assert set(single.values.values()) == {None}
    assert "at least 2 are needed" in single.records["frechet_distance"].reason


def test_only_what_was_asked_for_is_computed(sets):
    found = evaluate(**sets, metrics=["frechet_distance"])
    assert list(found.values) == ["frechet_distance"]
    assert list(found.generated) == ["fid_influence"]
    with pytest.raises(SettingsError, match=r"'precison'.*did you mean 'precision_recall'"):
        evaluate(**sets, metrics=["precison"])
    del sets["train"]
    assert "memorized" not in evaluate(**sets, bootstrap=0).values
    with pytest.raises(DataError, match="give train= or leave it out"):
        evaluate(**sets, metrics=["memorization"])


def test_few_images_are_a_reason_to_warn_only_about_a_frechet_distance_that_was_asked_for(sets):
    few = {name: rows[:9] for name, rows in sets.items()}
    for metric in ("frechet_distance", "precision_recall", "kernel_distance"):
        notes = evaluate(**few, metrics=[metric], bootstrap=0).notes
        warned = any("covariances are singular" in note for note in notes)
        assert warned == (metric == "frechet_distance")


def test_copies_are_noted_only_where_balls_around_them_were_asked_for(sets):
    sets["generated"][:5] = sets["generated"][0]
    for metric in ("precision_recall", "density_coverage", "mind"):
        notes = evaluate(**sets, metrics=[metric], bootstrap=0).notes
        noted = any("occur more than k = 3 times" in note for note in notes)
        assert noted == (metric != "mind")


def test_seeds_are_summarized_by_mean_spread_and_count(sets):
    found = [evaluate(**{**sets, "generated": sets["generated"] + s}) for s in (0, 0.1, 0.2)]
    table = over_seeds(found)
    precisions = [one.values["precision"] for one in found]
    assert table["precision"].mean == pytest.approx(np.mean(precisions))
    assert table["precision"].std == pytest.approx(np.std(precisions, ddof=1))
    assert table["precision"].n == 3
    assert over_seeds(found[:1])["recall"].std is None
    with pytest.raises(DataError, match="at least one evaluation"):
        over_seeds([])


def test_settings_offer_every_metric_and_refuse_others():
    for name in METRICS:
        assert EvaluateSettings(metrics=[name]).metrics == [name]
    given = EvaluateSettings(metrics="frechet_distance, memorization").metrics
    assert given == ["frechet_distance", "memorization"]
    with pytest.raises(SettingsError, match=r"got 'memorisation'.*did you mean 'memorization'"):
        EvaluateSettings(metrics=["memorisation"])
