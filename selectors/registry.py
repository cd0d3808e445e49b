"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable

from .core.method_result import MethodResult
from .coreset import coreset
from .densest import densest
from .facility import facility_location
from .kmeans import kmeans
from .random_subset import random_subset
from .top import top
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
}

FROM_FILE = ("coreset", "random", "top")  # need no more than a few rows in memory at a time
