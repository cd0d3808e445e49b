"""Show samples of whichever data set they are in.

The App opens a data set without waiting for it, so a view that is set right after would
still go to the old one. `ShowSamples` therefore asks the browser again until the data
set that it names is the one that is open.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators import types

from ..common.errors import DataError
from ..datasets.resolving import all_samples
from .base import URI

GRID = "Samples"  # FiftyOne's name of its panel with the grid
ATTEMPTS = 60
PAUSE = 0.25  # seconds between two attempts


def show_samples(
    ctx: Any, dataset: str, *, ids: Sequence[str] | None = None, view: Any = None
) -> None:
    """Show samples in the grid, opening their data set when it is not the open one.

    Args:
        ctx: The context of a panel or an operator.
        dataset: Name of the samples' data set.
        ids: Which samples, in this order; or
        view: a view of that data set.

    Raises:
        DataError: The data set is gone.
    """
    if view is None:
        view = all_samples(open_by_name(dataset)).select(list(ids or ()), ordered=True)
    if ctx.dataset.name == dataset:
        show_view(ctx, view)
        return
    ctx.ops.open_dataset(dataset)
    stages = view._serialize()
    ctx.trigger(f"{URI}/show_samples", {"dataset": dataset, "stages": stages, "left": ATTEMPTS})


def show_view(ctx: Any, view: Any) -> None:
    """Show a view of the open data set, and bring the grid forward where a panel hides it."""
    ctx.ops.set_view(view)
    spaces = ctx.request_params.get("spaces")
    if isinstance(spaces, dict) and not _grid_in_front(spaces):
        ctx.ops.open_panel(GRID, is_active=True)


def _grid_in_front(space: dict[str, Any]) -> bool:
    """Tell whether nothing lies over the grid, by the panels that a request says are open."""
    for child in space.get("children") or []:
        if child.get("type") == GRID:
            return space.get("active_child") in (None, child["component_id"])
        if _grid_in_front(child):
            return True
    return False


def open_by_name(dataset: str) -> Any:
    """Load a linked data set as it is now, whatever this process has of it in memory.

    Raises:
        DataError: The data set is gone.
    """
    if not fo.dataset_exists(dataset):
        raise DataError(f"the data set {dataset!r} is gone; import it again, or start anew.")
    return fo.load_dataset(dataset, reload=True)


class ShowSamples(foo.Operator):
    """Wait until a data set is open in the browser, then show a view of it."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Called by the panels, not listed."""
        return foo.OperatorConfig(
            name="show_samples",
            label="Curadiff: Show samples of a data set",
            description="Show a view of a data set that is being opened.",
            unlisted=True,
            risk_level=types.RiskLevel.LOW,
        )

    def execute(self, ctx: Any) -> None:
        """Set the view, or ask again a little later."""
        name, left = ctx.params["dataset"], ctx.params["left"]
        if ctx.dataset is not None and ctx.dataset.name == name:
            if ctx.request_params.get("view"):
                return  # it is shown
            ctx.trigger("set_view", {"view": ctx.params["stages"]})
        if left > 0:
            time.sleep(PAUSE)
            ctx.trigger(f"{URI}/show_samples", {**ctx.params, "left": left - 1})
            return
        ctx.ops.notify(f"{name!r} was not opened; open it and try again.", variant="error")
