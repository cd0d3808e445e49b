"""Operators on models: train, stop, resume, generate, bring the images in."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from .. import runs
from ..common.errors import RunError
from ..config import GenerateSettings, LinkSettings, Settings, TrainSettings
from ..datasets import selections
from ..datasets.resolving import all_samples
from ..workflows import estimating, measuring
from . import checks, defaults, forms
from .base import Doorway, choose, job, refuse, runs_menu, told_to
from .pool import say, target

SELECTION = "selection"
MEASURE = "measure"
AS_TARGET = "-"  # the menu's way to say: not a selection, but what the target says


class TrainDiffusion(Doorway):
    """A model of the selected images."""

    slug = "train_diffusion"
    title = "Train a diffusion model"
    about = "Train a DDPM in a process of its own; it goes on when the App is closed."
    button = "Train"
    icon = "model_training"
    model: ClassVar[type[Settings]] = TrainSettings
    delegates = True

    def fill(self, ctx: Any, form: types.Object) -> None:
        """Ask what to train on and how."""
        names = selections.selection_names(ctx.dataset)
        listed = {name: f"selection {name}" for name in reversed(names)}
        listed[AS_TARGET] = "the data set, the current view or the selected samples"
        choose(form, SELECTION, listed, label="Train on")
        if (ctx.params.get(SELECTION) or next(iter(listed))) == AS_TARGET:
            target(ctx, form, "Train on")
        begin, said = self.begin(ctx)
        values = forms.begun(TrainSettings, ctx.params, begin)
        good = forms.add_settings(
            form,
            TrainSettings,
            ctx.params,
            leave_out=forms.always_refused(TrainSettings),
            defaults=begin,
            wrong=checks.training(values),
        )
        say(form, said)
        if good:
            images = _count(ctx, ctx.params.get(SELECTION) or next(iter(listed)))
            settings = TrainSettings(**values)
            cost = estimating.training(settings, images)
            form.view("cost", types.Notice(label=f"{images:,} images, {cost}"))
            offer_to_measure(ctx, form, cost, settings)

    def begin(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return defaults.training()

    def act(self, ctx: Any) -> dict[str, Any]:
        """Start the training."""
        from ..workflows import training

        settings, samples = self.settings(ctx), _chosen(ctx)
        if ctx.delegated:
            run = training.train(samples, progress=told_to(ctx), **settings)
            return {"run": run.id, "message": f"{run.id} is trained. {_changed(run)}".strip()}
        run = training.train(samples, wait=False, progress=False, **settings)
        said = f"{run.id} is training; the Curadiff panel shows it. {_changed(run)}".strip()
        return {"run": run.id, "message": said}

    def __call__(self, samples: Any, **settings: Any) -> Any:
        """Train; see ``curadiff.train``."""
        from ..workflows import training

        return training.train(samples, **settings)


class StopTraining(Doorway):
    """A training ends early, and can go on later."""

    slug = "stop_training"
    title = "Stop a training"
    about = "It writes a checkpoint and ends; nothing is lost, and it can be resumed."
    button = "Stop"
    icon = "stop_circle"
    risk = types.RiskLevel.LOW

    def fill(self, ctx: Any, form: types.Object) -> None:
        """Ask which."""
        found = [run for run in trainings(ctx) if run.status["state"] in runs.ACTIVE]
        if not found:
            refuse(form, "No training of this data set is running.")
            return
        choose(form, "run", runs_menu(found, steps_done), label="Training")

    def act(self, ctx: Any) -> dict[str, Any]:
        """Ask it to end."""
        from ..workflows import training

        run = training.stop(_given_run(ctx))
        return {"run": run.id, "message": f"{run.id} writes a checkpoint and ends."}

    def __call__(self, run: Any) -> Any:
        """Stop a training; see ``curadiff.stop``."""
        from ..workflows import training

        return training.stop(run)


class ResumeTraining(Doorway):
    """A training goes on from its last checkpoint, longer on request."""

    slug = "resume_training"
    title = "Resume a training"
    about = "Go on from the last checkpoint, as if nothing had happened; or train longer."
    button = "Resume"
    icon = "play_circle"
    delegates = True

    def fill(self, ctx: Any, form: types.Object) -> None:
        """Ask which, and how long."""
        found = [run for run in trainings(ctx) if run.status["state"] not in runs.ACTIVE]
        if not found:
            refuse(form, "No training of this data set can go on.")
            return
        found.sort(key=can_resume)  # the newest that has more to do comes first
        choose(form, "run", runs_menu(found, steps_done), label="Training")
        run, steps = runs.open_by_id(ctx.params.get("run", found[-1].id)), ctx.params.get("steps")
        done, planned = run.status.get("step", 0), run.settings["steps"]
        fault = None
        if not can_resume(run) and (steps or 0) <= done:
            fault = f"{run.id} has finished; give more than {done:,} steps."
        elif steps is not None and steps < done:
            fault = f"{run.id} has done {done:,} steps; give at least as many."
        form.int(
            "steps",
            label="Steps in all",
            description=f"More than {planned:,} trains longer; empty leaves it so.",
            invalid=fault is not None,
            error_message=fault,
        )

    def act(self, ctx: Any) -> dict[str, Any]:
        """Start it again."""
        from ..workflows import training

        steps = ctx.params.get("steps")
        longer = {} if steps is None else {"steps": steps}
        if ctx.delegated:
            run = training.resume(_given_run(ctx), progress=told_to(ctx), **longer)
            return {"run": run.id, "message": f"{run.id} is trained."}
        run = training.resume(_given_run(ctx), wait=False, progress=False, **longer)
        return {"run": run.id, "message": f"{run.id} goes on."}

    def __call__(self, run: Any, **options: Any) -> Any:
        """Resume a training; see ``curadiff.resume``."""
        from ..workflows import training

        return training.resume(run, **options)


class GenerateSamples(Doorway):
    """Images drawn by a model."""

    slug = "generate_samples"
    title = "Generate images"
    about = "Draw images from a trained model, into a data set that is linked with this one."
    button = "Generate"
    icon = "auto_awesome"
    model: ClassVar[type[Settings]] = GenerateSettings
    delegates = True

    def fill(self, ctx: Any, form: types.Object) -> None:
        """Ask which model, and how many."""
        found = [run for run in trainings(ctx) if has_model(run)]
        if not found:
            refuse(form, "There is no trained model yet; train one first.")
            return
        choose(form, "run", runs_menu(found, steps_done), label="Model")
        begin, said = self.begin(ctx)
        if forms.add_settings(form, GenerateSettings, ctx.params, defaults=begin):
            settings = GenerateSettings(**forms.begun(GenerateSettings, ctx.params, begin))
            known = {run.id: run for run in found}
            model = known.get(ctx.params.get("run") or "", found[-1])
            seconds = defaults.drawing_seconds(model, settings.count, settings.steps)
            if seconds is not None:
                time = estimating.duration(seconds)
                said = [*said, f"Takes about {time}, by how fast {model.id} was trained."]
        say(form, said)

    def begin(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return defaults.drawing()

    def act(self, ctx: Any) -> dict[str, Any]:
        """Start the job."""
        return job(ctx, "generate", {"run": _given_run(ctx)}, self.settings(ctx))

    def __call__(self, run: Any, **settings: Any) -> Any:
        """Draw images; see ``curadiff.generate``."""
        from ..workflows import generating

        return generating.generate(run, **settings)


class ImportGenerated(Doorway):
    """Generated images become samples."""

    slug = "import_generated"
    title = "Bring in generated images"
    about = "Add images that were generated elsewhere to a data set that is linked with this one."
    button = "Add"
    icon = "library_add"
    model: ClassVar[type[Settings]] = LinkSettings
    risk = types.RiskLevel.LOW

    def fill(self, ctx: Any, form: types.Object) -> None:
        """Ask which folder."""
        listed = {
            str(record.parent): f"{run.id}: {record.parent.name}"
            for run in reversed(trainings(ctx))
            for record in sorted(run.path.glob("generated/*/generated.json"))
        }
        if not listed:
            refuse(form, "No model of this data set has generated images yet.")
            return
        choose(form, "folder", listed, label="Images")
        forms.add_settings(form, LinkSettings, ctx.params)

    def act(self, ctx: Any) -> dict[str, Any]:
        """Add them."""
        from ..workflows import generating

        folder = ctx.params.get("folder")
        if not folder:
            raise RunError("folder is needed: a folder that generate made.")
        done = generating.import_generated(runs.inside_runs(folder), **self.settings(ctx))
        return {"dataset": done.dataset.name, "added": done.added, "message": str(done)}

    def __call__(self, folder: Any, **settings: Any) -> Any:
        """Add generated images; see ``curadiff.import_generated``."""
        from ..workflows import generating

        return generating.import_generated(folder, **settings)


def offer_to_measure(
    ctx: Any, form: types.Object, cost: estimating.Cost, settings: TrainSettings
) -> None:
    """Let the user ask for the time that is not known yet; measuring does not hold the form up."""
    known = cost.seconds is not None or not cost.trained
    if known or settings.processes > 1 or settings.accelerate:
        return
    state = measuring.state(settings)
    if ctx.params.get(MEASURE) and state["state"] == "new":
        measuring.begin(settings)
        state = measuring.state(settings)
    said = "Takes some real steps on noise, in a process of its own, and is kept."
    if state["state"] in runs.ACTIVE:
        said = "Being measured; the time stands here once you change something in this form."
    elif state.get("error"):
        said = f"It could not be measured: {state['error']}"
    form.bool(
        MEASURE,
        label="Measure how long it takes",
        description=said,
        default=False,
        view=types.CheckboxView(),
    )


def trainings(ctx: Any) -> list[runs.Run]:
    """List the trainings of the open data set, oldest first."""
    name = ctx.dataset.name if ctx.dataset is not None else None
    return [run for run in runs.listing("train") if run.record.get("dataset") == name]


def can_resume(run: runs.Run) -> bool:
    """Tell whether a training has more to do and nobody is doing it."""
    return run.status["state"] not in (*runs.ACTIVE, "finished")


def has_model(run: runs.Run) -> bool:
    """Tell whether there is a checkpoint to draw from."""
    return any((run.path / "checkpoints").glob("step-*"))


def steps_done(run: runs.Run) -> str:
    """Say how far a training is: ``stopped at step 200 of 20,000``."""
    status = run.status
    return f"{status['state']} at step {status.get('step', 0):,} of {run.settings['steps']:,}"


def _given_run(ctx: Any) -> str:
    run = ctx.params.get("run")
    if not run:
        raise RunError("run is needed: the id of a training, as curadiff runs lists them.")
    return runs.open_by_id(run).id


def _changed(run: runs.Run) -> str:
    """Say what a person has changed of the selection that a training's images are of."""
    return run.record.get("selection_changed") or ""


def _count(ctx: Any, name: str) -> int:
    if name == AS_TARGET:
        return len(ctx.target_view())
    return selections.read_selection(ctx.dataset, name).config["count"]


def _chosen(ctx: Any) -> Any:
    name = ctx.params.get(SELECTION) or AS_TARGET
    if name == AS_TARGET:
        return ctx.target_view()
    stored = selections.read_selection(ctx.dataset, name)
    return all_samples(ctx.dataset).select(stored.ids, ordered=True)
