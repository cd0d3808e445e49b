"""``clean`` removes what Curadiff wrote, and nothing else."""

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff import runs
from curadiff.common.errors import DataError
from curadiff.datasets import (
    attribution,
    cleaning,
    evaluation_deletion,
    evaluations,
    info,
    pool_fields,
    selections,
    vectors,
    workspaces,
)


def described(dataset):
    """Everything in a data set that somebody can see."""
    dataset.reload()
    return {
        "fields": sorted(dataset.get_field_schema()),
        "tags": dataset.values("tags"),
        "views": dataset.list_saved_views(),
        "workspaces": dataset.list_workspaces(),
        "runs": dataset.list_runs(),
        "brain runs": dataset.list_brain_runs(),
        "info": {section: one for section, one in info.read(dataset).items() if one},
    }


def choose(dataset, name):
    ids = dataset.values("id")
    selections.write_selection(
        dataset,
        name,
        ids=ids[:2],
        scores=np.ones(2),
        config={"selection_method": "random"},
        results={},
        of_pool={"nearest_pick_distance": (ids, np.ones(len(ids)))},
        shared=selections.Pool("clip", ids, dict.fromkeys(pool_fields.FIELDS, np.ones(len(ids)))),
    )


def judge(dataset, key, *, study=None):
    ids, ones = dataset.values("id"), np.ones(len(dataset))
    evaluations.write_evaluation(
        dataset,
        dataset,
        key,
        values={"values": {"precision": 1.0, "coverage": 1.0}},
        config={},
        generated_ids=ids,
        generated_fields={"in_manifold": ones > 0, "realism": ones},
        reference_ids=ids,
        reference_fields={"covered": ones > 0},
        shared=study,
    )


def forget(dataset):
    """Leave a data set as a version did that kept no record of names."""
    info.drop(dataset, "made", info.section(dataset, "made"))


@pytest.fixture
def theirs():
    made = fo.Dataset(persistent=True)
    made.add_samples(
        [fo.Sample(filepath=f"/{n}.png", tags=["mine"]) for n in range(4)], progress=False
    )
    made.add_sample_field("price", fo.FloatField)
    made.save_view("cheap", made.limit(2))
    made.save_workspace("desk", fo.Space(children=[fo.Panel(type="Samples", pinned=True)]))
    yield made
    made.delete()


def test_everything_of_ours_goes_and_everything_of_the_users_stays(theirs):
    before = described(theirs)
    vectors.prepare(theirs, "clip", "an encoder", overwrite=False)
    x = np.eye(4, dtype=np.float32)
    files = theirs.values("filepath")
    vectors.write(theirs, "clip", ids=theirs.values("id"), paths=files, x=x, encoder="an encoder")
    vectors.mark_unreadable(theirs, bad={theirs.first().id: "damaged"}, good=[])
    choose(theirs, "eight")
    judge(theirs, "plain")
    workspaces.save(theirs)
    shown = curadiff.clean(theirs)
    assert not shown.done
    assert "fields: clip, clip_density, clip_outlier_score, clip_flagged, eight_rank" in str(shown)
    groups = ("embedding", "selection", "evaluation")
    assert ", ".join(f"Curadiff: {group}" for group in groups) in str(shown)
    assert "1 workspace: curadiff" in str(shown)
    assert described(theirs) != before
    assert curadiff.clean(theirs, yes=True).done
    assert described(theirs) == before
    assert theirs.app_config.sidebar_groups is None
    assert str(curadiff.clean(theirs, yes=True)).startswith("There is nothing")
    assert not fo.core.odm.get_db_conn()[vectors.VECTORS].count_documents(
        {"dataset": info.id_of(theirs)}
    )


def embed(dataset):
    vectors.prepare(dataset, "clip", "an encoder", overwrite=False)
    ids, paths = dataset.values("id"), dataset.values("filepath")
    x = np.eye(4, dtype=np.float32)
    vectors.write(dataset, "clip", ids=ids, paths=paths, x=x, encoder="an encoder")


