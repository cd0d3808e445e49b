"""Settings from a file, under those of the command line."""

from __future__ import annotations

from typing import Any


def merged(first: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay settings over settings; dictionaries inside are merged."""
    found = dict(first)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(found.get(name), dict)
        found[name] = merged(found[name], value) if both else value
    return found
