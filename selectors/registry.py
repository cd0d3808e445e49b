"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable

from .coreset import coreset
from .picks import Picks
from .typicality import typicality
from .uniform import uniform

METHODS: dict[str, Callable[..., Picks]] = {
    "random": uniform,
    "coreset": coreset,
    "typicality": typicality,
}
