"""The operator that compares generated images with real ones."""

from __future__ import annotations

from typing import Any, ClassVar

import fiftyone as fo
from fiftyone.operators import types

from ..common.errors import DataError
from ..config import EvaluateSettings, Settings
from ..datasets import generated, identity, info, reading, selections
from ..datasets.resolving import all_samples
from ..workflows import overview
from . import checks, defaults, form_values, forms, suggestions
from .base import BaseOperator, Results, add_error, add_menu, add_notice, start_job
from .navigation import open_by_name

ALL = "-"


class EvaluateGenerated(BaseOperator):
    """Generated images compared with real ones."""

    slug = "evaluate_generated"
    title = "Evaluate generated images"
    about = (
        "Compare generated images with real ones: Fréchet distance, precision, recall, coverage "
        "and copies of training images."
    )
    button = "Evaluate"
    icon = "query_stats"
    model: ClassVar[type[Settings] | None] = EvaluateSettings
    delegates = True
    results: ClassVar[Results] = {"run": (str, "Id of the run")}

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask which images, against which."""
        source, sets = _linked(ctx)
        if not sets:
            add_error(form, "There are no generated images yet; generate some first.")
            return
        add_menu(form, "generated", {name: name for name in sets}, label="Generated data set")
        generated_set = open_by_name(_one_of(ctx.params.get("generated"), sets))
        arms = {ALL: f"all {len(generated_set):,} images"}
        arms |= {
            arm: f"{arm} ({n:,})" for arm, n in generated_set.count_values("arm").items() if arm
        }
        add_menu(form, "arm", arms, label="Arm", description="Those of one way of choosing.")
        views = {ALL: f"all {len(source):,} images"}
        views |= {name: f"view {name}" for name in source.list_saved_views()}
        add_menu(form, "reference", views, label="Compare with", description="The real images.")
        names = selections.selection_names(source)
        train = {ALL: "not measured"} | {name: f"selection {name}" for name in names}
        add_menu(
            form,
            "train",
            train,
            label="Trained on",
            description="To measure memorization: the images that the model was trained on.",
            default=_trained_on(generated_set, ctx.params.get("arm"), names),
        )
        defaults_here, notes = self.form_defaults(ctx)
        values = form_values.effective_settings(EvaluateSettings, ctx.params, defaults_here)
        errors = checks.encoder(values) | checks.counts(
            values, *_counts(ctx, generated_set, source)
        )
        forms.add_settings(
            form,
            EvaluateSettings,
            ctx.params,
            leave_out=form_values.settings_refused_here(EvaluateSettings),
            defaults=defaults_here,
            errors=errors,
            suggestions={
                "encoder": suggestions.encoder_names(),
                "metrics": suggestions.metric_names(),
            },
        )
        add_notice(form, notes)

    def form_defaults(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return defaults.judging()

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Start the job."""
        source, sets = _linked(ctx)
        if not sets:
            raise DataError("there are no generated images yet; generate some first.")
        params = {name: ctx.params.get(name) or ALL for name in ("arm", "reference", "train")}
        generated_set = open_by_name(_one_of(ctx.params.get("generated"), sets))
        images = (
            generated_set
            if params["arm"] == ALL
            else generated_set.match(fo.ViewField("arm") == params["arm"])
        )
        real = source if params["reference"] == ALL else f"{source.name}:{params['reference']}"
        inputs = {"generated": images, "reference": reading.resolve(real)[1]}
        if params["train"] != ALL:
            inputs["train"] = all_samples(source).select(
                selections.read_selection(source, params["train"]).ids
            )
        return start_job(ctx, "evaluate", inputs, self.settings(ctx))

    def __call__(self, generated: Any, reference: Any, **options: Any) -> Any:
        """Evaluate; see ``curadiff.evaluate``."""
        from ..workflows import evaluating

        return evaluating.evaluate(generated, reference, **options)


def _linked(ctx: Any) -> tuple[Any, list[str]]:
    """Return the real images' data set and the generated ones linked with it."""
    ours = info.read(ctx.dataset)
    source = ctx.dataset
    origin = generated.known_source(ours)
    if origin is not None:  # the open data set is itself a generated one
        return identity.open_by_identity(origin), [ctx.dataset.name]
    return source, overview.generated_of(source)


def _trained_on(generated_set: Any, arm: str | None, names: list[str]) -> str:
    """Return the selection that the model of these images was trained on, where one is known."""
    arms = [arm] if arm and arm != ALL else [name for name in generated_set.distinct("arm") if name]
    return arms[0] if len(arms) == 1 and arms[0] in names else ALL


def _of_arm(generated_set: Any, arm: str) -> Any:
    """Return the images of one arm, or all of them."""
    return generated_set if arm == ALL else generated_set.match(fo.ViewField("arm") == arm)


def _counts(ctx: Any, generated_set: Any, source: Any) -> tuple[int, int]:
    """Count the generated and the real images that a form compares."""
    arm, reference = ctx.params.get("arm") or ALL, ctx.params.get("reference") or ALL
    images = _of_arm(generated_set, arm)
    known = reference in source.list_saved_views()
    return len(images), len(source.load_saved_view(reference) if known else source)


def _one_of(name: str | None, known: list[str]) -> str:
    return name if name in known else known[0]
