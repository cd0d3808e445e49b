"""A stored evaluation as the panel shows it: every value with what makes it honest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fiftyone.operators import types

from ...metrics.evaluation import Record
from ...metrics.table import HEAD, cells
from . import layout


def add_evaluation(card: types.Object, stored: Mapping[str, Any]) -> None:
    """Add all values of an evaluation, folded: null, excess, interval and counts beside each."""
    text = markdown(stored)
    if not text:
        return
    inside = types.Object()
    layout.text(inside, text)
    card.define_property(
        layout.name_of("values", str(stored.get("key")), str(stored.get("dataset"))),
        inside,
        view=types.ObjectView(
            label="All values", collapsible=True, componentsProps=layout.SCROLLING
        ),
    )


def markdown(stored: Mapping[str, Any]) -> str:
    """Write the table of a stored evaluation and its notes; empty for one that kept no records."""
    records = stored["values"].get("records", {})
    if not records:
        return ""
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    lines += [f"| {' | '.join(cells(n, Record(**record)))} |" for n, record in records.items()]
    why = [f"- {n}: {record['reason']}" for n, record in records.items() if record.get("reason")]
    notes = [f"- {note}" for note in stored["values"].get("notes", [])]
    return "\n".join(lines) + "\n\n" + "\n".join([*why, *notes])
