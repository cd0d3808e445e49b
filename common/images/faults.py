"""Image files that cannot be opened: found without decoding any, refused in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..errors import DataError
from .formats import sniff

NAMED = 3  # files that the sentence names


def unopenable(paths: Sequence[str | Path]) -> dict[int, DataError]:
    """Return the faults of files that are missing, empty, or may not be read, by their place.

    Only the first bytes of each are read: damage after those is found by whoever decodes it.
    """

    def fault_of(path: str | Path) -> DataError | None:
        try:
            sniff(path)
        except DataError as fault:
            return fault
        return None

    with ThreadPoolExecutor() as pool:
        faults = enumerate(pool.map(fault_of, paths))
        return {place: fault for place, fault in faults if fault is not None}


def refusal(faults: Mapping[int, DataError], count: int, otherwise: str = "") -> DataError:
    """Return the error that refuses images: how many, the first ones, and what to do.

    Args:
        faults: By the place of the image.
        count: Images in all.
        otherwise: What else can be done than to mend them, as a sentence.
    """
    first = [str(fault) for fault in list(faults.values())[:NAMED]]
    start = f"{len(faults)} of {count} images cannot be read."
    return DataError(" ".join(filter(None, [start, *first, otherwise])))
