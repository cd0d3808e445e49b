"""Maps, workspaces, groups of the sidebar and fields of a preview: the user's stay."""

from __future__ import annotations

from types import SimpleNamespace

import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
import pytest
from curadiff.common.errors import Busy, DataError
from curadiff.datasets import (
    attribution,
    info,
    locking,
    names,
    selections,
    vectors,
    workspaces,
)
from curadiff.datasets.sidebar import fold
from curadiff.workflows.mapping import map_embeddings

POINTS = np.arange(8, dtype=np.float32).reshape(4, 2)


@pytest.fixture
def theirs():
    found = fo.Dataset(persistent=True)
    found.add_samples([fo.Sample(filepath=f"/{n}.png") for n in range(4)], progress=False)
    found.add_sample_field("vec", fo.VectorField)
    found.set_values("vec", list(np.eye(4, dtype=np.float32)))
    yield found
    found.delete()


def brain_runs(dataset):
    """Return how many documents of brain runs the database has of a data set."""
    runs = fo.core.odm.get_db_conn().runs
    return runs.count_documents({"_dataset_id": info.id_of(dataset)})


def test_a_map_of_the_users_stays_and_ours_is_replaced(theirs):
    fob.compute_visualization(theirs, points=POINTS, brain_key="map_vec")
    assert map_embeddings(theirs, field="vec") == "map_vec_2"
    assert np.array_equal(theirs.load_brain_results("map_vec").points, POINTS)
    assert map_embeddings(theirs, field="vec") == "map_vec_2"
    assert sorted(theirs.list_brain_runs()) == ["map_vec", "map_vec_2"]
    assert brain_runs(theirs) == 2
    theirs._doc.reload()
    key = "brain_methods.map_vec_2"  # as where a removal or a writing was interrupted
    documents = fo.core.odm.get_db_conn().datasets
    documents.update_one({"_id": info.id_of(theirs)}, {"$unset": {key: 1}})
    assert map_embeddings(theirs, field="vec") == "map_vec_2"
    assert brain_runs(theirs) == 2
    assert theirs.load_brain_results("map_vec_2").points.shape == (4, 2)


def test_a_workspace_of_the_users_stays(theirs):
    mine = fo.Space(children=[fo.Panel(type="Samples", pinned=True)])
    theirs.save_workspace("Curadiff", mine, description="mine")
    assert workspaces.save(theirs) == workspaces.save(theirs) == "curadiff_2"
    assert theirs.list_workspaces() == ["Curadiff", "curadiff_2"]
    assert len(theirs.load_workspace("Curadiff").children) == 1
    info.drop(theirs, names.MADE, ["workspace curadiff-2"])
    theirs.delete_workspace("Curadiff")
    theirs.save_workspace("curadiff", mine, description=workspaces.DESCRIBED)  # an older version
    assert workspaces.save(theirs) == "curadiff"
    assert len(theirs.load_workspace("curadiff").children) == 2


def test_nothing_is_written_while_another_process_works(theirs, monkeypatch):
    monkeypatch.setenv("CURADIFF_WAIT", "0")
    key = str(info.id_of(theirs))
    other = SimpleNamespace(key=key, token="another", verb="select")
    assert locking._taken(locking.durable(locking.LOCKS), other)
    for write in (map_embeddings, workspaces.save):
        with pytest.raises(Busy, match="in use by select"):
            write(theirs)
    locking.durable(locking.LOCKS).delete_one({"_id": key})
    assert theirs.list_brain_runs() == theirs.list_workspaces() == []


def test_a_group_of_the_users_stays(theirs):
    for name in ("theirs", "one", "two"):
        theirs.add_sample_field(name, fo.FloatField)
    groups = fo.DatasetAppConfig.default_sidebar_groups(theirs)
    group = fo.SidebarGroupDocument(name="preview a", paths=["theirs"])
    theirs.app_config.sidebar_groups = [*groups, group]
    theirs.save()
    for field in ("one", "two"):
        fold(theirs, "preview a", [field])
    theirs.reload()
    found = {group.name: group.paths for group in theirs.app_config.sidebar_groups}
    assert found["preview a"] == ["theirs"]
    assert found["preview a 2"] == ["one", "two"]


def test_a_field_of_the_users_is_refused_before_a_preview_writes(theirs):
    theirs.add_sample_field("a_full_harm", fo.StringField)
    ones = np.ones(4)

    def write():
        attribution.write_harm(
            theirs, "a", "full", ids=theirs.values("id"), use=ones, harm=ones, low=ones
        )

    with pytest.raises(DataError, match=r"'a_full_harm' that Curadiff did not make; choose"):
        write()
    assert theirs.get_field("a_full_use") is None
    theirs.delete_sample_field("a_full_harm")
    write()
    write()
    assert theirs.values("a_full_harm") == [1.0] * 4


