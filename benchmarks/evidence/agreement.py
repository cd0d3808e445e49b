"""How far previews order arms as trained networks do, by metric, with intervals.

    python benchmarks/evidence agree RESULTS.json FOLDER OUT.json

RESULTS.json is of ``judge``; the trained value of an arm is the mean over its training seeds at
100,000 images seen. Intervals are 95 % over 2,000 draws: every value is moved by its own error
(over images, and for trained ones over seeds too), and separately the arms are drawn with
replacement, as if they were a sample of all arms that there could be. OUT.json also has r2 of the
pictures that both models made of the same noise.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from arms import read_drawings, write_json
from curadiff.config.metrics import values as metric_values
from previews import KINDS
from scipy import stats

DRAWS = 2000
NORMAL = 1.959964  # half a 95 % interval in standard errors
Values = dict[str, tuple[float, float]]  # by arm, value and standard error


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("results", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=100_000, help="images seen by the trained")


def main(given: Namespace) -> None:
    """Compare two forecasts with the trained networks, and pictures with pictures."""
    values = json.loads(given.results.read_text())["values"]
    agreements = {}
    for kind in (*KINDS.values(), "chosen"):
        agreements[kind] = {}
        for name in metric_values():
            trained, forecast = trained_values(values, name, given.images), own(values, kind, name)
            shared = [arm for arm in trained if arm in forecast]
            if len(shared) > 2:
                agreements[kind][name] = agreement(trained, forecast, shared)
    between = seeds_agree(values, given.images)
    write_json(
        given.out,
        {
            "images_seen": given.images,
            "agreement": agreements,
            "between_training_seeds": between,
            "same_noise": same_noise(given.folder, given.images),
        },
    )


def error_of(value: Mapping[str, Any]) -> float:
    """Return the standard error that an interval over images means."""
    if value["interval"] is None:
        return 0.0
    low, high = value["interval"]
    return (high - low) / 2 / NORMAL


def own(values: list[dict[str, Any]], kind: str, name: str) -> Values:
    """Return value and error by arm of a kind that is there once per arm."""
    return {
        one["arm"]: (one["values"][name]["value"], error_of(one["values"][name]))
        for one in values
        if one["kind"] == kind and name in one["values"]
    }


def trained_values(values: list[dict[str, Any]], name: str, images: int) -> Values:
    """Return the mean over training seeds and its standard error, by arm.

    The spread between seeds is pooled over the arms, as two seeds alone say little of it; what
    images alone explain is its least.
    """
    by_arm: dict[str, list[Mapping[str, Any]]] = {}
    for one in values:
        if one["kind"] == "trained" and one["images_seen"] == images and name in one["values"]:
            by_arm.setdefault(one["arm"], []).append(one["values"][name])
    spreads = [np.var([v["value"] for v in one], ddof=1) for one in by_arm.values() if len(one) > 1]
    pooled = float(np.mean(spreads)) if spreads else 0.0
    return {
        arm: (
            float(np.mean([value["value"] for value in one])),
            float(
                np.sqrt(max(pooled, np.mean([error_of(value) ** 2 for value in one])) / len(one))
            ),
        )
        for arm, one in by_arm.items()
    }


def agreement(trained: Values, forecast: Values, arms: list[str]) -> dict[str, Any]:
    """Return rank correlations and the share of pairs in the same order, with intervals."""
    t, f = (np.array([values[arm] for arm in arms]) for values in (trained, forecast))
    random = np.random.default_rng(0)
    moved = []
    for _ in range(DRAWS):
        moved.append(measures(random.normal(t[:, 0], t[:, 1]), random.normal(f[:, 0], f[:, 1])))
    sampled = []
    while len(sampled) < DRAWS:
        rows = random.integers(len(arms), size=len(arms))
        if len(set(rows)) > 2:
            sampled.append(measures(t[rows, 0], f[rows, 0]))
    point = measures(t[:, 0], f[:, 0])
    clear = [
        (i, j)
        for i, j in combinations(range(len(arms)), 2)
        if abs(t[i, 0] - t[j, 0]) > NORMAL * np.hypot(t[i, 1], t[j, 1])
    ]
    alike = [bool((t[i, 0] < t[j, 0]) == (f[i, 0] < f[j, 0])) for i, j in clear]
    apart = [[arms[i], arms[j]] for (i, j), same in zip(clear, alike, strict=True) if not same]
    names = ("kendall", "spearman", "pairs_alike")
    result: dict[str, Any] = {
        name: {
            "value": point[n],
            "interval_values": np.nanquantile([one[n] for one in moved], (0.025, 0.975)),
            "interval_arms": np.nanquantile([one[n] for one in sampled], (0.025, 0.975)),
        }
        for n, name in enumerate(names)
    }
    return {
        **result,
        "arms": len(arms),
        "clear_pairs": len(clear),
        "clear_pairs_alike": float(np.mean(alike)) if alike else None,
        "clear_pairs_apart": apart,
        "points": {arm: {"trained": trained[arm], "forecast": forecast[arm]} for arm in arms},
    }


def measures(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Return Kendall's tau-b, Spearman's rho and the share of pairs ordered alike."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.nan, np.nan, np.nan
    pairs = np.triu_indices(len(first), 1)
    a, b = (np.sign(one[:, None] - one[None])[pairs] for one in (first, second))
    differ = (a != 0) & (b != 0)
    ranks = (stats.rankdata(one) for one in (first, second))
    return (
        float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())),
        float(np.corrcoef(*ranks)[0, 1]),
        float((a == b)[differ].mean()),
    )


def seeds_agree(values: list[dict[str, Any]], images: int) -> dict[str, Any]:
    """Return Kendall's tau between the orders by one training seed and by the other."""
    found = {}
    for name in metric_values():
        seeds: dict[int, dict[str, float]] = {}
        for one in values:
            if one["kind"] == "trained" and one["images_seen"] == images and name in one["values"]:
                seeds.setdefault(one["seed"], {})[one["arm"]] = one["values"][name]["value"]
        if len(seeds) == 2:
            a, b = seeds.values()
            arms = [arm for arm in a if arm in b]
            if len(arms) > 2:
                tau, rho, alike = measures(*(np.array([s[arm] for arm in arms]) for s in (a, b)))
                found[name] = {"kendall": tau, "spearman": rho, "pairs_alike": alike}
    return found


