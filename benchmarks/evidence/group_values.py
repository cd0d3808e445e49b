"""What each class is worth: previews without it against previews without as many by chance.

    python benchmarks/evidence group-values IMAGES LABELS FOLDER OUT.json [--side 32]

FOLDER has groups.npz, as ``preview GROUPS.npz FOLDER --name groups`` draws it, and the judge.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
from arms import write_json
from chance import against_chance
from curadiff import metrics
from judging import as_drawn, load_judge
from preview import read

METRICS = ("frechet_distance", "precision_recall", "clipped_density_coverage")


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    for name in ("images", "labels", "folder", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--side", type=int, default=32, help="side of the drawings")


def main(given: Namespace) -> None:
    """Judge the drawings; a class's change stands beside the band of the draws by chance."""
    held_out, _, others = read(given)
    judge = load_judge(given.folder / "judge.pt", others)
    real = judge.see(as_drawn(held_out, given.side))
    values: dict[str, dict[str, float]] = {}
    with np.load(given.folder / "groups.npz") as drawn:
        count = min(len(drawn[arm]) for arm in drawn.files)  # of every arm, from the same noise
        for arm in drawn.files:
            found = metrics.evaluate(
                real=real,
                generated=judge.see(as_drawn(drawn[arm][:count], given.side)),
                metrics=METRICS,
                counts="unequal",
                null_draws=0,
                bootstrap=0,
            ).values
            values[arm] = {name: value for name, value in found.items() if value is not None}
    chances = [one for arm, one in values.items() if arm.startswith("by chance")]
    changes = {
        arm.removeprefix("without "): against_chance(one, chances)
        for arm, one in values.items()
        if arm.startswith("without")
    }
    write_json(
        given.out,
        {"side": given.side, "drawings": count, "values": values, "changes": changes},
    )
