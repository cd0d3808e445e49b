"""How outcomes look on a terminal."""

from __future__ import annotations

from typing import Any

from .. import metrics
from ..api.comparing import number


def evaluation(found: metrics.Evaluation) -> str:
    """Lay an evaluation out: one value a line with what is known about it."""
    lines = []
    for name, told in found.records.items():
        shown = number(told.value) if told.value is not None else f"none: {told.reason}"
        known = {"real against real": told.null, "excess": told.excess}
        notes = [f"{label} {number(value)}" for label, value in known.items() if value is not None]
        if told.interval is not None:
            low, high = told.interval
            notes.append(f"95 % interval {number(low)} to {number(high)}")
        counts = f"{told.n_real} real, {told.n_generated} generated"
        lines.append(f"{name:<18} {shown:>9}   {'; '.join([*notes, counts])}")
    return "\n".join([*lines, *found.notes])


def merged(first: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay settings over settings; dictionaries inside are merged."""
    found = dict(first)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(found.get(name), dict)
        found[name] = merged(found[name], value) if both else value
    return found
