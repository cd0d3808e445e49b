"""What a study's report is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import comparing
from ..conclusions import Conclusion
from . import people


@dataclass(frozen=True)
class ReportData:
    """What a study's report is about.

    Attributes:
        outcomes: One record per training.
        summary: ``{reference: {arm: {metric: Spread}}}``; the first one ranks the arms.
        conclusion: The answer, by the first reference.
        notes: What else a reader must know: copies, new images, the same encoder twice.
        dataset: Name of the data set.
        images: How many images may be trained on, and how many are held out.
        real: Files of real images to show, held-out ones where there are some.
        people: What people said of the generated images.
    """

    outcomes: Sequence[Mapping[str, Any]]
    summary: Mapping[str, comparing.Summary]
    conclusion: Conclusion
    notes: Sequence[str]
    dataset: str
    images: tuple[int, int]
    real: Sequence[Path] = ()
    people: Sequence[people.People] = ()
