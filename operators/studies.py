"""The operator that runs a study: several selections, a model each, compared."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from ..config import Settings, StudySettings
from ..config.sections import ELSEWHERE
from ..workflows import estimating
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
from .training import offer_to_measure

NO_FORM = ("trainer", "command", "captions")
"""Settings of a program of the user's: for files, the shell and Python, whatever the App allows."""


class RunStudy(BaseOperator):
    """Several ways to choose, compared."""

    slug = "run_study"
    title = "Run a study"
    about = (
        "Compare ways of selecting: train one model per method and seed, generate, evaluate, "
        "and rank them."
    )
    button = "Run the study"
    icon = "leaderboard"
    model: ClassVar[type[Settings] | None] = StudySettings
    delegates = True
    results: ClassVar[Results] = {"run": (str, "Id of the run")}

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask for the study's settings; those of its steps in groups."""
        add_target(ctx, form, "Study")
        size = add_size(ctx, form, "study")
        defaults_here, notes = self.form_defaults(ctx)
        values = form_values.effective_settings(StudySettings, ctx.params, defaults_here)
        valid = forms.add_settings(
            form,
            StudySettings,
            ctx.params,
            leave_out=(
                *ELSEWHERE["study"],
                *NO_FORM,
                *form_values.settings_refused_here(StudySettings),
            ),
            defaults=defaults_here,
            errors=checks.studying(size, values),
            menus=suggestions.plan_menus(ctx.dataset),
            suggestions=suggestions.plan_suggestions(ctx.dataset),
        )
        add_notice(form, notes)
        if valid:
            settings = StudySettings(**values)
            cost = estimating.study(settings)
            form.view("cost", types.Notice(label=str(cost)))
            offer_to_measure(ctx, form, cost, settings.train)

    def form_defaults(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return defaults.study(len(ctx.target_view()))

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Start the job, unless a study of that name is another data set's."""
        check_described(ctx, '{"arms": ["random", "typicality"], "budget": 100}')
        return start_job(
            ctx, "study", {"source": ctx.target_view()}, self.settings(ctx), on_view=True
        )

    def __call__(self, source: Any, **settings: Any) -> Any:
        """Run a study; see ``curadiff.study``."""
        from ..studies import engine

        return engine.study(source, **settings)
