"""Settings of ``generate``."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import field_validator, model_validator

from .base import MOST_SEED, PLAIN_NAME, Settings, setting
from .embed import Device
from .launching import MOST_PROCESSES

GUIDE = PLAIN_NAME[:-1] + r"(:\d+)?$"


class GenerateSettings(Settings):
    """Draw images from a trained model."""

    verb: ClassVar[str] = "generate"

    count: int = setting(1000, "How many images to draw.", ge=1)
    sampler: Literal["ddim", "ddpm", "dpm-solver++", "heun"] = setting(
        "ddim", "Sampling algorithm."
    )
    steps: int = setting(250, "Network evaluations per image.", ge=1, le=10_000)
    weights: Literal["ema", "raw"] = setting("ema", "Averaged weights or the last ones.")
    ema: float | None = setting(
        None,
        "Length of the average to draw with, as a share of the training (0.05, 0.1, 0.15), from a "
        "training with power_ema_every; by default its ordinary average.",
        ge=0.01,
        le=0.25,
        advanced=True,
    )
    classes: list[str] | None = setting(
        None,
        "Classes to draw, in turn, from a training with classes; by default all, as often as the "
        "training images have them.",
    )
    guidance: float | None = setting(
        None,
        "How far to go from what is drawn without a class, or by guide, toward what is drawn with "
        "it: 1 is no guidance, 2 twice as far.",
        ge=0,
        le=100,
    )
    guide: str | None = setting(
        None,
        "Autoguidance: a worse model to go away from, an earlier step of the same training (4000), "
        "another training, or a step of it (RUN:4000).",
        advanced=True,
    )
    batch_size: int = setting(
        64,
        "Images drawn before their files are written; does not change them.",
        ge=1,
        advanced=True,
    )
    processes: int = setting(
        1,
        "Processes to draw with, one per GPU; does not change the images.",
        ge=1,
        le=MOST_PROCESSES,
        advanced=True,
    )
    seed: int = setting(0, "Seed of the first image; image i uses seed + i.", ge=0, le=MOST_SEED)
    device: Device = setting("auto", "Where to compute; auto takes a GPU when there is one.")

    @field_validator("classes", mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        """Take ``a,b`` as well as ``["a", "b"]``."""
        if isinstance(given, str):
            return [name.strip() for name in given.split(",") if name.strip()] or None
        return given

    @model_validator(mode="after")
    def _fits(self) -> GenerateSettings:
        if self.guide is not None and not re.fullmatch(GUIDE, self.guide):
            raise ValueError(
                f"guide must be a step (4000), a run or its step (RUN:4000), got {self.guide!r}."
            )
        if self.guide is not None and self.guidance is None:
            raise ValueError(f"guide {self.guide} needs guidance, such as 2.")
        if self.ema is not None and self.weights != "ema":
            raise ValueError(
                f"ema is a length of averaged weights; leave it or weights {self.weights} out."
            )
        return self
