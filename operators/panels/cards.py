"""How the steps of the pipeline look in the panel: a card each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fiftyone.operators import types

from ... import runs
from ...common.keys import generated_dataset
from ...datasets.scheduled import Scheduled
from ...runs import Run
from ...workflows.conditions import in_short
from ...workflows.mapping import has_umap
from ...workflows.overview import Overview
from .. import results
from ..follow_jobs import progress_text
from ..training import can_resume, has_model, step_of
from . import evaluation, failed, previews, scheduled, unfinished
from .layout import (
    WHOLE,
    WRAPPING,
    at_least,
    bar,
    button,
    cut_name,
    fault,
    icon_button,
    link,
    name_of,
    outlined,
    row,
    short,
    text,
)
from .next_step import ALL_DONE, next_step

UNJUDGED = "Nothing evaluated yet."
STUDIED = "The study has compared its arms; nothing else is evaluated yet."


def add_cards(
    page: types.Object, overview: Overview, panel: Any, asked_for: Sequence[Scheduled] = ()
) -> None:
    """Add every step's card, and above them what failed, what to do next, what is scheduled."""
    head = row(page, f"**{overview.dataset}**, {_count(overview.images, 'image')}")
    if overview.images:
        button(head, "Arrange the panels", panel.open_workspace)
    for unreadable in runs.survey()[1]:
        text(page, f"The run {unreadable.path.name} is left out: {unreadable.why}")
    fault_above = scheduled.add_scheduled(page, asked_for, overview, panel)
    if overview.images:  # else the only card says it
        fault_above |= failed.add_failures(page, overview, panel)
    if overview.source:
        _of_generated(page, overview, panel)
        return
    title, why, _ = next_step(overview)
    if not (fault_above and title == ALL_DONE):
        page.view("next", types.AlertView(severity="info", label=title, description=why))
    if not overview.images:
        _import(page, overview, panel)
        return
    for add in (_embeddings, _selections, _previews, _trainings, _generated):
        add(page, overview, panel)
    studied = [run for run in overview.studies if run.status["state"] == "finished"]
    _evaluations(page, overview, panel, studied=studied)
    _studies(page, overview, panel)


def _of_generated(page: types.Object, overview: Overview, panel: Any) -> None:
    """Show what can be done with generated images: judge them, go back to the real ones."""
    line = row(page, f"These images were generated from **{overview.source}**.")
    studies_here = [
        run
        for run in overview.studies
        if overview.dataset == generated_dataset(overview.source or "", run.id)
    ]
    for run in studies_here:
        button(line, "Compare the arms", panel.open_study, study=run.id)
    button(line, "Open the real images", panel.open_dataset, name=overview.source)
    _evaluations(page, overview, panel, studied=studies_here)


def _import(page: types.Object, overview: Overview, panel: Any) -> None:
    """Show the only step that an empty data set has."""
    given = {"name": overview.dataset}
    card = _card(page, overview, "Images", "import_images", "Import", panel, given=given)
    text(card, "Choose a folder of images, or the root of a VITON-HD download.")
    _jobs(card, overview, "import", panel)
    for run in overview.jobs[-1:]:
        into = run.status.get("outcome", {}).get("dataset")
        if into not in (None, overview.dataset):
            button(row(card, f"{run.id} made **{into}**."), "Open", panel.open_dataset, name=into)


def _embeddings(page: types.Object, overview: Overview, panel: Any) -> None:
    card = _card(page, overview, "Embeddings", "compute_embeddings", "Compute", panel)
    for entry in overview.embeddings:
        missing = overview.images - entry["done"]
        state = "complete" if not missing else f"{missing:,} missing"
        line = row(card, f"`{entry['field']}`  {_count(entry['done'], 'image')}, {state}")
        if has_umap():
            given = {"field": entry["field"], "method": "umap"}
            button(line, "UMAP", panel.open_form, operator="map_embeddings", given=given)
        button(line, "Map", panel.show_map, field=entry["field"])
        button(line, "Near-duplicates", panel.show_duplicates, field=entry["field"])
    _jobs(card, overview, "embed", panel)
    _empty(card, overview.embeddings, "No embeddings yet.")


