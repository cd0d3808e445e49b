"""Work that was scheduled instead of started: what waits, and what has failed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from fiftyone.operators import types

from ...datasets.scheduled import FAILED, RUNNING, Scheduled
from ...runs import Run
from ...workflows.overview import Overview
from ..follow_jobs import FAULT, FORMS
from . import layout

VERBS = {operator: verb for verb, operator in FORMS.items()}


def add_scheduled(
    page: types.Object, listed: Sequence[Scheduled], overview: Overview, panel: Any
) -> None:
    """Add a card with what is scheduled, if there is anything to say of it."""
    shown = [one for one in listed if not (one.state == FAILED and _is_past(one, listed, overview))]
    if not shown:
        return
    card = page.v_stack(
        "scheduled",
        variant="outline",
        gap=1,
        pad=2,
        align_x="stretch",
        componentsProps=layout.INSIDE,
    )
    card.view("title", types.HeaderView(label="**Scheduled**"))
    for one in shown:
        _add(card, one, panel)


def is_open(listed: Sequence[Scheduled]) -> bool:
    """Tell whether something of it will change by itself."""
    return any(one.state != FAILED for one in listed)


def _add(card: types.Object, one: Scheduled, panel: Any) -> None:
    name = one.operator.replace("_", " ").capitalize()
    if one.state == RUNNING:
        layout.text(card, f"**{name}** is carried out by `fiftyone delegated launch`.")
        return
    if one.state != FAILED:
        layout.text(card, f"**{name}** waits. It begins when `fiftyone delegated launch` runs.")
        return
    line = layout.row(card, f"**{name}** failed")
    given = {**one.form, FAULT: one.error}
    layout.button(line, "Edit and retry", panel.open_form, operator=one.operator, given=given)
    layout.button(line, "Remove", panel.remove_scheduled, id=str(one.id))
    card.view(
        layout.name_of(str(one.id), "error"), types.Error(label=one.error or "It says no more.")
    )


def _is_past(one: Scheduled, listed: Sequence[Scheduled], overview: Overview) -> bool:
    """Tell whether the same was asked for again since, or a job says the same."""
    if any(other.operator == one.operator and other.queued > one.queued for other in listed):
        return True
    verb = VERBS.get(one.operator)
    later = [run for run in overview.jobs if run.record.get("verb") == verb]
    later += overview.trainings if one.operator == "train_diffusion" else []
    return any(_created(run) >= one.queued.replace(microsecond=0) for run in later)


def _created(run: Run) -> datetime.datetime:
    return datetime.datetime.fromisoformat(run.record["created"])
