"""``report``: what selections of one pool are like, in numbers and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ...common.errors import DataError, SettingsError
from ...common.files import write_bytes
from ...common.knn import nearest
from ..core.coverage import coverage_of
from ..core.frechet import PoolGaussian
from ..core.rows import Array, unit_rows
from ..duplicates import stars
from ..selection import Selection
from . import figures
from .page import page

BANDS = 10  # random subsets of the same size


@dataclass(frozen=True)
class Report:
    """Numbers of each selection by its name, and figures by theirs."""

    numbers: dict[str, dict[str, Any]]  # JSON values only
    overlap: dict[str, dict[str, float]]  # Jaccard index between selections
    figures: dict[str, go.Figure]
    bands: int  # random subsets of the same size, between which the values of each lie

    def to_html(
        self, path: str | Path, *, pictures: Mapping[str, Sequence[str | Path]] | None = None
    ) -> Path:
        """Write a page that needs no network and no script.

        Args:
            path: The file to write.
            pictures: The image files of each selection, in the order of the picks; the first 25
                are shown.

        Raises:
            RunError: The disk is full, or the folder cannot be written.
        """
        path = Path(path)
        write_bytes(path, page(self, pictures or {}).encode())
        return path


def report(
    x: Array,
    selections: Mapping[str, Selection],
    labels: Sequence[Any] | Array | None = None,
    *,
    quotas: Mapping[Any, int] | None = None,
    bands: int = BANDS,
) -> Report:
    """Compare selections of one pool with the pool, with random subsets and with each other.

    Args:
        x: (n, d) the embeddings that were selected from.
        selections: By name.
        labels: (n,) class or slice of each sample, for shares.
        quotas: How many of each label were asked for, for shortfalls.
        bands: How many random subsets of the same size make a band.

    Returns:
        Numbers and plotly figures.

    Raises:
        DataError: There is no selection, or one is of another pool.
        SettingsError: There is no random subset.
    """
    if bands < 1:
        raise SettingsError(f"bands must be >= 1 random subset, got {bands}.")
    unit = unit_rows(np.asanyarray(x))
    _check(unit, selections, labels)
    pool = PoolGaussian(unit)
    first = next(iter(selections.values()))
    representative = stars(unit, first.near_radius)
    names = None if labels is None else np.asarray(labels)
    bands_at: dict[int, list[dict[str, float]]] = {}
    numbers = {}
    for name, chosen in selections.items():
        count = len(chosen.indices)
        if count not in bands_at:
            rng = [np.random.default_rng(seed) for seed in range(bands)]
            rows = [r.choice(len(unit), count, replace=False) for r in rng]
            bands_at[count] = [_comparable(pool, row, representative, first, names) for row in rows]
        numbers[name] = _numbers(
            pool, chosen, representative, first, names, quotas, bands_at[count]
        )
    random = _random_coverage(unit, selections)
    for row in numbers.values():
        row["one_random_coverage"] = None if random is None else float(random[row["count"] - 1])
    sets = {name: set(chosen.indices.tolist()) for name, chosen in selections.items()}
    overlap = {
        a: {b: len(sets[a] & sets[b]) / max(1, len(sets[a] | sets[b])) for b in sets} for a in sets
    }
    plots = _figures(unit, pool, selections, numbers, overlap, names, random)
    return Report(numbers, overlap, plots, bands)


def _check(
    unit: Array, selections: Mapping[str, Selection], labels: Sequence[Any] | Array | None
) -> None:
    n = len(unit)
    if not selections:
        raise DataError("report needs at least one selection, got none.")
    for name, chosen in selections.items():
        if len(chosen.density) != n or not len(chosen.indices):
            raise DataError(
                f"{name!r} selected {len(chosen.indices)} of {len(chosen.density)} samples and x "
                f"has {n}; give the embeddings that it was selected from."
            )
    if labels is not None and len(labels) != n:
        raise DataError(f"labels must be one for each of {n} rows, got {len(labels)}.")


def _numbers(
    pool: PoolGaussian,
    chosen: Selection,
    representative: Array,
    first: Selection,
    labels: Array | None,
    quotas: Mapping[Any, int] | None,
    band: list[dict[str, float]],
) -> dict[str, Any]:
    rows = chosen.indices
    distance = chosen.nearest_pick_distance
    row: dict[str, Any] = {
        "count": len(rows),
        "kept": len(chosen.preselected),
        "shortfall": chosen.shortfall,
        "stop_reason": chosen.stop_reason,
        "settings": chosen.settings,
        "embedding_hash": chosen.embedding_hash,
        "coverage_max": float(distance.max()),
        "coverage_p99": float(np.quantile(distance, 0.99)),
        "coverage_mean": float(distance.mean()),
        "min_pair_distance": smallest_gap(pool.unit[rows]),
    }
    for name, value in _comparable(pool, rows, representative, first, labels).items():
        values = [one[name] for one in band]
        row[name] = value
        row[f"{name}_random"] = [min(values), float(np.mean(values)), max(values)]
    if labels is not None:
        row["shares"] = _shares(labels[rows])
        row["pool_shares"] = _shares(labels)
    if quotas is not None and labels is not None:
        have = {str(k): int((labels[rows] == k).sum()) for k in quotas}
        missing = {str(k): int(v) - have[str(k)] for k, v in quotas.items()}
        row["quota_shortfalls"] = {k: v for k, v in missing.items() if v > 0}
    return row


def _comparable(
    pool: PoolGaussian, rows: Array, representative: Array, first: Selection, labels: Array | None
) -> dict[str, float]:
    """Numbers that a random subset has as well."""
    row = {
        "frechet_distance": pool.distance(rows) if len(rows) > 1 else 0.0,
        "outlier_share": float(first.flagged[rows].mean()),
        "duplicate_share": 1 - len(np.unique(representative[rows])) / len(rows),
    }
    if labels is not None:
        names, place = np.unique(labels, return_inverse=True)
        share = np.bincount(place) / len(place)
        own_share = np.bincount(place[rows], minlength=len(names)) / len(rows)
        row["share_distance"] = float(np.abs(own_share - share).sum() / 2)
    return row


def smallest_gap(unit: Array) -> float:
    """Smallest Euclidean distance between two rows; 0 for a single one."""
    if len(unit) < 2:
        return 0.0
    return float(nearest(unit, unit, 1, exclude_self=True)[0].min())


def _shares(labels: Array) -> dict[str, float]:
    names, counts = np.unique(labels, return_counts=True)
    return {str(name): count / len(labels) for name, count in zip(names, counts, strict=True)}


def _figures(
    unit: Array,
    pool: PoolGaussian,
    selections: Mapping[str, Selection],
    numbers: dict[str, dict[str, Any]],
    overlap: dict[str, dict[str, float]],
    labels: Array | None,
    random: Array | None,
) -> dict[str, go.Figure]:
    curves = {name: chosen.coverage_radius for name, chosen in selections.items()}
    densities = next(iter(selections.values())).density
    picks = {name: chosen.indices for name, chosen in selections.items()}
    plots = {
        "coverage": figures.coverage(curves, random),
        "frechet": figures.band(numbers, "frechet_distance", "Frechet distance to the pool"),
        "density": figures.density(densities, picks),
        "faults": figures.faults(numbers),
        "overlap": figures.overlap(overlap),
        "map": figures.scatter(figures.plane(unit, pool), picks, labels),
    }
    if labels is not None:
        plots["shares"] = figures.shares(numbers)
    return plots


def _random_coverage(unit: Array, selections: Mapping[str, Selection]) -> Array | None:
    """Coverage radius after each of as many random picks, beside the rows that were kept.

    None where the selections did not keep the same rows: no one choice compares with all.
    """
    first, *others = (np.sort(chosen.preselected) for chosen in selections.values())
    if not all(np.array_equal(first, kept) for kept in others):
        return None
    free = np.setdiff1d(np.arange(len(unit)), first)
    count = max(len(chosen.indices) for chosen in selections.values())
    random = np.random.default_rng(0).choice(free, count, replace=False)
    return coverage_of(unit, np.concatenate([first, random]), len(first))
