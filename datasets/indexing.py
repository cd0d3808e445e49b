"""Indexes on the fields that people sort by, so that the App shows the first samples at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SORTED_BY = (
    "rank",
    "realism",
    "harm",
    "fid_influence",
    "nearest_distance",
    "nearest_generated_distance",
    "nearest_train_distance",
)
"""What the names of such fields end in."""
MOST = 40  # indexes of a data set in all; MongoDB takes 64, and some are FiftyOne's or the user's


def is_sorted_by(field: str) -> bool:
    """Tell whether people sort by a field of ours: ``eight_rank``, but not ``my_frank``."""
    return any(field == name or field.endswith(f"_{name}") for name in SORTED_BY)


def make_indexes(dataset: Any, fields: Iterable[str]) -> list[str]:
    """Make the indexes of those fields that people sort by, and return which have one.

    A data set of many evaluations gets those of the first: further fields are sorted without.
    """
    samples = dataset._sample_collection
    known = samples.index_information()
    indexed = {keys["key"][0][0] for keys in known.values() if len(keys["key"]) == 1}
    free = MOST - len(known)
    have = []
    for field in filter(is_sorted_by, fields):
        if field not in indexed and free > 0:
            samples.create_index(field)
            free -= 1
            indexed.add(field)
        if field in indexed:
            have.append(field)
    return have


def drop_indexes(dataset: Any, fields: Iterable[str]) -> None:
    """Drop the indexes of fields that are deleted, each alone in its index."""
    samples = dataset._sample_collection
    gone = {*fields}
    for name, index in samples.index_information().items():
        if len(index["key"]) == 1 and index["key"][0][0] in gone:
            samples.drop_index(name)
