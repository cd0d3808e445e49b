"""Vectors without a record of their own, and those that overwriting takes away."""

from __future__ import annotations

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.datasets import info


def test_vectors_from_before_there_were_records_are_adopted(embedded):
    records = fo.core.odm.get_db_conn()["curadiff.vectors"]
    ours = {"dataset": info.id_of(embedded)}
    assert records.delete_many(ours).deleted_count
    assert records.index_information()["dataset_field"]["key"] == [("dataset", 1), ("field", 1)]
    before = embedded.values("builtin")
    found = curadiff.embed(embedded.limit(3), encoder="builtin", progress=False)
    assert (found.done, found.kept, found.adopted) == (0, 3, 40)
    assert "40 vectors had no record of their own" in str(found)
    again = curadiff.embed(embedded, encoder="builtin", progress=False)
    assert (again.done, again.kept, again.adopted) == (0, 40, 0)
    embedded.reload()
    assert all(map(np.array_equal, before, embedded.values("builtin")))
    records.delete_many(ours)
    embedded.set_values("builtin", {embedded.first().id: np.ones(3)}, key_field="id")
    with pytest.raises(DataError, match=r"vectors of 3 and .* numbers, so not all are those of"):
        curadiff.embed(embedded, encoder="builtin", progress=False)
    assert records.count_documents(ours) == 0


def test_overwriting_a_part_with_another_encoder_says_what_is_emptied(embedded):
    some = embedded.limit(4)
    with pytest.raises(DataError, match="another encoder"):
        curadiff.embed(some, encoder="scattering", field="builtin", progress=False)
    found = curadiff.embed(
        some, encoder="scattering", field="builtin", overwrite=True, progress=False
    )
    assert (found.done, found.emptied) == (4, 36)
    assert "36 samples outside of the view" in str(found)
    embedded.reload()
    assert embedded.count("builtin") == 4
