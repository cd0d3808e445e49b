"""Embeddings are read one after the other, as they are, and what people sort by has an index."""

import fiftyone as fo
import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.datasets import indexing, reading, streaming, writing


@pytest.fixture
def ten():
    made = fo.Dataset(persistent=True)
    made.add_samples([fo.Sample(filepath=f"/{n}.png") for n in range(10)], progress=False)
    made.add_sample_field("vec", fo.VectorField)
    yield made
    made.delete()


def test_what_is_read_is_what_values_gives_in_the_views_order(ten):
    x = np.random.default_rng(0).standard_normal((10, 7)).astype(np.float32)
    ten.set_values("vec", list(x))
    one, four = (ten.values("id")[row] for row in (1, 4))
    ten.set_values("vec", {one: None, four: None}, key_field="id")
    for view in (ten.view(), ten.sort_by("filepath", reverse=True), ten.shuffle(seed=3), ten[2:7]):
        pool = reading.read_embeddings(view, "vec")
        ids, vectors = view.values(["id", "vec"])
        have = [row for row, vector in enumerate(vectors) if vector is not None]
        assert pool.ids == [ids[row] for row in have]
        assert pool.missing == len(ids) - len(have)
        assert pool.x.dtype == np.float32
        np.testing.assert_array_equal(pool.x, np.array([vectors[row] for row in have]))


def test_vectors_that_a_user_wrote_as_lists_or_doubles_are_read(ten):
    lists = [[float(row), 0.5] for row in range(10)]
    ten.add_sample_field("lists", fo.ListField, subfield=fo.FloatField)
    ten.set_values("lists", lists)
    np.testing.assert_array_equal(reading.read_embeddings(ten.view(), "lists").x, lists)
    ten.set_values("vec", list(np.array(lists, dtype=np.float64)))
    np.testing.assert_array_equal(reading.read_embeddings(ten.view(), "vec").x, lists)


def test_what_cannot_be_read_is_said(ten):
    with pytest.raises(DataError, match="no sample of the view has 'vec' yet"):
        reading.read_embeddings(ten.view(), "vec")
    ten.set_values("vec", [np.ones(3 + (row == 9)) for row in range(10)])
    with pytest.raises(DataError, match="'vec' mixes vectors of 3 and 4 numbers"):
        reading.read_embeddings(ten.view(), "vec")
    with pytest.raises(DataError, match=r"'filepath' .* holds StringField, not vectors"):
        reading.read_embeddings(ten.view(), "filepath")
    ten.set_values("vec", [np.array([1.0, np.nan])] + [np.ones(2)] * 9)
    with pytest.raises(DataError, match=r"of 1 samples has NaN or infinity \(first: /0.png"):
        reading.read_embeddings(ten.view(), "vec")


def test_rows_of_a_whole_view_are_not_copied(ten):
    ten.set_values("vec", list(np.eye(10, dtype=np.float32)))
    rows, x, _ = streaming.read_rows(ten.view(), "vec", ten.values("id"))
    assert rows == list(range(10))
    assert x.base is None


def test_fields_that_people_sort_by_get_an_index_and_lose_it_with_the_field(ten):
    ids, ones = ten.values("id"), np.ones(10)
    fields = ("eight_rank", "realism", "my_frank", "a_harm", "a_harm_low")
    for _ in range(2):
        writing.set_numbers(ten, dict.fromkeys(fields, (ids, ones)))
    indexed = {keys["key"][0][0] for keys in ten._sample_collection.index_information().values()}
    assert indexed & set(fields) == {"eight_rank", "realism", "a_harm"}
    writing.drop_fields(ten, ["realism"])
    assert "realism_1" not in ten._sample_collection.index_information()
    pipeline = [{"$sort": {"eight_rank": -1}}, {"$limit": 3}]
    plan = ten._sample_collection.database.command(
        "explain", {"aggregate": ten._sample_collection.name, "pipeline": pipeline, "cursor": {}}
    )
    assert "IXSCAN" in str(plan)
    assert "'SORT'" not in str(plan["queryPlanner"]["winningPlan"])


def test_many_evaluations_do_not_use_up_the_indexes_of_a_data_set(ten):
    ids, ones = ten.values("id"), np.ones(10)
    writing.set_numbers(ten, {f"e{number}_realism": (ids, ones) for number in range(60)})
    assert len(ten._sample_collection.index_information()) == indexing.MOST