def _selections(page: types.Object, overview: Overview, panel: Any) -> None:
    compare = ("Compare", panel.open_selections) if len(overview.selections) > 1 else None
    card = _card(page, overview, "Selections", "select_samples", "Select", panel, beside=compare)
    plans = tuple(f"{run.id}-" for run in overview.studies)
    newest = overview.selections[::-1]
    own = [config for config in newest if not config["name"].startswith(plans)]
    for config in own:
        _selection(card, config, overview, panel)
    planned = [config for config in newest if config not in own]
    if planned:
        inside = types.Object()
        for config in planned:
            _selection(inside, config, overview, panel)
        label = f"{_count(len(planned), 'selection')} of studies"
        view = types.ObjectView(label=label, collapsible=True, default_expanded=False)
        card.define_property("of_studies", inside, view=view)
    _empty(card, overview.selections, "No selection yet.")


def _selection(card: types.Object, config: dict[str, Any], overview: Overview, panel: Any) -> None:
    """Add the row of a selection."""
    what = f"{results.SELECTION}{config['name']}"
    flagged = config.get("flagged")
    outliers = f", {_count(flagged, 'outlier')} in the pool" if flagged else ""
    line = row(
        card,
        f"{_named(overview, what, config['name'])}  {config['count']:,} of "
        f"{config['pool_size']:,} by {config['selection_method']}{outliers}",
        tooltip=cut_name(overview.titles.get(what, ""), config["name"]),
    )
    button(line, "Show", panel.open_selection, name=config["name"])
    if flagged:
        button(line, "Outliers", panel.open_outliers, name=config["name"])
    if config.get("report") and Path(config["report"]).exists():
        link(line, "Report", config["report"])
    button(
        line,
        "Train",
        panel.open_form,
        operator="train_diffusion",
        given={"selection": config["name"]},
    )
    _edit(line, what, panel)


def _trainings(page: types.Object, overview: Overview, panel: Any) -> None:
    card = _card(page, overview, "Trainings", "train_diffusion", "Train", panel)
    for run in reversed(overview.trainings):
        _training(card, run, overview, panel)
    besides = " besides those of studies" if overview.studies else ""
    _empty(card, overview.trainings, f"No model yet{besides}.")


def _training(card: types.Object, run: Run, overview: Overview, panel: Any) -> None:
    from . import training  # it draws with what stands here

    status, record = run.status, run.record
    state = status["state"]
    what = f"{results.RUN}{run.id}"
    arm = str(record.get("arm"))
    name = _named(overview, what, run.id)
    step = "" if state in runs.ACTIVE else f", {step_of(run)}"  # the bar below says it, and moves
    line = row(
        card,
        f"{name}  {short(arm)}, {state}{step}",
        tooltip=cut_name(overview.titles.get(what, ""), run.id, arm),
    )
    if state in runs.ACTIVE:
        button(line, "Stop", panel.stop, run=run.id)
    elif can_resume(run):
        button(line, "Resume", panel.resume, run=run.id)
    if has_model(run):
        button(
            line,
            "Generate",
            panel.open_form,
            operator="generate_samples",
            given={"run": run.id},
        )
    if state not in runs.ACTIVE:
        _edit(line, what, panel)
    if training.is_shown(run, overview.trainings):
        training.add_training(card, run)


def _generated(page: types.Object, overview: Overview, panel: Any) -> None:
    card = _card(page, overview, "Generated images", "generate_samples", "Generate", panel)
    for entry in reversed(overview.generated):
        line = row(
            card,
            f"**{short(entry['name'])}**  {_count(entry['images'], 'image')}",
            tooltip=cut_name(entry["name"]),
        )
        button(line, "Open", panel.open_dataset, name=entry["name"])
    _jobs(card, overview, "generate", panel)
    _empty(card, overview.generated, "No generated images yet.")


def _evaluations(
    page: types.Object, overview: Overview, panel: Any, *, studied: Sequence[Run]
) -> None:
    card = _card(page, overview, "Evaluations", "evaluate_generated", "Evaluate", panel)
    for entry in reversed(overview.evaluations):
        values = entry["values"]["values"] if "values" in entry["values"] else entry["values"]
        what = f"{results.EVALUATION}{entry['dataset']}/{entry['key']}"
        name = _named(overview, what, entry["key"])
        line = row(
            card,
            f"{name} of {short(entry['dataset'])}  {in_short(entry)}",
            tooltip=cut_name(overview.titles.get(what, ""), entry["key"], entry["dataset"]),
        )
        if values.get("coverage") is not None:
            given = {"name": entry["reference"], "key": entry["key"]}
            button(line, "Not covered", panel.open_uncovered, **given)
        _edit(line, what, panel)
        evaluation.add_evaluation(card, entry)
    _jobs(card, overview, "evaluate", panel)
    _empty(card, overview.evaluations, STUDIED if studied else UNJUDGED)


