"""A metric's value together with how much each image moves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .arrays import Array, Floats

Influence = Callable[[], Floats]


class Statistic(NamedTuple):
    """A value, and how much each image moves it (mean 0), computed when asked for."""

    value: float
    per_real: Influence | None = None  # (n,)
    per_generated: Influence | None = None  # (m,)
    detail: dict[str, Any] = {}  # noqa: RUF012 - never changed
    interval: tuple[float, float] | None = None  # where the metric has one of its own


class Influences(NamedTuple):
    """How much each image moves a value, mean 0; None where it does not depend on them."""

    per_real: Floats | None = None  # (n,)
    per_generated: Floats | None = None  # (m,)

    @classmethod
    def of(cls, statistic: Statistic) -> Influences:
        """Compute the influences behind a value."""
        real, generated = statistic.per_real, statistic.per_generated
        return cls(real and real(), generated and generated())


Statistics = dict[str, Statistic]  # by the name of the value


def mean_over_real(field: Array, **detail: Any) -> Statistic:
    """Return the mean of a field of the real images: (n,) numbers or truths."""
    field = field * 1.0
    value = float(field.mean())
    return Statistic(value, lambda: field - value, None, detail)


def mean_over_generated(field: Array, **detail: Any) -> Statistic:
    """Return the mean of a field of the generated images: (m,) numbers or truths."""
    field = field * 1.0
    value = float(field.mean())
    return Statistic(value, None, lambda: field - value, detail)
