"""FiftyOne's Sort by similarity on our embeddings: the neighbours are those of brute force."""

from __future__ import annotations

import curadiff
import numpy as np
import pytest
from curadiff.cli import main
from curadiff.common.errors import DataError, EnvironmentFault, SettingsError
from curadiff.datasets import similarity
from curadiff.workflows.similarity import index_similarity

K = 7


@pytest.fixture
def shifted(dataset):
    """Vectors of length 1 in a narrow cone, as those of CLIP are: their mean is far from zero."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(len(dataset), 16)) + 4
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    ids = dataset.values("id")
    dataset.set_values("x", dict(zip(ids[:-1], x, strict=False)), key_field="id")
    return dataset, ids[:-1], x[: len(ids) - 1]


def nearest(x, row):
    return np.argsort(-(x.astype(np.float64) @ x[row].astype(np.float64)), kind="stable")[:K]


def test_neighbours_are_those_of_the_greatest_cosine(shifted, capsys):
    dataset, ids, x = shifted
    assert main(["map", dataset.name, "--similar"]) == 0
    assert "similar_x: choose an image" in capsys.readouterr().out
    dataset.reload()
    for _ in range(2):  # the first query changes what the index holds
        for row in (0, 5, 11):
            view = dataset.sort_by_similarity(ids[row], k=K, brain_key="similar_x")
            assert view.values("id") == [ids[at] for at in nearest(x, row)]
    assert len(dataset.load_brain_results("similar_x").sample_ids) == len(ids)  # one has none
    # FiftyOne's own metric compares vectors of which the mean is taken, so that some change places.
    import fiftyone.brain as fob

    fob.compute_similarity(dataset.exists("x"), embeddings="x", brain_key="theirs")
    theirs = [
        dataset.sort_by_similarity(ids[row], k=K, brain_key="theirs").values("id")
        for row in range(12)
    ]
    assert theirs != [[ids[at] for at in nearest(x, row)] for row in range(12)]


def test_an_index_is_made_anew_and_goes_with_the_rest(shifted):
    dataset, ids, x = shifted
    assert index_similarity(dataset) == "similar_x"
    swapped = dict(zip(ids, x[::-1], strict=True))
    dataset.set_values("x", swapped, key_field="id")
    assert index_similarity(dataset, field="x") == "similar_x"
    assert similarity.index_keys(dataset) == {"x": "similar_x"}
    view = dataset.sort_by_similarity(ids[0], k=K, brain_key="similar_x")
    assert view.values("id") == [ids[len(ids) - 1 - at] for at in nearest(x, len(ids) - 1)]
    curadiff.clean(dataset, yes=True)
    assert dataset.list_brain_runs() == []


def test_what_cannot_be_indexed_is_refused(shifted):
    dataset, ids, x = shifted
    with pytest.raises(SettingsError, match=r"backend must be one of sklearn, .*did you mean"):
        index_similarity(dataset, backend="lanced")
    with pytest.raises(DataError, match="has no embeddings 'y'"):
        index_similarity(dataset, field="y")
    with pytest.raises(EnvironmentFault, match="the backend redis could not make an index"):
        index_similarity(dataset, backend="redis")
    assert dataset.list_brain_runs() == []
    dataset.set_values("x", dict(zip(ids, 2 * x, strict=True)), key_field="id")
    with pytest.raises(DataError, match="has length 2 and similarity needs length 1"):
        index_similarity(dataset)
