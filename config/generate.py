"""Settings of ``generate``."""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import MOST_SEED, Settings, setting
from .embed import Device
from .launching import MOST_PROCESSES


class GenerateSettings(Settings):
    """Draw images from a trained model."""

    verb: ClassVar[str] = "generate"

    count: int = setting(1000, "How many images.", ge=1)
    sampler: Literal["ddim", "ddpm", "dpm-solver++", "heun"] = setting(
        "ddim", "Sampling algorithm."
    )
    steps: int = setting(250, "Network evaluations per image.", ge=1, le=10_000)
    weights: Literal["ema", "raw"] = setting("ema", "Averaged weights or the last ones.")
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
