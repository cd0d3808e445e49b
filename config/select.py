"""Settings of ``select``."""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import Settings, setting
from .embed import Device

Method = Literal[
    "random",
    "coreset",
    "typicality",
    "facility-location",
    "zcore",
    "typiclust",
    "kmeans",
    "densest",
    "top",
]


class SelectSettings(Settings):
    """Choose which samples to train on, and tag them."""

    verb: ClassVar[str] = "select"

    method: Method = setting("typicality", "How to choose.")
    budget: int = setting(1000, "How many samples to choose.", ge=1)
    name: str | None = setting(
        None, "Name of the selection: its tag and its saved view; by default METHOD-BUDGET."
    )
    field: str | None = setting(
        None, "Field with the embeddings; by default the only one that there is."
    )
    seed: int = setting(0, "Seed of whatever is random in the method.", ge=0)
    alpha: float | Literal["auto"] = setting(
        1.0,
        "Typicality: how much density counts (0: spread only); auto searches for the best.",
        ge=0,
        le=4,
        advanced=True,
    )
    neighbors: int | None = setting(
        None,
        "How many neighbours density is measured with; by default found from pool and budget.",
        ge=1,
        advanced=True,
    )
    min_distance: float | None = setting(
        None,
        "Typicality: no two chosen samples are closer than this; by default found from the data.",
        ge=0,
        le=2,
        advanced=True,
    )
    outlier_rate: float = setting(
        0.015,
        "Typicality: share of ordinary samples that the outlier guard may keep out (0: no guard).",
        ge=0,
        le=0.5,
        advanced=True,
    )
    device: Device = setting(
        "auto", "Where to compute; the choice does not depend on it.", advanced=True
    )
    overwrite: bool = setting(False, "Replace a selection that has the same name.", advanced=True)
