"""Previews in the App: the operator, the card of the panel, and sources of what is selected."""

from __future__ import annotations

from typing import Any

from fiftyone.operators import types

from ... import runs
from ...common.errors import DataError, RunError
from ...config import PreviewSettings, given_settings
from ...datasets import attribution, generated, identity, info, writing
from ...jobs import jobs
from ...runs import Run
from ...studies.preview import table
from ...studies.preview.harm_words import harm_sentence
from ...workflows.overview import Overview
from .. import navigation
from . import layout, unfinished

PERCENT = 5  # of an arm's images, left out by the button


def add_previews(card: types.Object, overview: Overview, panel: Any) -> None:
    """Add every preview of a data set to its card, newest first."""
    for run in reversed(overview.previews):
        _preview(card, run, overview, panel)


def _preview(card: types.Object, run: Run, overview: Overview, panel: Any) -> None:
    status = run.status
    job = unfinished.job_of(run, overview.jobs)
    state = unfinished.state_of(run, job)
    line = layout.row(card, f"**{run.id}**  {state}")
    unfinished.add_buttons(line, run, job, panel)
    if status.get("page"):
        layout.link(line, "Pictures", status["page"])
    unfinished.add_progress(card, run, job)
    outcomes = preview_outcomes(run)
    if not outcomes:
        return
    _pictures(card, run, outcomes)
    real = run.path / "cells" / "real.json"
    scores = runs.read_json(real) if real.exists() else {}
    layout.text(card, table.as_markdown(outcomes, scores), scrolls=True)
    if state in runs.ACTIVE:
        return  # an arm can be added when the others are done
    for outcome in outcomes:
        if outcome["seed"] > 0 or not outcome.get("worst"):
            continue
        arm = outcome["arm"]
        buttons = layout.row(card, f"{arm}: {harm_sentence(outcome)}")
        layout.button(buttons, "Sort by harm", panel.sort_by_harm, preview=run.id, arm=arm)
        layout.button(
            buttons,
            f"Leave out the worst {PERCENT} % and preview again",
            panel.leave_out_worst,
            preview=run.id,
            arm=arm,
        )


def _pictures(card: types.Object, run: Run, outcomes: list[dict[str, Any]]) -> None:
    """Show what each arm draws, side by side where there is room."""
    beside = card.h_stack(f"pictures{len(card.properties)}", gap=1, componentsProps=layout.WRAPPING)
    for outcome in outcomes:
        path = run.path / "grids" / f"{outcome['arm']}.png"
        if outcome["seed"] > 0 or not path.exists():
            continue
        label = f"{outcome['name']}, {outcome['images']:,} images"
        layout.figure(beside, path, label, alt=f"pictures of {label}", width=200, at_most=360)


def preview_outcomes(run: Run) -> list[dict[str, Any]]:
    """Return what is known of a preview's arms, in their order; none before the first is judged."""
    path = run.path / "outcomes.json"
    return runs.read_json(path) if path.exists() else []


def preview_without_worst(preview: str, arm: str) -> Run:
    """Start the same preview with one more arm: this one without its worst images.

    Raises:
        RunError: There is no such preview, or it is at work.
    """
    run = runs.open_run(preview)
    added = f"{arm}-less-{PERCENT}"
    arms = run.settings["arms"]
    if added in arms:
        raise RunError(f"{run.id} has the arm {added} already; leave out the worst of that one.")
    settings = given_settings(PreviewSettings, run, {**run.settings, "arms": [*arms, added]})
    known = run.record.get("identity") or {"name": run.record["dataset"]}
    source = identity.open_by_identity(known).name  # it may have been renamed
    return jobs.start("preview", {"source": source}, settings)


def by_harm(dataset: Any, preview: str, arm: str) -> Any:
    """Return the training images of an arm, worst first.

    Raises:
        DataError: The preview wrote no fields.
    """
    field = f"{writing.key_of(f'{preview}_{arm}')}_harm"
    if dataset.get_field(field) is None:
        raise DataError(
            f"{dataset.name!r} has no field {field!r}; preview again with fields switched on."
        )
    return dataset.exists(field).sort_by(field, reverse=True)


def add_sources(page: types.Object, ctx: Any, panel: Any) -> None:
    """Add what the selected drawings are made of, or which drawings the selected images are in."""
    ids = list(ctx.selected)
    if not ids:
        return
    about_dataset = info.read(ctx.dataset)
    source = generated.source_name(about_dataset)
    if source is not None:
        name, ids_linked = source, attribution.sources_of(ctx.dataset, ids)
        label = "Show what these drawings are made of"
    else:
        label, name, ids_linked = "Show the drawings that these images are in", "", []
        for linked in reversed(generated.linked_names(about_dataset)):
            ids_linked = attribution.drawings_with(navigation.open_by_name(linked), ids)
            if ids_linked:
                name = linked
                break
    if ids_linked:
        layout.button(page, label, panel.open_samples, name=name, ids=ids_linked)
