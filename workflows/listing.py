"""The data sets that there are, and what was made of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..datasets import generated, resolving
from ..datasets.database import lost_in_words
from ..datasets.unloaded import glance


@dataclass(frozen=True)
class DatasetSummary:
    """A data set in a line.

    Attributes:
        name: Its name.
        images: How many samples it has.
        embeddings: Fields with embeddings that Curadiff made.
        evaluations: Keys of its evaluations.
        source: Name of the data set that its images were generated from, None for photographs.
    """

    name: str
    images: int
    embeddings: list[str]
    evaluations: list[str]
    source: str | None


@lost_in_words()
def datasets() -> list[DatasetSummary]:
    """List all data sets by name; none is loaded, so it is quick."""
    summaries = []
    for name in sorted(resolving.names()):
        counted = glance(name)
        if counted is None:  # deleted meanwhile
            continue
        images, notes = counted
        origin = generated.known_source(notes)
        source = (generated.source_name(notes) or origin["name"]) if origin else None
        summaries.append(
            DatasetSummary(
                name,
                images,
                sorted(notes.get("encoders", {})),
                sorted(notes.get("evaluations", {})),
                source,
            )
        )
    return summaries


def as_text(listed: Sequence[DatasetSummary]) -> str:
    """Lay data sets out, one a line."""
    if not listed:
        return "There are no data sets yet. Start with: curadiff import ./FOLDER"
    rows = [("data set", "images", "embeddings", "generated from", "evaluations")]
    rows += [
        (
            one.name,
            f"{one.images:,}",
            ", ".join(one.embeddings),
            one.source or "",
            ", ".join(one.evaluations),
        )
        for one in listed
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
