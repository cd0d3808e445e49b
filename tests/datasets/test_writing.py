"""Values on samples: every kind, every field at once, seen by whoever holds the sample."""

import fiftyone as fo
import numpy as np
import pytest
from curadiff.datasets import writing


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
