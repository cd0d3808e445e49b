"""Values on samples: every kind, every field at once, seen by whoever holds the sample."""

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from curadiff.datasets import generated, writing
from curadiff.datasets.field_descriptions import described


def test_fields_of_all_kinds_are_set_on_their_samples_only(dataset):
    ids = dataset.values("id")
    held = dataset[ids[1]]
    before = held.last_modified_at
    writing.set_numbers(
        dataset,
        {
            "near": (ids[:3], np.array([0.5, np.nan, 2.0], np.float32)),
            "place": (ids[2:4], np.array([7, 8])),
            "odd": (ids[:2], np.array([True, False])),
            "whose": (ids[:1], np.array(["a"])),
        },
    )
    assert dataset.values("near")[:4] == [0.5, None, 2.0, None]
    assert dataset.values("place")[:5] == [None, None, 7, 8, None]
    assert dataset.values("odd")[:3] == [True, False, None]
    assert dataset.values("whose")[:2] == ["a", None]
    kinds = [type(dataset.get_field(name)) for name in ("near", "place", "odd", "whose")]
    assert kinds == [fo.FloatField, fo.IntField, fo.BooleanField, fo.StringField]
    assert held.odd is False
    assert held.last_modified_at > before


def test_a_sample_is_written_once_however_many_fields(dataset, monkeypatch):
    written = []
    real = fo.Dataset._bulk_write

    def counted(self, ops, **more):
        written.append(len(ops))
        real(self, ops, **more)

    monkeypatch.setattr(fo.Dataset, "_bulk_write", counted)
    ids = dataset.values("id")
    fields = {name: (ids, np.arange(len(ids))) for name in ("one", "two", "three")}
    writing.set_numbers(dataset, fields)
    assert written == [len(ids)]
    assert dataset.values("three") == list(range(len(ids)))


def test_ids_and_values_must_be_as_many(dataset):
    with pytest.raises(ValueError, match="shorter"):
        writing.set_numbers(dataset, {"near": (dataset.values("id"), np.ones(3))})


def test_every_field_that_is_written_says_what_it_means(embedded, home):
    import curadiff

    before = set(embedded.get_field_schema())
    curadiff.select(embedded, method="typicality", budget=8, name="eight")
    made, _ = generated.add_generated(
        f"{embedded.name}-drawn",
        paths=[Path(path) for path in embedded.values("filepath")[:8]],
        seeds=range(8),
        source=embedded,
        run="some-run",
        arm="eight",
        training_seed=0,
        origin={},
    )
    drawn = set(made.get_field_schema())
    curadiff.evaluate(
        made,
        embedded,
        train=embedded[:10],
        encoder="builtin",
        counts="subsample",
        bootstrap=0,
        progress=False,
    )
    try:
        for dataset, known in ((embedded, before), (made, drawn)):
            dataset.reload()
            new = [name for name in dataset.get_field_schema() if name not in known]
            assert len(new) > 10
            assert [name for name in new if not dataset.get_field(name).description] == []
        rank = embedded.get_field("eight_rank").description
        assert rank == "Place in the order of choice, from 1."
        assert embedded.get_field("builtin").description.startswith("Embeddings of the images")
    finally:
        made.delete()


def test_a_field_is_described_by_the_longest_ending_of_its_name():
    assert described("a_nearest_generated_id") == "The nearest generated image."
    assert described("a_nearest_id") == "The nearest real image."
    assert described("realism") == described("key_realism")
    assert described("mine") is None
