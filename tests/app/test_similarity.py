"""Similarity search and near-duplicates, on embeddings that are there."""

from types import SimpleNamespace

import curadiff
import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.datasets import mapping, similarity
from curadiff.operators.panels.map import MapPanel
from curadiff.operators.similarity import FindDuplicates, IndexSimilarity
from curadiff.studies.near_duplicates import near_duplicates
from curadiff.workflows.mapping import map_embeddings


def test_fiftyone_sorts_by_our_embeddings(home, embedded):
    key = IndexSimilarity()(embedded)
    assert key == "similar_builtin"
    embedded.reload()
    vectors = {sample.id: sample["builtin"] for sample in embedded}
    ids = list(vectors)
    x = np.asarray([vectors[id] for id in ids], dtype=np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    distance = dict(zip(ids, 1 - x @ x[3], strict=True))
    nearest = embedded.sort_by_similarity(ids[3], k=5, brain_key=key).values("id")
    expected = sorted(distance.values())[:5]
    assert [distance[id] for id in nearest] == pytest.approx(expected, abs=1e-5)
    assert IndexSimilarity()(embedded) == key  # it takes the place of the former one
    assert embedded.list_brain_runs() == [key]


def test_a_brain_run_of_the_user_stays(home, embedded):
    import fiftyone.brain as fob

    fob.compute_similarity(embedded, embeddings="builtin", brain_key="similar_builtin")
    assert similarity.write_similarity(embedded, "builtin") == "similar_builtin_2"
    with pytest.raises(DataError, match="backend must be one of sklearn"):
        similarity.write_similarity(embedded, "builtin", backend="files")
    with pytest.raises(DataError, match="no embeddings named 'filepath'"):
        similarity.write_similarity(embedded, "filepath")


def test_planted_copies_are_found_and_nothing_else(home, embedded):
    ids = embedded.values("id")
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 64)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    x[7], x[21], x[30] = x[2], x[2], x[5]
    embedded.set_values("planted", list(x))
    groups = near_duplicates(embedded, field="planted")
    assert [sorted(group) for group in groups] == [
        sorted([ids[2], ids[7], ids[21]]),
        sorted([ids[5], ids[30]]),
    ]
    assert FindDuplicates()(embedded, field="planted") == groups


def test_the_index_survives_as_curadiff_s_own_on_embedding_again(home, embedded):
    key = similarity.write_similarity(embedded, "builtin")
    curadiff.embed(embedded, encoder="builtin", overwrite=True, progress=False)
    assert similarity.write_similarity(embedded, "builtin") == key


def test_the_map_panel_colours_a_selection_and_a_lasso_shows_its_images(home, embedded):
    chosen = curadiff.select(embedded, method="random", budget=9, name="mine")
    key = map_embeddings(embedded)
    embedded.reload()
    state, views = {}, []
    panel = SimpleNamespace(get_state=state.get, set_state=state.__setitem__)
    ctx = SimpleNamespace(
        dataset=embedded, panel=panel, params={}, ops=SimpleNamespace(set_view=views.append)
    )
    page = MapPanel().render(ctx).type.to_json()["properties"]
    (plot,) = [one["view"] for one in page.values() if one["view"]["name"] == "PlotlyView"]
    others, mine = plot["data"]
    assert (mine["name"], set(mine["ids"])) == ("mine", set(chosen.ids))
    assert len(others["ids"]) == 31
    ids, points = mapping.read_map(embedded, key)
    place = dict(zip(ids, points.tolist(), strict=True))
    assert place[mine["ids"][0]] == pytest.approx([mine["x"][0], mine["y"][0]], abs=1e-3)
    ctx.params = {"data": [{"id": mine["ids"][2]}, {"id": mine["ids"][0]}]}
    MapPanel().on_lasso(ctx)
    assert views[0].values("id") == [mine["ids"][2], mine["ids"][0]]
    embedded.delete_samples(ids[:1])
    assert len(mapping.read_map(embedded, key)[0]) == 39
