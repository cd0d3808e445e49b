"""Two selections side by side: what both chose, and what only one of them did."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import runs
from ..common.contact_sheet import whole_pictures
from ..common.files import replacing
from ..common.words import plural
from ..datasets import selections
from ..datasets.resolving import all_samples
from ..runs import caches

PARTS = ("only_a", "both", "only_b")
COLUMNS, ROWS, SIDE, GAP = 4, 4, 96, 4  # of a sheet; the last two in pixels


@dataclass(frozen=True)
class Overlap:
    """What two selections have in common.

    Attributes:
        a: The first selection.
        b: The second one.
        only_a: Ids that only the first chose, in the order of its picks.
        both: Ids that both chose, in the order of the first one's picks.
        only_b: Ids that only the second chose, in the order of its picks.
        by_chance: How many two random choices of these sizes share on average; None where
            the two did not choose from the same pool.
    """

    a: selections.StoredSelection
    b: selections.StoredSelection
    only_a: list[str]
    both: list[str]
    only_b: list[str]
    by_chance: float | None

    @property
    def jaccard(self) -> float:
        """Share of what either chose that both chose, in [0, 1]."""
        return len(self.both) / (len(self.only_a) + len(self.both) + len(self.only_b))

    def __str__(self) -> str:
        text = (
            f"{self.a.name} and {self.b.name} share {plural(len(self.both), 'image')} "
            f"({self.jaccard:.0%} of what either chose)."
        )
        if self.by_chance is None:
            return f"{text} They chose from different pools."
        return f"{text} Two random choices of these sizes share {self.by_chance:,.0f} on average."


def overlap(dataset: Any, a: str, b: str) -> Overlap:
    """Compare two selections of a data set.

    Args:
        dataset: A FiftyOne data set.
        a: Name of the first selection.
        b: Name of the second one.

    Raises:
        DataError: There is no such selection.
    """
    first, second = (selections.read_selection(dataset, name) for name in (a, b))
    in_first, in_second = set(first.ids), set(second.ids)
    same = first.config["pool_hash"] == second.config["pool_hash"]
    chance = len(in_first) * len(in_second) / first.config["pool_size"] if same else None
    return Overlap(
        first,
        second,
        only_a=[id for id in first.ids if id not in in_second],
        both=[id for id in first.ids if id in in_second],
        only_b=[id for id in second.ids if id not in in_first],
        by_chance=chance,
    )


def contact_sheet(dataset: Any, ids: Sequence[str]) -> Path | None:
    """Draw the first of these samples on one picture, kept in the cache.

    Pictures keep their shape; the rest of the sheet is transparent. Files that cannot be
    read leave their place empty.

    Args:
        dataset: The samples' data set.
        ids: Sample ids; the first ``COLUMNS * ROWS`` are drawn, in this order.

    Returns:
        A PNG file, None when there are no samples.
    """
    first = list(ids)[: COLUMNS * ROWS]
    if not first:
        return None
    paths = all_samples(dataset).select(first, ordered=True).values("filepath")
    key = hashlib.sha256("\n".join(paths).encode()).hexdigest()[:24]
    file = runs.home() / "cache" / "sheets" / f"{key}.png"
    if not file.exists():
        runs.make_folder(file.parent)
        with replacing(file) as part:
            whole_pictures(paths, columns=COLUMNS, side=SIDE, gap=GAP).save(part, "PNG")
        caches.trim("sheets", keep=file)
    caches.touch(file)
    return file
