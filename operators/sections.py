"""The sections of a form among its values: FiftyOne gives those of a section as a dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def key_of_section(title: str) -> str:
    """Return the name of a section among a form's values."""
    return f"section_{title.lower().replace(' ', '_').replace('-', '_')}"


def is_section(key: str) -> bool:
    """Tell whether a form's value is a section: its values count as the form's own."""
    return key.startswith("section_")


def without_sections(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form's values with those of its sections beside the others."""
    flat = {key: value for key, value in params.items() if not is_section(key)}
    for key, value in params.items():
        if is_section(key) and isinstance(value, Mapping):
            flat |= value
    return flat
