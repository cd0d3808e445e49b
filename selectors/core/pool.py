"""What a method may choose from, checked once, in an order that does not depend on the rows'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...common.devices import choose_device
from ...common.errors import DataError, SettingsError
from .rows import Array, unit_rows


@dataclass(frozen=True)
class Pool:
    """The samples of one selection, sorted by id.

    Methods see only this, so permuting the caller's rows cannot change a result
    and "the lowest index wins" means "the lowest id wins".
    """

    x: Array  # (n, d) float32, every row of length 1
    ids: Array  # (n,) ascending
    candidate: Array  # (n,) bool: may be chosen
    preselected: Array  # (p,) int64 rows that are chosen already
    quota_group: Array  # (n,) int64: which quota a row counts for
    quota_left: Array  # (quotas,) int64: how many rows each quota takes
    weights: Array | None  # (n,) float64
    seed: int
    device: torch.device

    def __len__(self) -> int:
        return len(self.x)

    def first(self, ranking: Array, budget: int) -> Array:
        """Walk down a ranking of rows; take each that is a candidate and fits its quota."""
        ranking = ranking[self.candidate[ranking]]
        quota_group = self.quota_group[ranking]
        order = np.argsort(quota_group, kind="stable")
        begin = np.searchsorted(quota_group[order], quota_group[order])  # of the row's group
        before = np.empty(len(ranking), np.int64)
        before[order] = np.arange(len(ranking)) - begin  # rows of the same group ahead of it
        return ranking[before < self.quota_left[quota_group]][:budget]


def positive_weights(pool: Pool, method: str) -> Array:
    """Return the weights, ones where none were given.

    Raises:
        DataError: One is zero or negative.
    """
    if pool.weights is None:
        return np.ones(len(pool))
    if (pool.weights <= 0).any():
        raise DataError(
            f"{method} needs weights > 0; use exclude for samples that may not be taken."
        )
    return pool.weights


def make_pool(
    x: Array,
    budget: int,
    *,
    ids: Sequence[Any] | Array | None,
    preselected: Sequence[int] | Array | None,
    exclude: Sequence[int] | Array | None,
    groups: Sequence[Any] | Array | None,
    quotas: Mapping[Any, int] | str | None,
    weights: Sequence[float] | Array | None,
    seed: int,
    device: str,
    memory_budget: int | None = None,
) -> tuple[Pool, Array]:
    """Check everything that a selection is given.

    Returns:
        The pool and, for each of its rows, the caller's row.

    Raises:
        DataError: The embeddings, ids, groups or weights cannot be used.
        SettingsError: The budget, seed or quotas cannot be met.
    """
    x = np.asanyarray(x)
    if x.ndim != 2 or x.dtype.kind not in "fiu" or 0 in x.shape:
        raise DataError(
            f"x must be a matrix (n, d) of numbers with one row per sample, got shape "
            f"{x.shape} of {x.dtype}."
        )
    n = len(x)
    names, order = _sorted_ids(ids, n)
    chosen, out = chosen_rows(preselected, n, "preselected"), chosen_rows(exclude, n, "exclude")
    candidate = np.ones(n, bool)
    candidate[chosen] = False
    candidate[out] = False
    check_budget(budget, int(candidate.sum()), n)
    quota_group, quota_left = quota_groups(groups, quotas, candidate, budget)
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise SettingsError(f"seed must be a whole number >= 0, got {seed!r}.")
    back = np.empty(n, np.int64)
    back[order] = np.arange(n)  # caller's row -> pool's row
    pool = Pool(
        x=unit_rows(x, order, memory_budget=memory_budget),
        ids=names,
        candidate=candidate[order],
        preselected=back[chosen],
        quota_group=quota_group[order],
        quota_left=quota_left,
        weights=_weights(weights, n, order),
        seed=int(seed),
        device=choose_device(device, float64=True),
    )
    return pool, order


def _sorted_ids(ids: Sequence[Any] | Array | None, n: int) -> tuple[Array, Array]:
    if ids is None:
        return np.arange(n), np.arange(n)
    names = np.asarray(ids)
    if names.shape != (n,):
        raise DataError(f"ids must name each of the {n} rows once, got shape {names.shape}.")
    order = np.argsort(names, kind="stable")
    names = names[order]
    twice = names[1:][names[1:] == names[:-1]]
    if len(twice):
        raise DataError(f"ids must differ, but {twice[0]} occurs more than once.")
    return names, order


def chosen_rows(rows: Sequence[int] | Array | None, n: int, name: str) -> Array:
    """Turn row numbers or a mask into row numbers, each once; complain by the setting's name."""
    if rows is None:
        return np.empty(0, np.int64)
    given = np.asarray(rows)
    if given.dtype == bool and given.shape == (n,):
        return np.flatnonzero(given)
    if given.size == 0:
        return np.empty(0, np.int64)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise DataError(
            f"{name} must be row numbers or a mask of {n} booleans, got shape {given.shape} "
            f"of {given.dtype}."
        )
    if given.min() < 0 or given.max() >= n:
        raise DataError(f"{name} must be rows between 0 and {n - 1}, got {given.min()} to "
                        f"{given.max()}.")  # fmt: skip
    return np.asarray(list(dict.fromkeys(given.tolist())), np.int64)


