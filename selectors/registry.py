"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable

from .core.method_result import MethodResult
from .coreset import coreset
from .densest import densest
from .difficulty import difficulty
from .facility import facility_location
from .herding import herding
from .hierarchical import hierarchical_kmeans
from .kmeans import kmeans
from .preview_harm import preview_harm
from .random_subset import random_subset
from .top import top
from .transport import transport
from .typicality import typicality
from .typiclust import typiclust
from .zcore import zcore

METHODS: dict[str, Callable[..., MethodResult]] = {
    "random": random_subset,
    "coreset": coreset,
    "typicality": typicality,
    "facility-location": facility_location,
    "zcore": zcore,
    "typiclust": typiclust,
    "kmeans": kmeans,
    "densest": densest,
    "top": top,
    "herding": herding,
    "hierarchical-kmeans": hierarchical_kmeans,
    "transport": transport,
    "difficulty": difficulty,
    "preview-harm": preview_harm,
}

WITHOUT_WEIGHTS = ("zcore", "transport")
BY_VALUES = ("difficulty", "preview-harm")  # weights are values there, not odds or factors
OWN_DENSITY = ("typicality", "densest", "transport", "preview-harm")
"""Methods that measure density in their own way: over a number of neighbours, say."""

FROM_FILE = ("coreset", "random", "top")  # need no more than a few rows in memory at a time
