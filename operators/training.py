"""Operators on trainings: start, stop, resume."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from .. import runs
from ..common.errors import DataError, RunError
from ..config import Settings, TrainSettings
from ..datasets import selections
from ..datasets.resolving import all_samples
from ..workflows import estimating, measuring, overview
from . import checks, defaults, form_values, forms
from .base import (
    BaseOperator,
    Results,
    add_error,
    add_menu,
    add_notice,
    add_target,
    asked_for,
    in_app,
    progress_reporter,
    runs_menu,
)

SELECTION = "selection"
MEASURE = "measure"
AS_TARGET = "-"  # the menu's way to say: not a selection, but what the target says


class TrainDiffusion(BaseOperator):
    """A model of the selected images."""

    slug = "train_diffusion"
    title = "Train a diffusion model"
    about = (
        "Train a diffusion model (DDPM) on a selection, in a process of its own that goes on "
        "when the App is closed."
    )
    button = "Train"
    icon = "model_training"
    model: ClassVar[type[Settings] | None] = TrainSettings
    delegates = True
    results: ClassVar[Results] = {"run": (str, "Id of the run")}

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask what to train on and how."""
        names = overview.selections_of(ctx.dataset)
        listed = {name: f"selection {name}" for name in names}
        listed[AS_TARGET] = "the data set, the current view or the selected samples"
        chosen = ctx.params.get(SELECTION) or _shown(ctx, names)
        add_menu(form, SELECTION, listed, label="Train on", default=chosen)
        if chosen == AS_TARGET:
            add_target(ctx, form, "Train on")
        defaults_here, notes = self.form_defaults(ctx)
        values = form_values.effective_settings(TrainSettings, ctx.params, defaults_here)
        valid = forms.add_settings(
            form,
            TrainSettings,
            ctx.params,
            leave_out=form_values.settings_refused_here(TrainSettings),
            defaults=defaults_here,
            errors=checks.training(values),
        )
        add_notice(form, notes)
        if valid:
            images = _count(ctx, chosen)
            settings = TrainSettings(**values)
            cost = estimating.training(settings, images)
            form.view("cost", types.Notice(label=f"{images:,} images, {cost}"))
            offer_to_measure(ctx, form, cost, settings)

    def form_defaults(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return defaults.training()

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Start the training."""
        from ..workflows import training

        settings, samples = self.settings(ctx), _chosen(ctx)
        run = training.train(samples, wait=False, progress=False, **settings)
        run.add(**asked_for(ctx, on_view=ctx.params.get(SELECTION) in (None, "", AS_TARGET)))
        if ctx.delegated:
            training.follow(run, progress=progress_reporter(ctx))
            return {"run": run.id, "message": f"{run.id} is trained. {_changed(run)}".strip()}
        message = f"{run.id} is training; the Curadiff panel shows it. {_changed(run)}".strip()
        return {"run": run.id, "message": message}

    def __call__(self, samples: Any, **settings: Any) -> Any:
        """Train; see ``curadiff.train``."""
        from ..workflows import training

        return training.train(samples, **settings)


class StopTraining(BaseOperator):
    """A training ends early, and can go on later."""

    slug = "stop_training"
    title = "Stop a training"
    about = (
        "End a training that is running, after a checkpoint; nothing is lost, and it can be "
        "resumed."
    )
    button = "Stop"
    icon = "stop_circle"
    risk = types.RiskLevel.LOW
    results: ClassVar[Results] = {"run": (str, "Id of the run")}

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask which."""
        active = [run for run in trainings(ctx) if run.status["state"] in runs.ACTIVE]
        if not active:
            add_error(form, "No training of this data set is running.")
            return
        add_menu(form, "run", runs_menu(active, steps_done), label="Training")

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Ask it to end."""
        from ..workflows import training

        run = training.stop(given_run(ctx))
        return {"run": run.id, "message": f"{run.id} writes a checkpoint and ends."}

    def __call__(self, run: Any) -> Any:
        """Stop a training; see ``curadiff.stop``."""
        from ..workflows import training

        return training.stop(run)


class ResumeTraining(BaseOperator):
    """A training goes on from its last checkpoint, longer on request."""

    slug = "resume_training"
    title = "Resume a training"
    about = (
        "Go on with a stopped or killed training from its last checkpoint, or train a finished "
        "one longer."
    )
    button = "Resume"
    icon = "play_circle"
    delegates = True
    results: ClassVar[Results] = {"run": (str, "Id of the run")}

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask which, and how long."""
        ended = [run for run in trainings(ctx) if run.status["state"] not in runs.ACTIVE]
        if not ended:
            add_error(form, "No training of this data set can go on.")
            return
        ended.sort(key=can_resume)  # the newest that has more to do comes first
        add_menu(form, "run", runs_menu(ended, steps_done), label="Training")
        run = runs.open_by_id(ctx.params.get("run", ended[-1].id))
        done, planned = run.status.get("step", 0), planned_steps(run)
        steps = ctx.params.get("steps")
        error = None
        if steps is not None and not can_resume(run) and steps <= done:
            error = f"{run.id} has finished; give more than {done:,} steps."
        elif steps is not None and steps < done:
            error = f"{run.id} has done {done:,} steps; give at least as many."
        as_planned = f"{planned:,}, as planned" if planned else "as planned"
        form.int(
            "steps",
            label="Steps in all",
            description=f"More than {planned or done:,} trains longer; empty leaves it so."
            if can_resume(run)
            else f"It has done {done:,} and is finished; more train it longer.",
            required=not can_resume(run),
            invalid=error is not None,
            error_message=error,
            view=types.FieldView(
                placeholder=as_planned if can_resume(run) else f"more than {done:,}"
            ),
        )

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Start it again."""
        from ..workflows import training

        steps = ctx.params.get("steps")
        longer = {} if steps is None else {"steps": steps}
        if ctx.delegated:
            run = training.resume(given_run(ctx), progress=progress_reporter(ctx), **longer)
            return {"run": run.id, "message": f"{run.id} is trained."}
        run = training.resume(given_run(ctx), wait=False, progress=False, **longer)
        if run.status["state"] == "finished":
            return {"run": run.id, "message": f"{run.id} had finished; more steps train it longer."}
        return {"run": run.id, "message": f"{run.id} goes on."}

    def __call__(self, run: Any, **options: Any) -> Any:
        """Resume a training; see ``curadiff.resume``."""
        from ..workflows import training

        return training.resume(run, **options)


def offer_to_measure(
    ctx: Any, form: types.Object, cost: estimating.Cost, settings: TrainSettings
) -> None:
    """Let the user ask for the time that is not known yet; measuring does not hold the form up."""
    known = cost.seconds is not None or not cost.trained
    if known or settings.processes > 1 or settings.accelerate:
        return
    state = measuring.status_of(settings)
    if ctx.params.get(MEASURE) and state["state"] == "new":
        measuring.start(settings)
        state = measuring.status_of(settings)
    note = "Takes some real steps on noise, in a process of its own, and is kept."
    if state["state"] in runs.ACTIVE:
        note = "Being measured; the time stands here once you change something in this form."
    elif state.get("error"):
        note = f"It could not be measured: {state['error']}"
    form.bool(
        MEASURE,
        label="Measure how long it takes",
        description=note,
        default=False,
        view=types.CheckboxView(),
    )


def trainings(ctx: Any) -> list[runs.Run]:
    """List the trainings of the open data set as `overview.trainings_of` does."""
    return [] if ctx.dataset is None else overview.trainings_of(ctx.dataset)


def can_resume(run: runs.Run) -> bool:
    """Tell whether a training has more to do and nobody is doing it."""
    return run.status["state"] not in (*runs.ACTIVE, "finished")


def has_model(run: runs.Run) -> bool:
    """Tell whether there is a checkpoint to draw from."""
    return any((run.path / "checkpoints").glob("step-*"))


def planned_steps(run: runs.Run) -> int | None:
    """Return how many steps a training is to make; None where its record does not say."""
    steps = run.settings.get("steps")
    return steps if isinstance(steps, int) and steps > 0 else None


def step_of(run: runs.Run) -> str:
    """Say how far a training is: ``step 200 of 20,000``."""
    planned = planned_steps(run)
    return f"step {run.status.get('step', 0):,}" + (f" of {planned:,}" if planned else "")


def steps_done(run: runs.Run) -> str:
    """Say how far a training is, with its state: ``stopped at step 200 of 20,000``."""
    return f"{run.status['state']} at {step_of(run)}"


def given_run(ctx: Any) -> str:
    """Return the id of the run that a form names.

    Raises:
        RunError: It names none, or one that does not exist.
    """
    run = ctx.params.get("run")
    if not run:
        raise RunError("run is needed: the id of a training, as curadiff runs lists them.")
    return runs.open_by_id(run).id


def _changed(run: runs.Run) -> str:
    """Say what a person has changed of the selection that a training's images are of."""
    return run.record.get("selection_changed") or ""


def _shown(ctx: Any, names: list[str]) -> str:
    """Return what a form begins with: the images that are shown or ticked, where not all are.

    Those of a selection are trained on under its name. Where the whole data set is shown it is
    the first of the selections.
    """
    if not (ctx.has_custom_view or ctx.selected):
        return names[0] if names else AS_TARGET
    ids = set(ctx.target_view().values("id"))
    stored = (selections.read_selection(ctx.dataset, name) for name in names)
    return next((one.name for one in stored if set(one.ids) == ids), AS_TARGET)


def _count(ctx: Any, name: str) -> int:
    if name == AS_TARGET:
        return len(ctx.target_view())
    return selections.read_selection(ctx.dataset, name).config["count"]


def _chosen(ctx: Any) -> Any:
    """Return the images to train on.

    Raises:
        DataError: A program names none; a form always does.
    """
    name = ctx.params.get(SELECTION)
    if not name and not in_app(ctx) and not _has_target(ctx):
        raise DataError(
            'say what to train on: {"selection": NAME} for a selection, {"selection": "-"} for the '
            "whole data set, or a view."
        )
    name = name or AS_TARGET
    if name == AS_TARGET:
        return ctx.target_view()
    stored = selections.read_selection(ctx.dataset, name)
    return all_samples(ctx.dataset).select(stored.ids, ordered=True)


def _has_target(ctx: Any) -> bool:
    """Tell whether a caller names a view, selected samples, or what of them is meant."""
    named = ctx.params.get("view_target") or ctx.request_params.get("view_target")
    return bool(named or ctx.has_custom_view or ctx.selected)
