"""Print the tables of docs/evidence from the results, as Markdown.

python benchmarks/evidence tables RESULTS.json AGREEMENT.json
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from arms import LABELS

SHOWN = {
    "frechet_distance": "Frechet",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "clipped_density": "clipped density",
    "clipped_coverage": "clipped coverage",
    "memorized": "memorized",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("results", type=Path)
    parser.add_argument("agreement", type=Path)


def main(given: Namespace) -> None:
    """Print the values of every kind of picture, the agreement, and r2 of the same noise."""
    results = json.loads(given.results.read_text())
    agreement = json.loads(given.agreement.read_text())
    kinds = dict.fromkeys((one["kind"], one.get("images_seen", 0)) for one in results["values"])
    for kind, images in kinds:
        print(f"\n{kind}{f', {images:,} images seen' if images else ''}\n")
        print(values(results, kind, images))
    for kind, metrics in agreement["agreement"].items():
        print(f"\n{kind} and trained networks, {agreement['images_seen']:,} images seen\n")
        print(agreements(metrics))
    print("\nr2 of pictures\n")
    print(correlations(agreement["same_noise"]))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose first column alone is of words."""
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|---" + "|---:" * (len(head) - 1) + "|", *lines[1:]])


def values(results: dict[str, Any], kind: str, images: int) -> str:
    """Return a row per arm, values of training seeds separated by commas, and the null."""
    rows = []
    for arm, label in LABELS.items():
        own = [
            one["values"]
            for one in results["values"]
            if one["kind"] == kind and one["arm"] == arm and one.get("images_seen", 0) == images
        ]
        cells = [", ".join(number(one.get(name)) for one in own) for name in SHOWN]
        if own:
            rows.append([label, *cells])
    null = [f"{results['null'][name]:.3g}" if name in results["null"] else "" for name in SHOWN]
    return table(["arm", *SHOWN.values()], [*rows, ["*real pictures*", *null]])


def number(value: dict[str, Any] | None) -> str:
    """Return a value with half its 95 % interval."""
    if value is None:
        return ""
    shown = f"{value['value']:.3g}"
    if value["interval"]:
        shown += f" ± {np.ptp(value['interval']) / 2:.2g}"
    return shown


def agreements(metrics: dict[str, Any]) -> str:
    """Return a row per metric."""

    def with_interval(one: dict[str, Any]) -> str:
        low, high = one["interval_arms"]
        again = one["interval_values"]
        return f"{one['value']:.2f} [{low:.2f}, {high:.2f}]; [{again[0]:.2f}, {again[1]:.2f}]"

    rows = [
        [
            SHOWN[name],
            with_interval(one["kendall"]),
            with_interval(one["spearman"]),
            with_interval(one["pairs_alike"]),
            f"{one['clear_pairs']}",
            "" if one["clear_pairs_alike"] is None else f"{one['clear_pairs_alike']:.0%}",
        ]
        for name, one in metrics.items()
        if name in SHOWN
    ]
    head = ["metric", "Kendall", "Spearman", "pairs alike", "clear pairs", "of them alike"]
    return table(head, rows)


def correlations(same_noise: dict[str, dict[str, float]]) -> str:
    """Return a row per arm."""
    names = list(dict.fromkeys(name for one in same_noise.values() for name in one))
    return table(
        ["arm", *names],
        [
            [LABELS[arm], *(f"{one[name]:.2f}" if name in one else "" for name in names)]
            for arm, one in same_noise.items()
        ],
    )
