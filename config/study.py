"""Settings of ``study``."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import field_validator

from .base import MOST_SEED, PLAIN_NAME, Settings, setting
from .embed import EmbedSettings
from .evaluate import EvaluateSettings
from .generate import GenerateSettings
from .select import Method, SelectSettings
from .train import TrainSettings

SAID_ELSEWHERE = {"method", "budget", "name", "field", "overwrite"}
"""Settings of ``select`` that a study takes from its arms, its budget and ``embed.field``."""


class ArmSettings(Settings):
    """One way to choose training data."""

    verb: ClassVar[str] = "arm"

    name: str = setting(..., "Name of the arm.", pattern=PLAIN_NAME)
    method: Literal["full"] | Method = setting(
        ..., "full takes the whole pool; the others are selection methods."
    )
    budget: int | None = setting(None, "Samples to choose; by default the study's.", ge=1)
    steps: int | None = setting(None, "Optimizer steps; by default the study's.", ge=1)


class StudySettings(Settings):
    """Train one model per arm and seed, and compare them."""

    verb: ClassVar[str] = "study"

    name: str = setting("study", "Name of the study; the same name resumes it.", pattern=PLAIN_NAME)
    arms: list[ArmSettings] = setting(
        [
            ArmSettings(name=name, method=name)
            for name in ("full", "random", "coreset", "typicality")
        ],
        "Ways to choose training data: full or a selection method.",
        min_length=1,
    )
    budget: int = setting(1000, "How many samples each arm but full trains on.", ge=1)
    seeds: list[int] = setting(
        [0, 1], "One training per arm for each seed; random also draws anew.", min_length=1
    )
    held_out: float = setting(
        0.2,
        "Share of the images that no arm may train on; the metrics compare with them "
        "(0: compare with the whole pool).",
        ge=0,
        le=0.8,
    )
    parallel: int = setting(
        1,
        "Trainings that run side by side, sharing this machine's cores or GPUs; the next one "
        "also starts while images are drawn and judged.",
        ge=1,
        le=64,
    )
    group_field: str | None = setting(
        None,
        "Sample field, such as the photographer: images that share its value stay on one side.",
    )
    embed: EmbedSettings = setting(EmbedSettings(), "The encoder that the selection sees with.")
    select: SelectSettings = setting(SelectSettings(), "Options of the selection methods.")
    train: TrainSettings = setting(TrainSettings(), "The training of every arm.")
    generate: GenerateSettings = setting(GenerateSettings(), "The images drawn per training.")
    evaluate: EvaluateSettings = setting(EvaluateSettings(), "The judge.")

    @field_validator("arms", mode="before")
    @classmethod
    def _arms_by_name(cls, arms: Any) -> Any:
        """Read ``typicality`` as the arm of that name and method."""
        if not isinstance(arms, list | tuple):
            return arms
        return [{"name": arm, "method": arm} if isinstance(arm, str) else arm for arm in arms]

    @field_validator("arms")
    @classmethod
    def _names_differ(cls, arms: list[ArmSettings]) -> list[ArmSettings]:
        names = [arm.name for arm in arms]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise ValueError(f"arms must have different names, got {', '.join(double)} twice.")
        return arms

    @field_validator("select")
    @classmethod
    def _arms_choose(cls, select: SelectSettings) -> SelectSettings:
        """Refuse what arms and embed say already, instead of ignoring it."""
        given = SAID_ELSEWHERE & select.model_fields_set
        own = SelectSettings()
        wrong = sorted(name for name in given if getattr(select, name) != getattr(own, name))
        if wrong:
            raise ValueError(
                f"select.{wrong[0]} is not a setting of study: arms, budget and embed.field say it."
            )
        return select

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds) or not all(0 <= seed <= MOST_SEED for seed in seeds):
            raise ValueError(f"seeds must be different numbers 0 to {MOST_SEED}, got {seeds}.")
        return seeds
