"""What no model of a study draws: real images far from everything generated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fiftyone.operators import types

from ...common.keys import training_key
from ...datasets.uncovered import uncovered
from ...runs import Run
from ...studies import cells, planning
from .. import navigation
from . import layout


def add_uncovered(page: types.Object, run: Run, arms: Sequence[str], panel: Any) -> None:
    """Add a button per arm, and one for what no arm covers."""
    layout.text(
        page,
        "**What no model draws.** The real images that no generated image comes near, the "
        "farthest first: those that every arm misses, or those of one arm.",
    )
    row = page.h_stack(
        "missed", gap=1, align_x="left", align_y="center", componentsProps=layout.WRAPPING
    )
    layout.button(
        row, "Every arm", panel.open_uncovered, variant="contained", study=run.id, arm=None
    )
    for arm in arms:
        layout.button(row, arm, panel.open_uncovered, study=run.id, arm=arm)


def show_uncovered(ctx: Any, run: Run, arm: str | None) -> None:
    """Show the real images that an arm misses in all its seeds; without one, that all miss."""
    outcomes = [outcome for outcome in study_outcomes(run) if arm in (None, outcome["arm"])]
    keys = [
        outcome.get("evaluation") or training_key(outcome["arm"], outcome["seed"], study=run.id)
        for outcome in outcomes
    ]
    name = run.record["dataset"]
    view = uncovered(navigation.open_by_name(name), keys)
    navigation.show_samples(ctx, name, view=view)
    arms_text = arm or "every arm"
    ctx.ops.notify(f"{len(view):,} compared images are missed by {arms_text}.", variant="info")


def study_outcomes(run: Run) -> list[dict[str, Any]]:
    """Read what a study has found so far, in the order of the plan."""
    return cells.readable(run)


def unfinished(run: Run, outcomes: Sequence[dict[str, Any]]) -> list[str]:
    """Name the trainings of a study's plan that have no outcome yet."""
    done = {cells.key_of(outcome) for outcome in outcomes}
    return [cell.key for cell in planning.cells_of(run) if cell.key not in done]
