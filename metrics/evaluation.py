"""The result of an evaluation: values with all that makes them readable, and fields."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common.errors import DataError
from ..common.statistics import Spread, spread
from .arrays import Array
from .statistic import Influences
from .table import ABOUT, as_html, as_text, class_lines, lower_is_better


@dataclasses.dataclass(frozen=True)
class Record:
    """One data-set value and what it takes to read it."""

    value: float | None  # None where it cannot be computed; then `reason` says why
    n_real: int
    n_generated: int
    null: float | None = None  # the same metric between disjoint real images, mean of draws
    null_std: float | None = None  # over the draws
    n_null: tuple[int, int] | None = None  # images on either side of the null
    excess: float | None = None  # value minus null, both at n_null
    interval: tuple[float, float] | None = None  # 95 %, bootstrap over images
    reason: str | None = None
    detail: dict[str, Any] = dataclasses.field(default_factory=dict)  # k, rule, ...

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; what is not finite becomes None with a reason."""
        return _plain(dataclasses.asdict(self))


@dataclasses.dataclass(frozen=True, repr=False)
class Evaluation:
    """Data-set values, and fields for every image that was used.

    Printed, it is a table of all values with null, excess, interval and counts, and the
    notes; `to_json` has everything but the fields and the influences. Influences say how much
    each image moves each value; they are there where intervals were asked for (``bootstrap``).
    """

    records: dict[str, Record]
    generated: dict[str, Array]  # by field name, one entry per row of generated_rows
    real: dict[str, Array]  # by field name, one entry per row of real_rows
    generated_rows: Array  # which rows of `generated` were used
    real_rows: Array  # which rows of `real` were used
    settings: dict[str, Any]
    notes: list[str]  # sentences that a reader of the values should see
    influences: dict[str, Influences] = dataclasses.field(default_factory=dict)  # by value name
    classes: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)  # by their names

    def __repr__(self) -> str:
        return as_text(self)

    def __str__(self) -> str:
        about = f"{ABOUT} {lower_is_better(self)}".rstrip()
        return "\n".join([as_text(self), about, *class_lines(self), *self.notes])

    def _repr_html_(self) -> str:
        return as_html(self)

    @property
    def values(self) -> dict[str, float | None]:
        """The values alone, by name."""
        return {name: record.value for name, record in self.records.items()}

    def to_json(self) -> dict[str, Any]:
        """Return everything except what is per image as plain JSON values."""
        of_classes = {"classes": _plain(self.classes)} if self.classes else {}
        return {
            **of_classes,
            "values": _plain(self.values),
            "records": {name: record.to_json() for name, record in self.records.items()},
            "settings": _plain(self.settings),
            "notes": list(self.notes),
        }


def over_seeds(evaluations: Sequence[Evaluation]) -> dict[str, Spread]:
    """Summarize the same evaluation of several training seeds.

    Args:
        evaluations: One per seed; their places are the keys of `Spread.values`.

    Returns:
        By value name: mean, standard deviation over n - 1 (None for one seed), how many seeds,
        the values themselves and the mean excess over the null. Seeds without a value are not
        counted; a value that no seed has is left out.

    Raises:
        DataError: There is no evaluation.
    """
    if not evaluations:
        raise DataError("over_seeds needs at least one evaluation, got none.")
    names = dict.fromkeys(name for one in evaluations for name in one.records)
    summary = {}
    for name in names:
        records = {
            seed: one.records[name] for seed, one in enumerate(evaluations) if name in one.records
        }
        summary[name] = spread(
            {seed: record.value for seed, record in records.items()},
            [record.excess for record in records.values()],
        )
    return {name: value for name, value in summary.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
