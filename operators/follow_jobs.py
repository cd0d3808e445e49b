"""Work that was started in the App: every start answers, and every end is seen.

While a Curadiff panel is open its clock sees what ends. Where there is none, as in an App
without a data set, the browser asks again and again by `FollowJob`.
"""

from __future__ import annotations

import time
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from .. import runs
from ..config import VERBS
from ..datasets import views
from ..runs import Run
from ..workflows.estimating import duration
from .form_values import to_open_again

URI = "@curadiff/studio"
FAULT = "fault"
"""Name of the value of a form that says why it is open again."""
PANELS = ("curadiff", "curadiff_selections", "curadiff_study", "curadiff_map", "curadiff_people")
PAUSE = 1.0  # seconds between two looks
SAY_EVERY = 10  # looks; a message in passing is gone after some seconds
FORMS = {
    "import": "import_images",
    "embed": "compute_embeddings",
    "generate": "generate_samples",
    "preview": "preview_selections",
    "evaluate": "evaluate_generated",
    "study": "run_study",
}
"""The operator whose form starts a verb."""
NOUNS = {"embed": "embedding", "generate": "generation", "evaluate": "evaluation"}
"""What the work of a verb is called, where the verb is no noun itself."""
NAMED = ("study", "preview")
"""Verbs whose work has a name of its own, by which it goes on."""


def refresh_panels(ctx: Any) -> bool:
    """Let the open panels of Curadiff read what is stored; tell whether the main one is open."""
    slugs = open_panels(ctx)
    for panel_id, slug in slugs.items():
        refresh = f"{URI}/{slug}#on_refresh"  # the browser adds the panel's state
        request = {"operator_uri": refresh, "panel_id": panel_id, "params": {}, "skip_prompt": True}
        ctx.trigger("prompt_user_for_operation", request)
    return PANELS[0] in slugs.values()


def open_panels(ctx: Any) -> dict[str, str]:
    """Return the ids of Curadiff's open panels, with the name of each."""
    spaces = ctx.request_params.get("spaces")
    return dict(_panels(spaces)) if isinstance(spaces, dict) else {}


def _panels(node: dict[str, Any]) -> list[tuple[str, str]]:
    own = [(node["component_id"], node["type"])] if node.get("type") in PANELS else []
    return own + [panel for child in node.get("children") or [] for panel in _panels(child)]


def follow(ctx: Any, run: Run) -> None:
    """Show a run that was just started: in the panel, or by asking again until it has ended."""
    if refresh_panels(ctx):
        return
    opened = ctx.dataset.name if ctx.dataset is not None else None
    ctx.trigger(f"{URI}/follow_job", {"run": run.id, "opened": opened})


class FollowJob(foo.Operator):
    """Wait for the end of a job, then say how it ended and show what it made."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Called by the operators that start jobs, not listed."""
        return foo.OperatorConfig(
            name="follow_job",
            label="Curadiff: Follow a job",
            description="Wait for the end of a job and show what it made.",
            unlisted=True,
            risk_level=types.RiskLevel.LOW,
        )

    def execute(self, ctx: Any) -> None:
        """Look once, and ask again a little later while the job is at work."""
        run = runs.open_by_id(ctx.params["run"])
        if run.status["state"] in runs.ACTIVE:
            looks = ctx.params.get("looks", 0) + 1
            if looks % SAY_EVERY == 0:
                doing = progress_text(run.status) or run.status["state"]
                ctx.ops.notify(f"{subject_of(run)}: {doing}", variant="info")
            time.sleep(PAUSE)
            ctx.trigger(f"{URI}/follow_job", {**ctx.params, "looks": looks})
            return
        if run.record.get("verb") == "import" and run.status["state"] == "failed":
            edit_and_retry(ctx, run)
            return
        notify_end(ctx, run)
        dataset = outcome(run).get("dataset") if run.record.get("verb") == "import" else None
        if dataset is not None and dataset != ctx.params.get("opened"):
            ctx.ops.open_dataset(dataset)
        elif ctx.dataset is not None:
            ctx.ops.reload_dataset()
            if not refresh_panels(ctx) and run.status["state"] == "failed":
                ctx.ops.open_panel(PANELS[0], layout="horizontal")  # a message in passing is missed


def outcome(run: Run) -> dict[str, Any]:
    """Return what a job made, as far as it is there."""
    return run.status.get("outcome") or {}


def progress_text(status: dict[str, Any]) -> str:
    """Say how far work is, and how long it will take."""
    message = status.get("message", "")
    eta = status.get("eta_seconds")
    return f"{message}, about {duration(eta)} left" if eta else message


def subject_of(run: Run) -> str:
    """Name a run at the beginning of a sentence: by its verb, else by its kind and id."""
    verb = run.record.get("verb")
    if verb is None:
        return f"{'Training' if run.kind == 'train' else run.kind.capitalize()} {run.id}"
    noun, name = str(NOUNS.get(verb, verb)).capitalize(), named_by(run)
    return noun if name is None else f"{noun} {name}"


def named_by(job: Run) -> str | None:
    """Return the name of the study or the preview that a job makes, None for other jobs."""
    verb = job.record.get("verb")
    if verb not in NAMED:
        return None
    return job.settings.get("name", VERBS[verb].model_fields["name"].default)


def notify_end(ctx: Any, run: Run) -> None:
    """Say in passing how a run ended."""
    status = run.status
    subject = subject_of(run)
    if status["state"] == "finished":
        message = status.get("message") or ""
        detail = f": {message}" if message and not message.startswith("finished") else ""
        ctx.ops.notify(f"{subject} has finished{detail}", variant="success")
    elif status["state"] == "stopped":
        ctx.ops.notify(f"{subject} was stopped; Resume goes on.", variant="info")
    else:
        why = status.get("error") or status.get("message") or ""
        ctx.ops.notify(
            f"{subject} {status['state']}: {why} The Curadiff panel has “Edit and retry”.",
            variant="error",
        )


def edit_and_retry(ctx: Any, run: Run) -> None:
    """Open the form that started a job, with what was given then and why it failed."""
    record = run.record
    view, selected = record.get("form_view"), record.get("form_selected", [])
    if view is not None and ctx.dataset is not None and ctx.dataset.name == record["dataset"]:
        show_again(ctx, view, selected)
    open_again(ctx, FORMS[record["verb"]], record.get("form", {}), run.status.get("error"))


def show_again(ctx: Any, stages: list[dict[str, Any]] | None, selected: list[str]) -> None:
    """Show the view that some work was asked for on, with what was selected in it.

    Args:
        ctx: The context of a panel or an operator.
        stages: Of the view, see `views.stages_of`; None where it is gone.
        selected: Ids of samples.
    """
    view = None if stages is None else views.rebuilt(ctx.dataset, stages)
    if view is None:
        sentence = "The view that this was asked for on is gone; look at what the form says."
        ctx.ops.notify(sentence, variant="warning")
        return
    ctx.ops.set_view(view)
    if selected:
        ctx.ops.set_selected_samples(selected)


def open_again(ctx: Any, operator: str, form: dict[str, Any], error: str | None) -> None:
    """Open the form of an operator with what was given, and why that could not be done."""
    ctx.prompt(f"{URI}/{operator}", params={**to_open_again(form), FAULT: error})
