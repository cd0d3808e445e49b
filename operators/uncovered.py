"""What no model of a study draws: real images far from everything generated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fiftyone.operators import types

from ..datasets.uncovered import uncovered
from ..runs import Run
from ..studies import cells
from . import navigation
from .panels import layout


def draw(page: types.Object, run: Run, arms: Sequence[str], panel: Any) -> None:
    """Add a button per arm, and one for what no arm covers."""
    layout.text(
        page,
        "**What no model draws.** The real images that no generated image comes near, the "
        "farthest first: those that every arm misses, or those of one arm.",
    )
    row = page.h_stack("missed", gap=1, align_x="left", align_y="center", wrap=True)
    layout.button(
        row, "Every arm", panel.open_uncovered, variant="contained", study=run.id, arm=None
    )
    for arm in arms:
        layout.button(row, arm, panel.open_uncovered, study=run.id, arm=arm)


def show(ctx: Any, run: Run, arm: str | None) -> None:
    """Show the real images that an arm misses in all its seeds; without one, that all miss."""
    outcomes = [told for told in outcomes_of(run) if arm in (None, told["arm"])]
    older = f"{run.id}-{{arm}}-s{{seed}}"
    keys = [told.get("evaluation") or older.format(**told) for told in outcomes]
    name = run.record["dataset"]
    view = uncovered(navigation.open_by_name(name), keys)
    navigation.show(ctx, name, view=view)
    who = arm or "every arm"
    ctx.ops.notify(f"{len(view):,} compared images are missed by {who}.", variant="info")


def outcomes_of(run: Run) -> list[dict[str, Any]]:
    """Read what a study has found so far, in the order of the plan."""
    return cells.readable(run)


def unfinished(run: Run, outcomes: Sequence[dict[str, Any]]) -> list[str]:
    """Name the trainings of a study's plan that have no outcome yet."""
    done = {(told["arm"], told["seed"]) for told in outcomes}
    settings = run.settings
    return [
        f"{arm['name']}-s{seed}"
        for seed in settings["seeds"]
        for arm in settings["arms"]
        if (arm["name"], seed) not in done
    ]
