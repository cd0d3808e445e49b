"""Work that was scheduled instead of started: what waits, and what has failed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from fiftyone.operators import types

from ...datasets.scheduled import FAILED, RUNNING, Scheduled
from ...runs import Run
from ...workflows.overview import Overview
from ..base import storable
from ..follow_jobs import FORMS
from . import layout

AT_WORK = (
    "`fiftyone delegated launch` works on it. *Remove* is for one whose launcher has died: it "
    "takes it off this list, and does not end a launcher that is at work."
)
WAITS = "It begins when `fiftyone delegated launch` runs."
VERBS = {operator: verb for verb, operator in FORMS.items()}


def add_scheduled(
    page: types.Object, listed: Sequence[Scheduled], overview: Overview, panel: Any
) -> bool:
    """Add a card with what is scheduled, if there is any; tell whether something of it failed."""
    shown = [one for one in listed if not (one.state == FAILED and _is_past(one, listed, overview))]
    if not shown:
        return False
    card = layout.outlined(page, "scheduled", title="Scheduled")
    for one in shown:
        _add(card, one, panel)
    return any(one.state == FAILED for one in shown)


def is_running(listed: Sequence[Scheduled]) -> bool:
    """Tell whether a launcher works on something of it."""
    return any(one.state == RUNNING for one in listed)


def _add(card: types.Object, one: Scheduled, panel: Any) -> None:
    name = one.operator.replace("_", " ").capitalize()
    if one.state != FAILED:
        now = "is carried out" if one.state == RUNNING else "waits"
        line = layout.row(card, f"**{name}** {now}")
        layout.button(line, "Remove", panel.remove_scheduled, id=str(one.id))
        layout.text(card, AT_WORK if one.state == RUNNING else WAITS)
        return
    line = layout.row(card, f"**{name}** failed")
    layout.button(line, "Edit and retry", panel.edit_scheduled, id=str(one.id))
    layout.button(line, "Remove", panel.remove_scheduled, id=str(one.id))
    layout.sentence(card, str(one.id), one.error or "It says no more.")


def _is_past(one: Scheduled, listed: Sequence[Scheduled], overview: Overview) -> bool:
    """Tell whether the same form was carried out or scheduled again since, on the same samples."""
    form, shown = storable(one.form), (one.view, one.selected)
    same = (other for other in listed if other.operator == one.operator)
    if any(
        other.queued > one.queued
        and storable(other.form) == form
        and (other.view, other.selected) == shown
        for other in same
    ):
        return True
    verb = VERBS.get(one.operator)
    later = [run for run in overview.jobs if run.record.get("verb") == verb]
    later += overview.trainings if one.operator == "train_diffusion" else []
    since = one.queued.replace(microsecond=0)
    return any(
        run.record.get("form") == form and _created(run) >= since and _on(run, shown)
        for run in later
    )


def _on(run: Run, shown: tuple[Any, list[str]]) -> bool:
    """Tell whether a run is on these samples; work that is on none of a view is on any."""
    record = run.record
    return "form_view" not in record or (
        (record["form_view"], record.get("form_selected", [])) == shown
    )


def _created(run: Run) -> datetime.datetime:
    return datetime.datetime.fromisoformat(run.record["created"])