def test_a_field_that_was_deleted_and_made_again_by_hand_is_the_users(theirs):
    ones = np.ones(4)

    def write():
        attribution.write_harm(
            theirs, "a", "full", ids=theirs.values("id"), use=ones, harm=ones, low=ones
        )

    write()
    theirs.delete_sample_field("a_full_harm")
    theirs.add_sample_field("a_full_harm", fo.FloatField)
    theirs.set_values("a_full_harm", [7.0] * 4)
    with pytest.raises(DataError, match=r"'a_full_harm' that Curadiff did not make; choose"):
        write()
    assert theirs.values("a_full_harm") == [7.0] * 4
    theirs.delete_sample_field("a_full_harm")
    write()
    write()  # what was made anew is ours again


def test_harm_of_a_version_that_kept_no_record_is_written_anew(theirs):
    ids, use = theirs.values("id"), np.array([0.4, 0.3, 0.2, 0.1])

    def write(harm):
        attribution.write_harm(
            theirs, "a", "full", ids=ids, use=use, harm=np.full(4, harm), low=use
        )

    write(1.0)
    kept = [f"field a_full_{name}" for name in ("use", "harm", "harm_low")]
    info.drop(theirs, names.MADE, kept)
    write(2.0)
    assert theirs.values("a_full_harm") == [2.0] * 4
    info.drop(theirs, names.MADE, kept)
    theirs.set_values("a_full_use", [0.4, 0.3, 0.2, 0.7])  # by hand
    with pytest.raises(DataError, match="that Curadiff did not make"):
        write(3.0)
    assert theirs.values("a_full_harm") == [2.0] * 4


def test_vectors_in_a_field_made_again_by_hand_are_the_users(theirs):
    vectors.prepare(theirs, "ours", "an encoder", overwrite=False)
    vectors.prepare(theirs, "ours", "an encoder", overwrite=False)
    theirs.delete_sample_field("ours")
    theirs.add_sample_field("ours", fo.VectorField)
    theirs.set_values("ours", list(np.eye(4, dtype=np.float32)))
    with pytest.raises(DataError, match=r"'ours' of .* holds 4 vectors that Curadiff did not make"):
        vectors.prepare(theirs, "ours", "an encoder", overwrite=False)


def test_a_workspace_and_a_map_made_again_by_hand_stay(theirs):
    assert workspaces.save(theirs) == "curadiff"
    theirs.delete_workspace("curadiff")
    theirs.save_workspace("curadiff", fo.Space(children=[fo.Panel(type="Samples", pinned=True)]))
    assert workspaces.save(theirs) == "curadiff_2"
    assert len(theirs.load_workspace("curadiff").children) == 1
    assert map_embeddings(theirs, field="vec") == "map_vec"
    theirs.delete_brain_run("map_vec")
    fob.compute_visualization(theirs, points=POINTS, brain_key="map_vec")
    assert map_embeddings(theirs, field="vec") == "map_vec_2"
    assert np.array_equal(theirs.load_brain_results("map_vec").points, POINTS)


def test_a_deleted_selection_leaves_what_the_user_made_in_its_place(theirs):
    ids = theirs.values("id")

    def write(name):
        return selections.write_selection(
            theirs,
            name,
            ids=ids[:2],
            scores=np.ones(2),
            config={"selection_method": "random"},
            results={},
            of_pool={},
        )

    write("mine")
    theirs.delete_sample_field("mine_rank")
    theirs.add_sample_field("mine_rank", fo.IntField)
    theirs.set_values("mine_rank", [9] * 4)
    theirs.delete_saved_view("mine")
    theirs.save_view("mine", theirs.limit(1))
    with pytest.raises(DataError, match=r"saved view 'mine' that Curadiff did not .*'mine_rank'"):
        write("mine")
    selections.delete_selection(theirs, "mine")
    theirs.reload()
    assert theirs.values("mine_rank") == [9] * 4
    assert theirs.list_saved_views() == ["mine"]
    assert theirs.get_field("mine_score") is None


def test_a_copy_of_a_data_set_knows_its_fields_as_ours(theirs):
    vectors.prepare(theirs, "ours", "an encoder", overwrite=False)
    copy = theirs.clone()
    try:
        assert names.remade(copy, names.Names(fields=["ours"])).fields == ()
    finally:
        copy.delete()


def test_drawings_of_any_slice_of_a_grouped_data_set_are_found():
    grouped = fo.Dataset()
    try:
        grouped.add_group_field("group", default="left")
        group = fo.Group()
        sides = {
            side: fo.Sample(filepath=f"/{side}.png", group=group.element(side))
            for side in ("left", "right")
        }
        grouped.add_samples(list(sides.values()), progress=False)
        right = sides["right"].id
        grouped.add_sample_field("source_ids", fo.ListField, subfield=fo.StringField)
        grouped.add_sample_field("source_weights", fo.ListField, subfield=fo.FloatField)
        view = grouped.select_group_slices("right")
        view.set_values("source_ids", [["a", "b"]])
        view.set_values("source_weights", [[0.2, 0.8]])
        assert attribution.sources_of(grouped, [right]) == ["b", "a"]
        assert attribution.drawings_with(grouped, ["a"]) == [right]
    finally:
        grouped.delete()
