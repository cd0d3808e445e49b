"""An empty data set is met with the form that fills it.

FiftyOne shows no panels where there are no samples, so this is the only doorway there.
"""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from ..datasets.unloaded import glance
from .base import URI


class Welcome(foo.Operator):
    """Open the import form when the data set that was opened is empty."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Called by FiftyOne whenever a data set is opened, not listed."""
        return foo.OperatorConfig(
            name="welcome",
            label="Curadiff: Welcome",
            description="Open the import form on an empty data set.",
            on_dataset_open=True,
            unlisted=True,
            risk_level=types.RiskLevel.LOW,
        )

    def execute(self, ctx: Any) -> None:
        """Offer to import where there is nothing yet."""
        if ctx.dataset is None or ctx.dataset.media_type not in (None, "image"):
            return
        seen = glance(ctx.dataset.name)
        if seen is not None and seen[0] == 0:
            ctx.prompt(f"{URI}/import_images", params={"name": ctx.dataset.name, "layout": "auto"})
