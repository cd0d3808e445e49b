"""How outcomes look on a terminal."""

from __future__ import annotations

from typing import Any

from .. import metrics
from ..api.comparing import number


def evaluation(found: metrics.Evaluation) -> str:
    """Lay an evaluation out: one value a line with what is known about it."""
    lines = []
    for name, told in found.to_json()["values"].items():
        value = told["value"]
        shown = number(value) if value is not None else f"none ({told.get('reason', 'not given')})"
        notes = [
            f"{label} {number(told[key])}"
            for key, label in (("null", "real against real"), ("excess", "excess"))
            if told.get(key) is not None
        ]
        if told.get("interval"):
            low, high = told["interval"]
            notes.append(f"95 % interval {number(low)} to {number(high)}")
        lines.append(f"{name:<22} {shown:>12}   {', '.join(notes)}".rstrip())
    return "\n".join(lines)


def merged(first: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay settings over settings; dictionaries inside are merged."""
    found = dict(first)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(found.get(name), dict)
        found[name] = merged(found[name], value) if both else value
    return found
