"""Settings of ``select``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import field_validator, model_validator

from .base import MOST_SEED, Settings, setting
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
    "herding",
    "hierarchical-kmeans",
    "transport",
    "difficulty",
    "preview-harm",
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
    seed: int = setting(0, "Seed of whatever is random in the method.", ge=0, le=MOST_SEED)
    alpha: float | Literal["auto"] = setting(
        1.0,
        "Typicality: how much density counts, 0 (spread only) to 4; auto searches for the best.",
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
    keep: str | None = setting(
        None,
        "A selection to start from: its samples count as chosen and are not counted again.",
        advanced=True,
    )
    exclude_tag: str | None = setting(
        None, "Samples with this tag are never chosen.", advanced=True
    )
    group_field: str | None = setting(
        None,
        "Field with classes or slices, such as label.label, that quotas are about.",
        advanced=True,
    )
    quotas: str | None = setting(
        None,
        "How many of each group: balanced, proportional, or GROUP=COUNT,GROUP=COUNT.",
        advanced=True,
    )
    together_field: str | None = setting(
        None,
        "Field such as a person's name: samples that share its value are chosen together.",
        advanced=True,
    )
    weight_field: str | None = setting(
        None,
        "Numeric field that says how much a sample is worth; top ranks by it, difficulty takes "
        "even steps of it, preview-harm leaves out what has most of it (PREVIEW_ARM_harm).",
        advanced=True,
    )
    harm_fraction: float = setting(
        0.1,
        "Preview-harm: share of the samples that is left out, those of most harm.",
        ge=0,
        lt=1,
        advanced=True,
    )
    base_method: Literal["typicality", "random"] = setting(
        "typicality", "Preview-harm: how to choose from the samples that are left.", advanced=True
    )
    toward: str | None = setting(
        None, "Tag of examples: samples that are like them are preferred.", advanced=True
    )
    away: str | None = setting(
        None, "Tag of examples: samples that are like them are avoided.", advanced=True
    )
    pull: float = setting(
        1.0,
        "How strongly toward and away count: the weight grows e^pull times per standard deviation "
        "of the likeness.",
        ge=0,
        le=10,
        advanced=True,
    )
    report: bool = setting(
        False,
        "Write a page that compares the selection with the pool and with random subsets.",
    )
    to_shards: str | None = setting(
        None,
        "Where a pool of Parquet shards is selected from: a new folder for the chosen rows.",
        advanced=True,
        owner_only="reads files",
    )
    device: Device = setting(
        "auto", "Where to compute; the choice does not depend on it.", advanced=True
    )
    overwrite: bool = setting(False, "Replace a selection that has the same name.", advanced=True)

    @model_validator(mode="after")
    def _quotas_have_groups(self) -> SelectSettings:
        if (self.quotas is None) != (self.group_field is None):
            missing = "group_field" if self.group_field is None else "quotas"
            raise ValueError(f"quotas and group_field go together; {missing} is missing.")
        _ = self.counts
        return self

    @property
    def counts(self) -> dict[str, int] | str | None:
        """The quotas as `curadiff.selectors.select` takes them."""
        if self.quotas in (None, "balanced", "proportional"):
            return self.quotas
        group_counts = {}
        for part in self.quotas.split(","):
            group, _, count = part.rpartition("=")
            if not group.strip() or not count.strip().isdigit():
                raise ValueError(
                    "quotas must be balanced, proportional or GROUP=COUNT,GROUP=COUNT, "
                    f"got {self.quotas!r}."
                )
            group_counts[group.strip()] = int(count)
        return group_counts

    @field_validator("alpha")
    @classmethod
    def _alpha_in_range(cls, given: float | str) -> float | str:
        """Check the number; limits on the setting would be applied to the word auto too."""
        if not isinstance(given, str) and not 0 <= given <= 4:
            raise ValueError(f"alpha must be {'>= 0' if given < 0 else '<= 4'}, got {given:g}.")
        return given
