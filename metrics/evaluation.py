"""The result of an evaluation: values with all that makes them readable, and fields."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common.errors import DataError
from .arrays import Array
from .table import ABOUT, as_html, as_text


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
    notes; `to_json` has everything but the fields.
    """

    records: dict[str, Record]
    generated: dict[str, Array]  # by field name, one entry per row of generated_rows
    real: dict[str, Array]  # by field name, one entry per row of real_rows
    generated_rows: Array  # which rows of `generated` were used
    real_rows: Array  # which rows of `real` were used
    settings: dict[str, Any]
    notes: list[str]  # sentences that a reader of the values should see

    def __repr__(self) -> str:
        return as_text(self)

    def __str__(self) -> str:
        return "\n".join([as_text(self), ABOUT, *self.notes])

    def _repr_html_(self) -> str:
        return as_html(self)

    @property
    def values(self) -> dict[str, float | None]:
        """The values alone, by name."""
        return {name: record.value for name, record in self.records.items()}

    def to_json(self) -> dict[str, Any]:
        """Return everything except the per-image fields as plain JSON values."""
        return {
            "values": _plain(self.values),
            "records": {name: record.to_json() for name, record in self.records.items()},
            "settings": _plain(self.settings),
            "notes": list(self.notes),
        }


def over_seeds(evaluations: Sequence[Evaluation]) -> dict[str, dict[str, Any]]:
    """Summarize the same evaluation of several training seeds.

    Returns:
        By value name: ``mean``, ``std`` (over n - 1; None for one seed), ``n`` seeds,
        the ``values`` themselves, and the mean ``null`` and ``excess``. Seeds without
        a value are not counted.

    Raises:
        DataError: There is no evaluation.
    """
    if not evaluations:
        raise DataError("over_seeds needs at least one evaluation, got none.")
    names = dict.fromkeys(name for one in evaluations for name in one.records)
    table = {}
    for name in names:
        records = [one.records[name] for one in evaluations if name in one.records]
        values = _finite(record.value for record in records)
        table[name] = {
            "mean": _mean(values),
            "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
            "n": len(values),
            "values": values,
            "null": _mean(_finite(record.null for record in records)),
            "excess": _mean(_finite(record.excess for record in records)),
        }
    return table


def _finite(values: Any) -> list[float]:
    return [float(value) for value in values if value is not None and math.isfinite(value)]


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


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