def same_noise(folder: Path, images: int) -> dict[str, Any]:
    """Return r2 of pictures from the same noise, and from other noise, by arm.

    r2 of two pictures is the square of the correlation of their pixels; medians over pictures.
    """
    trained = read_drawings(folder, images)
    found: dict[str, Any] = {}
    for arm in dict.fromkeys(name for name, _ in trained):
        own = {seed: pictures for (name, seed), pictures in trained.items() if name == arm}
        first = next(iter(own.values()))
        found[arm] = {"trained_other_noise": r2(first, np.roll(first, 1, axis=0))}
        if len(own) == 2:
            found[arm]["trained_other_seed"] = r2(*own.values())
        if arm != "full" and ("full", 0) in trained:
            found[arm]["trained_full"] = r2(first, trained["full", 0])
        for kind in KINDS.values():
            if not (folder / f"{kind}.npz").exists():
                continue
            with np.load(folder / f"{kind}.npz") as previews:
                if arm in previews.files:
                    values = [r2(previews[arm], one) for one in own.values()]
                    found[arm][kind] = float(np.mean(values))
    return found


def r2(first: np.ndarray, second: np.ndarray) -> float:
    """Return the median over pictures of the squared correlation of pixels."""
    n = min(len(first), len(second))
    x, y = (one[:n].reshape(n, -1).astype(float) for one in (first, second))
    x, y = (one - one.mean(1, keepdims=True) for one in (x, y))
    norms = np.sqrt((x**2).sum(1) * (y**2).sum(1))  # 0 for a picture of one shade
    return float(np.median((x * y).sum(1) ** 2 / norms.clip(min=1e-9) ** 2))
