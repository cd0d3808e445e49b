"""Two commands on one data set at the same moment: nothing doubled, nothing lost."""

from __future__ import annotations

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.datasets import info, records, selections
from PIL import Image

NAME = "small"
_ = curadiff.embed, curadiff.select  # loads the modules once here and not in every process


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for number in range(6):
        pixels = generator.integers(0, 255, (12, 10, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")

    def make():
        dataset = fo.Dataset(NAME, persistent=True)
        paths = [str(folder / f"{number}.png") for number in range(6)]
        dataset.add_samples([fo.Sample(filepath=path) for path in paths], progress=False)
        curadiff.embed(NAME, encoder="builtin", field="vec", progress=False)

    return make


def embed(field):
    return lambda: curadiff.embed(NAME, encoder="builtin", field=field, progress=False).done


def select(name, budget):
    return lambda: curadiff.select(NAME, method="random", field="vec", budget=budget, name=name).ids


def record(key):
    return lambda: records.record(
        fo.load_dataset(NAME), key, verb="evaluate", config={"n": key}, results={"ids": [key]}
    )


def look():
    """Return what the data set says, and whether all of it agrees."""
    dataset = fo.load_dataset(NAME, reload=True)
    told = {}
    for name in selections.selection_names(dataset):
        ids = selections.read_selection(dataset, name).ids
        assert dataset.load_saved_view(name).values("id") == ids
        assert set(dataset.match_tags(name).values("id")) == set(ids)
        ranks = dict(zip(*dataset.values(["id", f"{name}_rank"]), strict=True))
        assert sorted(ids, key=ranks.get) == ids
        assert sum(rank is not None for rank in ranks.values()) == len(ids)
        told[name] = len(ids)
    fields = [field["name"] for field in _stored()["sample_fields"]]
    assert len(fields) == len(set(fields))
    made = {
        key: records.results_of(dataset, key)["ids"] for key in records.runs_of(dataset, "evaluate")
    }
    vectors = {name: dataset.count(name) for name in info.section(dataset, "encoders")}
    return {"selections": told, "runs": made, "vectors": vectors, "samples": dataset.count()}


def _stored():
    return fo.core.odm.get_db_conn().datasets.find_one({"name": NAME})


PAIRS = {
    "the same selection": ([select("a", 2), select("a", 2)], {"a": 2}, {}, {"vec": 6}),
    "two selections": ([select("a", 2), select("b", 3)], {"a": 2, "b": 3}, {}, {"vec": 6}),
    "two embeddings": ([embed("x"), embed("y")], {}, {}, {"vec": 6, "x": 6, "y": 6}),
    "the same embedding": ([embed("x"), embed("x")], {}, {}, {"vec": 6, "x": 6}),
    "select and embed": ([select("a", 2), embed("x")], {"a": 2}, {}, {"vec": 6, "x": 6}),
    "two evaluations": (
        [record("evaluate_a"), record("evaluate_b")],
        {},
        {"evaluate_a": ["evaluate_a"], "evaluate_b": ["evaluate_b"]},
        {"vec": 6},
    ),
}


@pytest.mark.parametrize("times", [1, pytest.param(8, marks=pytest.mark.slow)])
@pytest.mark.parametrize("pair", PAIRS)
def test_both_are_there(harness, state, pair, times):
    works, chosen, runs, vectors = PAIRS[pair]
    harness.save(state)
    for _ in range(times):
        harness.restore()
        found = harness.together(works)
        assert not [one for one in found if isinstance(one, Exception)]
        if pair == "the same embedding":
            assert sorted(found) == [0, 6]
        wanted = {"selections": chosen, "runs": runs, "vectors": vectors, "samples": 6}
        assert harness.child(look) == wanted


def test_of_two_different_selections_of_one_name_one_is_refused(harness, state):
    harness.save(state)
    found = harness.together([select("a", 2), select("a", 3)])
    refused = [one for one in found if isinstance(one, DataError)]
    assert len(refused) == 1
    assert "another selection named 'a'" in str(refused[0])
    assert harness.child(look)["selections"] in ({"a": 2}, {"a": 3})
