"""The operator that previews selections: what a model would generate from each."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from ..config import PreviewSettings, Settings
from ..studies.preview import LABEL
from . import forms
from .base import BaseOperator, add_target, start_job


class PreviewSelections(BaseOperator):
    """What selections would make a model draw."""

    slug = "preview_selections"
    title = "Preview selections"
    about = f"See what selections would make a model draw, in minutes. {LABEL}"
    button = "Preview"
    icon = "preview"
    model: ClassVar[type[Settings] | None] = PreviewSettings
    delegates = True

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask for the arms, and how much is drawn."""
        add_target(ctx, form, "Preview")
        forms.add_settings(form, PreviewSettings, ctx.params)

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Start the job."""
        return start_job(ctx, "preview", {"source": ctx.target_view()}, self.settings(ctx))

    def __call__(self, source: Any, **settings: Any) -> Any:
        """Preview; see ``curadiff.preview``."""
        from ..studies.preview import engine

        return engine.preview(source, **settings)