def _previews(page: types.Object, overview: Overview, panel: Any) -> None:
    card = _card(page, overview, "Previews", "preview_selections", "Preview", panel)
    previews.add_previews(card, overview, panel)
    _jobs(card, overview, "preview", panel, shown=overview.previews)
    _empty(card, overview.previews, "See what selections would make a model draw, in minutes.")


def _studies(page: types.Object, overview: Overview, panel: Any) -> None:
    card = _card(page, overview, "Studies", "run_study", "Run a study", panel)
    for run in reversed(overview.studies):
        job = unfinished.job_of(run, overview.jobs)
        state = unfinished.state_of(run, job)
        what = f"{results.RUN}{run.id}"
        line = row(
            card,
            f"{_named(overview, what, run.id)}  {state}",
            tooltip=cut_name(overview.titles.get(what, ""), run.id),
        )
        unfinished.add_buttons(line, run, job, panel)
        report = run.path / "report.html"  # a study in which a training failed has one too
        if report.exists():
            link(line, "Report", report)
        button(line, "Compare", panel.open_study, study=run.id)
        if state not in runs.ACTIVE:
            _edit(line, what, panel)
        unfinished.add_progress(card, run, job)
    _jobs(card, overview, "study", panel, shown=overview.studies)
    _empty(card, overview.studies, "No study yet.")


def _jobs(
    card: types.Object, overview: Overview, verb: str, panel: Any, *, shown: Sequence[Run] = ()
) -> None:
    """Show the newest job of a verb while it says something that the results do not.

    Args:
        card: What it is added to.
        overview: The data set.
        verb: The verb.
        panel: The panel.
        shown: Studies or previews with a row of their own, which stands for their jobs.
    """
    newest = [run for run in overview.jobs if run.record.get("verb") == verb][-1:]
    if not newest or newest[0].status["state"] == "finished":
        return
    if any(unfinished.stands_for(run, newest[0]) for run in shown):
        return
    run, status = newest[0], newest[0].status
    stage = f", {status['message']}" if status.get("message") == "preparing" else ""
    line = row(card, f"{run.id}: {status['state']}{stage}")
    if status["state"] in runs.ACTIVE:
        button(line, "Stop", panel.stop, run=run.id)
        if status.get("total"):
            bar(card, status.get("done", 0) / status["total"], progress_text(status))
    else:
        unfinished.add_job_buttons(line, run, panel)
        fault(card, run)


def _card(
    page: types.Object,
    overview: Overview,
    title: str,
    operator: str,
    label: str,
    panel: Any,
    *,
    given: dict[str, Any] | None = None,
    beside: tuple[str, Any] | None = None,
) -> types.Object:
    """Add a step's card, with its button, and another one before it where there is one."""
    card = outlined(page, name_of("card", title))
    variant = "contained" if operator == next_step(overview)[2] else "outlined"
    head = card.h_stack("head", align_x="space-between", align_y="center", componentsProps=WRAPPING)
    head.view("title", types.HeaderView(label=f"**{title}**", componentsProps=at_least(80)))
    buttons = head.h_stack(
        "buttons", gap=1, align_x="left", align_y="center", componentsProps=WHOLE
    )
    if beside:
        button(buttons, *beside)
    button(buttons, label, panel.open_form, variant=variant, operator=operator, given=given or {})
    return card


def _named(overview: Overview, what: str, name: str) -> str:
    """Return what a row is headed with: a title that a person gave, else the name."""
    title = overview.titles.get(what)
    return f"**{short(title)}** ({short(name)})" if title else f"**{short(name)}**"


def _edit(line: types.Object, what: str, panel: Any) -> None:
    """Add buttons for a title and for deletion, which asks and says what goes first."""
    given = {"what": what}
    icon_button(line, "edit", "Rename", panel.open_form, operator="rename_result", given=given)
    icon_button(line, "delete", "Delete", panel.open_form, operator="delete_result", given=given)


def _empty(card: types.Object, entries: Any, sentence: str) -> None:
    if not entries and len(card.properties) == 1:
        text(card, sentence)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
