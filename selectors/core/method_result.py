"""What a method hands back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .density import Density
from .rows import Array


@dataclass(frozen=True)
class MethodResult:
    """Rows in the order they were taken, and why."""

    order: Array  # (k,) int64 rows of the pool
    scores: Array  # (k,) what the method maximized when it took them
    note: str = ""  # one or two sentences when something was not as asked
    density: Density | None = None  # when the method measured it
    settings: dict[str, Any] | None = None  # what ``auto`` and None turned out to be
