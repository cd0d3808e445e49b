"""Operators on generated images: generate them, import them."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from .. import runs
from ..common.errors import RunError
from ..config import GenerateSettings, LinkSettings, Settings
from ..workflows import estimating
from . import defaults, form_values, forms
from .base import BaseOperator, Results, add_error, add_menu, add_notice, runs_menu, start_job
from .training import given_run, has_model, steps_done, trainings


class GenerateSamples(BaseOperator):
    """Images drawn by a model."""

    slug = "generate_samples"
    title = "Generate images"
    about = (
        "Generate images with a trained model, into a data set of their own that is linked with "
        "this one."
    )
    button = "Generate"
    icon = "auto_awesome"
    model: ClassVar[type[Settings] | None] = GenerateSettings
    delegates = True
    results: ClassVar[Results] = {"run": (str, "Id of the run")}

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask which model, and how many."""
        trained = [run for run in trainings(ctx) if has_model(run)]
        if not trained:
            add_error(form, "There is no trained model yet; train one first.")
            return
        add_menu(form, "run", runs_menu(trained, steps_done), label="Model")
        defaults_here, notes = self.form_defaults(ctx)
        if forms.add_settings(form, GenerateSettings, ctx.params, defaults=defaults_here):
            settings = GenerateSettings(
                **form_values.effective_settings(GenerateSettings, ctx.params, defaults_here)
            )
            by_id = {run.id: run for run in trained}
            model = by_id.get(ctx.params.get("run") or "", trained[-1])
            seconds = defaults.drawing_seconds(model, settings.count, settings.steps)
            if seconds is not None:
                time = estimating.duration(seconds)
                notes = [*notes, f"Takes about {time}, by how fast {model.id} was trained."]
        add_notice(form, notes)

    def form_defaults(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return defaults.drawing()

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Start the job."""
        return start_job(ctx, "generate", {"run": given_run(ctx)}, self.settings(ctx))

    def __call__(self, run: Any, **settings: Any) -> Any:
        """Draw images; see ``curadiff.generate``."""
        from ..workflows import generating

        return generating.generate(run, **settings)


class ImportGenerated(BaseOperator):
    """Generated images become samples."""

    slug = "import_generated"
    title = "Import generated images"
    about = (
        "Add images that a run of this data set has generated, from Python or the shell, to its "
        "linked data set."
    )
    button = "Add"
    icon = "library_add"
    model: ClassVar[type[Settings] | None] = LinkSettings
    risk = types.RiskLevel.LOW
    results: ClassVar[Results] = {
        "dataset": (str, "Data set of the generated images"),
        "added": (int, "Images added"),
    }

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask which folder."""
        listed = {
            str(record.parent): f"{run.id}: {record.parent.name}"
            for run in reversed(trainings(ctx))
            for record in sorted(run.path.glob("generated/*/generated.json"))
        }
        if not listed:
            add_error(form, "No model of this data set has generated images yet.")
            return
        add_menu(form, "folder", listed, label="Images")
        forms.add_settings(form, LinkSettings, ctx.params)

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Add them."""
        from ..workflows import generating

        folder = ctx.params.get("folder")
        if not folder:
            raise RunError("folder is needed: a folder that generate made.")
        result = generating.import_generated(runs.inside_runs(folder), **self.settings(ctx))
        return {
            "dataset": result.dataset.name,
            "added": result.added,
            "message": str(result),
        }

    def __call__(self, folder: Any, **settings: Any) -> Any:
        """Add generated images; see ``curadiff.import_generated``."""
        from ..workflows import generating

        return generating.import_generated(folder, **settings)
