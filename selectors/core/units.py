"""Samples that are chosen together or not at all, say all images of one person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...common.arrays import row_lengths
from ...common.errors import DataError
from .method_result import MethodResult
from .pool import Pool
from .rows import Array


def select_units(
    pool: Pool, budget: int, together: Array, method: Callable[[Pool, int], MethodResult]
) -> MethodResult:
    """Run a method on units and take whole units for as long as they fit.

    A unit is represented by the mean direction of its samples, its weight is their mean
    weight. A unit that is larger than the budget or its quota is no candidate, one that no
    longer fits is passed over, and units are ranked until the budget is filled or none
    that is left fits. The method's guarantees hold for units.

    Args:
        pool: The samples.
        budget: How many samples, not units.
        together: (n,) label of each sample's unit, in the pool's order.
        method: One of the registry, with its options.

    Raises:
        DataError: A unit has samples of several groups with quotas.
    """
    unit, labels = _units(pool, together)
    size = np.bincount(labels)
    if not unit.candidate.any():
        raise DataError(
            "no unit of together is free: each has an excluded or preselected sample; "
            "exclude or preselect whole units."
        )
    fits = unit.candidate & (size <= np.minimum(budget, pool.quota_left[unit.quota_group]))
    if not fits.any():
        raise DataError(
            f"no unit of together fits: the smallest free one has {size[unit.candidate].min()} "
            f"samples and the budget is {budget}; raise the budget or its quotas."
        )
    unit = replace(unit, candidate=fits)
    count = int(fits.sum())
    # Without quotas as many units as samples mostly do; where large ones lead, more are ranked.
    ask = count if len(pool.quota_left) > 1 else min(count, budget)
    while True:
        ranked = method(replace(unit, quota_left=np.full(len(pool.quota_left), ask)), ask)
        rows, scores, quota_left, left = _take(pool, budget, ranked, labels)
        rest = fits.copy()
        rest[ranked.order] = False
        more = rest & (size <= np.minimum(left, quota_left[unit.quota_group]))
        if ask == count or not more.any():
            break
        ask = min(count, 2 * ask)
    order = np.concatenate(rows) if rows else np.empty(0, np.int64)
    note = ranked.note
    if left:
        note += f" {left} fewer than the budget, for no further whole unit fitted."
    return MethodResult(order, np.array(scores), note.strip(), None, ranked.settings)


def _take(
    pool: Pool, budget: int, ranked: MethodResult, labels: Array
) -> tuple[list[Array], list[float], Array, int]:
    """Take ranked units while they fit: their rows, scores, what is left of quotas and budget."""
    quota_left, left = pool.quota_left.copy(), budget
    rows: list[Array] = []
    scores: list[float] = []
    for place, score in zip(ranked.order, ranked.scores, strict=True):
        members = np.flatnonzero(labels == place)
        quota_group = pool.quota_group[members[0]]
        if len(members) <= min(left, quota_left[quota_group]):
            rows.append(members)
            scores += [float(score)] * len(members)
            quota_left[quota_group] -= len(members)
            left -= len(members)
    return rows, scores, quota_left, left


def unit_labels(together: Sequence[Any] | Array, n: int) -> Array:
    """Check labels of units.

    Raises:
        DataError: There is not one for each row.
    """
    labels = np.asarray(together)
    if labels.shape != (n,):
        raise DataError(f"together must have one label for each of {n} rows, got {labels.shape}.")
    return labels


def _units(pool: Pool, together: Array) -> tuple[Pool, Array]:
    # A unit's id is that of its first sample, so that labels' names do not matter.
    _, first, labels = np.unique(together, return_index=True, return_inverse=True)
    order = np.argsort(first)
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    labels, first = back[labels], first[order]
    if (pool.quota_group != pool.quota_group[first][labels]).any():
        raise DataError(
            "a unit of together has samples of several groups; give one group to each unit."
        )
    size = np.bincount(labels).astype(np.float64)
    mean = np.zeros((len(size), pool.x.shape[1]))
    np.add.at(mean, labels, pool.x)
    length = row_lengths(mean)[:, None]
    mean = np.where(length > 1e-6, mean / np.maximum(length, 1e-6), pool.x[first])
    taken = np.zeros(len(size), bool)
    taken[labels[pool.preselected]] = True
    free = np.ones(len(size), bool)
    free[labels[~pool.candidate]] = False
    weights = None if pool.weights is None else np.bincount(labels, pool.weights) / size
    unit = replace(
        pool,
        x=mean.astype(np.float32),
        ids=pool.ids[first],
        candidate=free,
        preselected=np.flatnonzero(taken),
        quota_group=pool.quota_group[first],
        weights=weights,
    )
    return unit, labels