def test_what_a_version_that_kept_no_record_wrote_goes_too(theirs):
    before = described(theirs)
    embed(theirs)
    judge(theirs, "plain")
    forget(theirs)
    theirs.add_sample_field("plain_memorized", fo.BooleanField)  # of no metric that was asked for
    theirs.set_values("plain_memorized", [True] * 4)
    theirs.add_sample_field("plain_rarity", fo.StringField)  # of another type
    theirs.set_values("plain_rarity", ["mine"] * 4)
    written = ["clip", "plain_covered", "plain_in_manifold", "plain_realism"]
    assert sorted(cleaning.written(theirs).names.fields) == written
    theirs.set_values("plain_realism", {theirs.last().id: None}, key_field="id")
    written.remove("plain_realism")  # is not on every sample that was judged
    assert sorted(cleaning.written(theirs).names.fields) == written
    theirs.delete_sample_field("plain_realism")
    curadiff.clean(theirs, yes=True)
    theirs.reload()
    kept = {"plain_memorized", "plain_rarity"}
    assert set(theirs.get_field_schema()) == {*before["fields"], *kept}
    assert theirs.values("plain_rarity") == ["mine"] * 4
    theirs.delete_sample_fields(list(kept))
    assert described(theirs) == before


def test_fields_that_contradict_an_unrecorded_evaluation_are_the_users(theirs):
    judge(theirs, "plain")
    forget(theirs)
    theirs.reload()
    theirs.set_values("plain_covered", [True, True, True, False])  # a coverage of 0.75, not 1
    theirs.set_values("plain_in_manifold", [False] * 4)
    assert list(cleaning.written(theirs).names.fields) == []
    with pytest.raises(DataError, match="field 'plain_"):
        judge(theirs, "plain")
    assert theirs.values("plain_covered") == [True, True, True, False]


@pytest.mark.parametrize("kind", [fo.StringField, fo.VectorField])
def test_a_field_made_again_under_the_name_of_unrecorded_vectors_is_the_users(theirs, kind):
    embed(theirs)
    forget(theirs)
    theirs.delete_sample_field("clip")
    theirs.add_sample_field("clip", kind)
    theirs.set_values("clip", ["a"] * 4 if kind is fo.StringField else list(np.eye(4)[::-1]))
    assert list(cleaning.written(theirs).names.fields) == []


def test_an_evaluation_whose_name_begins_as_another_is_of_no_study(theirs, home):
    judge(theirs, "inception")
    evaluations.write_evaluation(
        theirs, theirs, "inception_kernel", values={"values": {"kernel_distance": 1.0}},
        config={}, generated_ids=theirs.values("id"), generated_fields={},
        reference_ids=theirs.values("id"), reference_fields={},
    )  # fmt: skip
    evaluation_deletion.delete_evaluation(theirs, "inception_kernel")
    assert set(info.section(theirs, "evaluations")) == {"inception"}


@pytest.mark.parametrize("known_by", ["record", "run", "fields"])
def test_an_evaluation_of_a_study_is_not_deleted_alone(theirs, home, known_by):
    made = fo.Dataset(persistent=True)
    made.add_samples([fo.Sample(filepath=f"/g{n}.png") for n in range(2)], progress=False)
    ids, real = made.values("id"), theirs.values("id")
    evaluations.write_evaluation(
        made, theirs, "a_random_s0", values={"values": {"precision": 0.5, "coverage": 1.0}},
        config={"reference": theirs.name}, generated_ids=ids,
        generated_fields={"in_manifold": np.array([True, False])},
        reference_ids=real, reference_fields={"covered": np.ones(4, bool)}, shared="a",
    )  # fmt: skip
    if known_by != "record":
        forget(made)
    if known_by == "run":
        made.reload()
        made.delete_sample_field("a_in_manifold")
        runs.create("study", {"arms": [{"name": "random"}], "seeds": [0]}, name="a")
    with pytest.raises(DataError, match="part of the study 'a'"):
        evaluation_deletion.plan_deletion(made, "a_random_s0")
    if known_by == "fields":
        assert list(cleaning.written(made).names.fields) == ["a_in_manifold"]
    made.delete()


def test_what_the_user_made_under_our_names_stays(theirs):
    choose(theirs, "eight")
    theirs.reload()
    theirs.skip(3).tag_samples("eight")  # by hand
    theirs.delete_sample_field("eight_rank")
    theirs.add_sample_field("eight_rank", fo.IntField)
    theirs.set_values("eight_rank", [5] * 4)
    curadiff.clean(theirs, yes=True)
    theirs.reload()
    assert theirs.values("eight_rank") == [5] * 4
    assert theirs.get_field("eight_nearest_pick_distance") is None
    assert theirs.get_field("clip_density") is None
    assert [("eight" in tags) for tags in theirs.values("tags")] == [False, False, False, True]


def test_a_selection_whose_run_was_deleted_by_hand_is_cleaned_too(theirs):
    before = described(theirs)
    choose(theirs, "eight")
    theirs.reload()
    theirs.delete_run("select_eight")
    curadiff.clean(theirs, yes=True)
    assert described(theirs) == before


