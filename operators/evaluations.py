"""Operators that judge: evaluate generated images, run a whole study."""

from __future__ import annotations

from typing import Any, ClassVar

import fiftyone as fo
from fiftyone.operators import types

from ..common.errors import DataError
from ..config import EvaluateSettings, Settings, StudySettings
from ..config.study import SAID_ELSEWHERE
from ..datasets import generated, identity, info, reading, selections
from ..datasets.resolving import all_samples
from ..workflows import estimating
from . import checks, defaults, forms
from .base import Doorway, choose, job, refuse
from .models import offer_to_measure
from .pool import say, target

ALL = "-"
SAID_BY_ARMS = tuple(f"select.{name}" for name in SAID_ELSEWHERE)


class EvaluateGenerated(Doorway):
    """Generated images compared with real ones."""

    slug = "evaluate_generated"
    title = "Evaluate generated images"
    about = "Compare generated images with real ones: how close, how varied, how much is copied."
    button = "Evaluate"
    icon = "query_stats"
    model: ClassVar[type[Settings]] = EvaluateSettings
    delegates = True

    def fill(self, ctx: Any, form: types.Object) -> None:
        """Ask which images, against which."""
        source, sets = _linked(ctx)
        if not sets:
            refuse(form, "There are no generated images yet; generate some first.")
            return
        choose(form, "generated", {name: name for name in sets}, label="Generated data set")
        made = fo.load_dataset(_one(ctx.params.get("generated"), sets), reload=True)
        arms = {ALL: f"all {len(made):,} images"}
        arms |= {arm: f"{arm} ({n:,})" for arm, n in made.count_values("arm").items() if arm}
        choose(form, "arm", arms, label="Arm")
        views = {ALL: f"all {len(source):,} images"}
        views |= {name: f"view {name}" for name in source.list_saved_views()}
        choose(form, "reference", views, label="Compare with", description="The real images.")
        names = selections.selection_names(source)
        train = {ALL: "not measured"} | {name: f"selection {name}" for name in names}
        choose(
            form,
            "train",
            train,
            label="Trained on",
            description="To measure memorization: the images that the model was trained on.",
            default=_trained_on(made, ctx.params.get("arm"), names),
        )
        begin, said = self.begin(ctx)
        values = forms.begun(EvaluateSettings, ctx.params, begin)
        wrong = checks.encoder(values) | checks.counts(values, *_counts(ctx, made, source))
        forms.add_settings(
            form,
            EvaluateSettings,
            ctx.params,
            leave_out=forms.always_refused(EvaluateSettings),
            defaults=begin,
            wrong=wrong,
        )
        say(form, said)

    def begin(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return defaults.judging()

    def act(self, ctx: Any) -> dict[str, Any]:
        """Start the job."""
        source, sets = _linked(ctx)
        if not sets:
            raise DataError("there are no generated images yet; generate some first.")
        params = {name: ctx.params.get(name) or ALL for name in ("arm", "reference", "train")}
        made = fo.load_dataset(_one(ctx.params.get("generated"), sets), reload=True)
        shown = made if params["arm"] == ALL else made.match(fo.ViewField("arm") == params["arm"])
        real = source if params["reference"] == ALL else f"{source.name}:{params['reference']}"
        inputs = {"generated": shown, "reference": reading.resolve(real)[1]}
        if params["train"] != ALL:
            inputs["train"] = all_samples(source).select(
                selections.read_selection(source, params["train"]).ids
            )
        return job(ctx, "evaluate", inputs, self.settings(ctx))

    def __call__(self, generated: Any, reference: Any, **options: Any) -> Any:
        """Evaluate; see ``curadiff.evaluate``."""
        from ..workflows import evaluating

        return evaluating.evaluate(generated, reference, **options)


class RunStudy(Doorway):
    """Several ways to choose, compared."""

    slug = "run_study"
    title = "Run a study"
    about = "Train one model per way of choosing and per seed, and compare them."
    button = "Run the study"
    icon = "leaderboard"
    model: ClassVar[type[Settings]] = StudySettings
    delegates = True

    def fill(self, ctx: Any, form: types.Object) -> None:
        """Ask for the study's settings; those of its steps in groups."""
        target(ctx, form, "Study")
        view = ctx.target_view()
        size, whole = len(view), len(ctx.dataset)
        what = f"all {whole:,} images" if size == whole else f"{size:,} of the {whole:,} images"
        form.view("size", types.Notice(label=f"The study takes {what} of {ctx.dataset.name}."))
        begin, said = self.begin(ctx)
        values = forms.begun(StudySettings, ctx.params, begin)
        good = forms.add_settings(
            form,
            StudySettings,
            ctx.params,
            leave_out=(*SAID_BY_ARMS, *forms.always_refused(StudySettings)),
            defaults=begin,
            wrong=checks.studying(size, values),
        )
        say(form, said)
        if good:
            settings = StudySettings(**values)
            cost = estimating.study(settings)
            form.view("cost", types.Notice(label=str(cost)))
            offer_to_measure(ctx, form, cost, settings.train)

    def begin(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return defaults.study(len(ctx.target_view()))

    def act(self, ctx: Any) -> dict[str, Any]:
        """Start the job, unless a study of that name is another data set's."""
        return job(ctx, "study", {"source": ctx.target_view()}, self.settings(ctx))

    def __call__(self, source: Any, **settings: Any) -> Any:
        """Run a study; see ``curadiff.study``."""
        from ..studies import engine

        return engine.study(source, **settings)


def _linked(ctx: Any) -> tuple[Any, list[str]]:
    """Return the real images' data set and the generated ones linked with it."""
    if ctx.dataset is None:
        raise DataError("Open a data set first, or import images.")
    ours = info.read(ctx.dataset)
    source = ctx.dataset
    origin = generated.known_source(ours)
    if origin is not None:  # the open data set is itself a generated one
        return identity.open_by_identity(origin), [ctx.dataset.name]
    return source, generated.linked_names(ours)[::-1]  # newest first


def _trained_on(made: Any, arm: str | None, names: list[str]) -> str:
    """Return the selection that the model of these images was trained on, where one is known."""
    arms = [arm] if arm and arm != ALL else [name for name in made.distinct("arm") if name]
    return arms[0] if len(arms) == 1 and arms[0] in names else ALL


def _counts(ctx: Any, made: Any, source: Any) -> tuple[int, int]:
    """Count the generated and the real images that a form compares."""
    arm, reference = ctx.params.get("arm") or ALL, ctx.params.get("reference") or ALL
    drawn = made if arm == ALL else made.match(fo.ViewField("arm") == arm)
    known = reference in source.list_saved_views()
    return len(drawn), len(source.load_saved_view(reference) if known else source)


def _one(wanted: str | None, known: list[str]) -> str:
    return wanted if wanted in known else known[0]