def check_budget(budget: int, available: int, n: int) -> None:
    """Refuse a budget that is no number or exceeds what can be chosen."""
    if not isinstance(budget, int | np.integer) or isinstance(budget, bool) or budget < 1:
        raise SettingsError(f"budget must be a whole number >= 1, got {budget!r}.")
    if budget > available:
        left = "" if available == n else f" ({n - available} are preselected or excluded)"
        raise SettingsError(
            f"budget must be <= {available}, the samples that can be chosen{left}, got {budget}."
        )


def quota_groups(
    groups: Sequence[Any] | Array | None,
    quotas: Mapping[Any, int] | str | None,
    candidate: Array,
    budget: int,
) -> tuple[Array, Array]:
    """Return each row's quota group and how many each group takes, together the budget."""
    n = len(candidate)
    if groups is None and quotas is None:
        return np.zeros(n, np.int64), np.array([budget])
    if groups is None or quotas is None:
        raise SettingsError(
            "groups and quotas belong together: groups says which slice each sample is in, "
            "quotas how many to take from each ('balanced', 'proportional' or a dictionary)."
        )
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise DataError(f"groups must have one label for each of {n} rows, got {labels.shape}.")
    names, quota_group = np.unique(labels, return_inverse=True)
    size = np.bincount(quota_group[candidate], minlength=len(names))
    if isinstance(quotas, str):
        if quotas not in ("balanced", "proportional"):
            raise SettingsError(
                f"quotas must be 'balanced', 'proportional' or a dictionary, got {quotas!r}."
            )
        share = np.ones(len(names)) if quotas == "balanced" else size.astype(float)
        return quota_group, fill(share, size, budget)
    return _hard_quotas(quotas, names, quota_group, size, budget)


def fill(share: Array, size: Array, budget: int) -> Array:
    """Split the budget by shares, never above a group's size; ties go to the first group."""
    quota_left = np.zeros(len(size), np.int64)
    for _ in range(budget):
        want = np.where(quota_left < size, (quota_left + 1) / np.maximum(share, 1e-300), np.inf)
        quota_left[np.argmin(want)] += 1
    return quota_left


def _hard_quotas(
    quotas: Mapping[Any, int], names: Array, quota_group: Array, size: Array, budget: int
) -> tuple[Array, Array]:
    known = {name: place for place, name in enumerate(names.tolist())}
    named = np.zeros(len(names), bool)
    quota_left = np.zeros(len(names) + 1, np.int64)  # the last one is the groups without a quota
    for name, count in quotas.items():
        if name not in known:
            some = ", ".join(map(str, list(known)[:8]))
            raise SettingsError(f"quotas names {name!r}, which no sample has (groups: {some}).")
        if not isinstance(count, int | np.integer) or count < 0:
            raise SettingsError(f"the quota of {name!r} must be a whole number, got {count!r}.")
        if count > size[known[name]]:
            raise SettingsError(
                f"the quota of {name!r} is {count}, but it has only {size[known[name]]} samples "
                "that can be chosen; lower the quota."
            )
        quota_left[known[name]] = count
        named[known[name]] = True
    rest = budget - int(quota_left.sum())
    others = int(size[~named].sum())
    if rest < 0 or rest > others:
        raise SettingsError(
            f"quotas add up to {int(quota_left.sum())} and the groups without a quota have "
            f"{others} samples, so a budget of {budget} cannot be met; change the budget or "
            "the quotas."
        )
    quota_left[-1] = rest
    return np.where(named[quota_group], quota_group, len(names)), quota_left


def _weights(weights: Sequence[float] | Array | None, n: int, order: Array) -> Array | None:
    if weights is None:
        return None
    try:
        values = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("weights must be numbers, one per row, got something else.") from None
    if values.shape != (n,) or not np.isfinite(values).all():
        raise DataError(f"weights must be {n} finite numbers, one per row.")
    return values[order]