def test_one_study_is_cleaned_and_its_neighbours_stay(theirs, home):
    arms = [{"name": "coreset"}, {"name": "random"}]
    runs.create("study", {"arms": arms, "seeds": [0, 1]}, name="a")
    for name in ("a-coreset", "a-random-s0", "a-b-coreset", "eight"):
        choose(theirs, name)
    for key, study in (("a-coreset-s0", "a"), ("a-b-coreset-s0", "a-b"), ("mine", None)):
        judge(theirs, key, study=study)
    curadiff.clean(theirs, study="a", yes=True)
    theirs.reload()
    assert selections.selection_names(theirs) == ["a-b-coreset", "eight"]
    assert set(info.section(theirs, "evaluations")) == {"a_b_coreset_s0", "mine"}
    fields = set(theirs.get_field_schema())
    assert {"a_b_realism", "a_b_coreset_s0_covered", "mine_realism"} <= fields
    assert not [name for name in fields if name.startswith(("a_coreset", "a_random", "a_realism"))]


def test_a_study_is_cleaned_with_draws_revisions_and_arms_that_it_dropped(theirs, home):
    arms = [{"name": "random"}]
    made = runs.create("study", {"arms": arms, "seeds": [0]}, name="a")
    made.add(revisions={"random": ["x", "y"], "core.set": ["z"]})
    ours = ("a-random-s0", "a-random-s1", "a-random.2-s0", "a-core.set")
    others = ("a-randomer-s0", "a-b-random-s0", "b-random-s0", "a-random-x")
    for name in (*ours, *others):
        choose(theirs, name)
    for key in ("a-random-d1-s0", "a-random.2-d1-s0-held_out", "a-core.set-s0"):
        judge(theirs, key, study="a")
    judge(theirs, "a-b-random-d1-s0", study="a-b")
    curadiff.clean(theirs, study="a", yes=True)
    theirs.reload()
    assert selections.selection_names(theirs) == list(others)
    assert set(info.section(theirs, "evaluations")) == {"a_b_random_d1_s0"}
    groups = [group.name for group in theirs.app_config.sidebar_groups]
    assert "Curadiff: study a-b" in groups
    assert "Curadiff: study a" not in groups


def test_one_preview_is_cleaned(theirs, home):
    runs.create("preview", {}, name="p")
    before = described(theirs)
    ones = np.ones(4)
    attribution.write_harm(
        theirs, "p", "full", ids=theirs.values("id"), use=ones, harm=ones, low=ones
    )
    curadiff.clean(theirs, study="p", yes=True)
    assert described(theirs) == before
    groups = [group.name for group in theirs.app_config.sidebar_groups or []]
    assert "Curadiff: preview p" not in groups


def test_a_group_into_which_the_user_put_a_field_stays(theirs):
    choose(theirs, "eight")
    groups = theirs.app_config.sidebar_groups
    next(one for one in groups if one.name == "Curadiff: selection").paths += ["price"]
    theirs.save()
    curadiff.clean(theirs, yes=True)
    theirs.reload()
    found = {group.name: group.paths for group in theirs.app_config.sidebar_groups}
    assert found["Curadiff: selection"] == ["price"]


def test_what_selections_share_goes_with_the_last_of_them(theirs, home):
    runs.create("study", {"arms": [{"name": "coreset"}], "seeds": [0]}, name="a")
    choose(theirs, "a-coreset")
    choose(theirs, "eight")
    assert "clip_density" not in str(curadiff.clean(theirs, study="a"))
    curadiff.clean(theirs, study="a", yes=True)
    assert theirs.values("clip_density") == [1.0] * 4
    choose(theirs, "a-coreset")
    selections.delete_selection(theirs, "eight")
    assert theirs.values("clip_density") == [1.0] * 4
    assert "a_coreset_nearest_pick_distance, clip_density" in str(curadiff.clean(theirs, study="a"))
    curadiff.clean(theirs, study="a", yes=True)
    assert theirs.get_field("clip_density") is None
    assert theirs.app_config.sidebar_groups is None


def test_a_study_that_is_not_there_is_said(theirs, home):
    with pytest.raises(DataError, match="no study or preview is named 'x'"):
        curadiff.clean(theirs, study="x", yes=True)
    with pytest.raises(DataError, match="no data set is named 'nothing-here'"):
        curadiff.clean("nothing-here")
