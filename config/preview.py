"""Settings of ``preview``."""

from __future__ import annotations

from typing import ClassVar

from pydantic import field_validator

from .analytic import Windows, decide_size_setting, windows_setting
from .base import MOST_SEED, PLAIN_NAME, Settings, setting
from .embed import Device, EmbedSettings
from .evaluate import EvaluateSettings
from .select import SelectSettings


class PreviewSettings(Settings):
    """See what selections would make a model draw, in minutes and without training."""

    verb: ClassVar[str] = "preview"

    name: str = setting(
        "preview", "Name of the preview; the same name resumes it.", pattern=PLAIN_NAME
    )
    arms: list[str] = setting(
        ["full", "random", "coreset", "typicality"],
        "What to preview: full, a selection method, or the name of a selection, a saved view or "
        "a tag; ARM-less-5 is ARM without its worst 5 percent by harm.",
        min_length=1,
    )
    budget: int = setting(1000, "How many samples a selection method chooses.", ge=1)
    random_draws: int = setting(
        5, "How often random draws anew: a band that other arms are compared with.", ge=1, le=50
    )
    count: int = setting(200, "Pictures drawn per arm and noise seed.", ge=8, le=100_000)
    noise_seeds: list[int] = setting(
        [0, 1], "Every arm draws from the same noise, once per seed.", min_length=1
    )
    steps: int = setting(12, "Noise levels on the way to a picture.", ge=2, le=1000)
    image_size: int = setting(128, "Side of the pictures in pixels.", ge=8, le=1024, multiple_of=8)
    decide_size: int = decide_size_setting()
    windows: Windows = windows_setting()
    horizontal_flip: bool = setting(True, "Use every image mirrored too.")
    held_out: float = setting(
        0.2,
        "Share of the images that no arm may use; the metrics compare with them.",
        gt=0,
        le=0.8,
    )
    group_field: str | None = setting(
        None,
        "Sample field, such as the photographer: images that share its value stay on one side.",
    )
    variations: int = setting(
        1000,
        "Training images per arm that a drawing is begun at, to see which make bad ones; 0 judges "
        "harm by the drawings from pure noise.",
        ge=0,
    )
    fields: bool = setting(
        True, "Write use and harm, and the sources of each drawing, to the data sets."
    )
    device: Device = setting("auto", "Where to draw; auto takes a GPU when there is one.")
    embed: EmbedSettings = setting(EmbedSettings(), "The encoder that the selection sees with.")
    select: SelectSettings = setting(SelectSettings(), "Options of the selection methods.")
    evaluate: EvaluateSettings = setting(EvaluateSettings(), "The judge.")

    @field_validator("embed")
    @classmethod
    def _in_a_field(cls, embed: EmbedSettings) -> EmbedSettings:
        return embed.into_a_field()

    @field_validator("arms")
    @classmethod
    def _arms_differ(cls, arms: list[str]) -> list[str]:
        double = sorted({name for name in arms if arms.count(name) > 1})
        if double:
            raise ValueError(f"arms must be different, got {', '.join(double)} twice.")
        return arms

    @field_validator("noise_seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds) or not all(0 <= seed <= MOST_SEED for seed in seeds):
            raise ValueError(
                f"noise_seeds must be different numbers 0 to {MOST_SEED}, got {seeds}."
            )
        return seeds
