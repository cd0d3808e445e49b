"""The operator that previews selections: what a model would generate from each."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from ..config import PreviewSettings, Settings
from ..config.sections import ELSEWHERE
from ..datasets.selections import selection_names
from ..studies.preview import LABEL
from . import checks, defaults, form_values, forms, suggestions
from .base import (
    BaseOperator,
    Results,
    add_notice,
    add_size,
    add_target,
    check_described,
    start_job,
)


class PreviewSelections(BaseOperator):
    """What selections would make a model draw."""

    slug = "preview_selections"
    title = "Preview selections"
    about = f"See what selections would make a model draw, in minutes. {LABEL}"
    button = "Preview"
    icon = "preview"
    model: ClassVar[type[Settings] | None] = PreviewSettings
    delegates = True
    results: ClassVar[Results] = {"run": (str, "Id of the run")}

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask for the arms, and how much is drawn."""
        add_target(ctx, form, "Preview")
        add_size(ctx, form, "preview")
        defaults_here, notes = self.form_defaults(ctx)
        values = form_values.effective_settings(PreviewSettings, ctx.params, defaults_here)
        arms = suggestions.arm_names() | suggestions.as_choices(selection_names(ctx.dataset))
        forms.add_settings(
            form,
            PreviewSettings,
            ctx.params,
            leave_out=(*ELSEWHERE["preview"], *form_values.settings_refused_here(PreviewSettings)),
            defaults=defaults_here,
            errors=checks.encoders_of_steps(values),
            menus=suggestions.plan_menus(ctx.dataset),
            suggestions=suggestions.plan_suggestions(ctx.dataset) | {"arms": arms},
        )
        add_notice(form, notes)

    def form_defaults(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return defaults.preview(len(ctx.target_view()))

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Start the job."""
        check_described(ctx, '{"arms": ["random", "typicality"], "budget": 100}')
        return start_job(
            ctx, "preview", {"source": ctx.target_view()}, self.settings(ctx), on_view=True
        )

    def __call__(self, source: Any, **settings: Any) -> Any:
        """Preview; see ``curadiff.preview``."""
        from ..studies.preview import engine

        return engine.preview(source, **settings)
