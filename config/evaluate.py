"""Settings of ``evaluate``."""

from __future__ import annotations

from typing import ClassVar

from .base import Settings, setting
from .embed import ENCODER_HELP, Device


class EvaluateSettings(Settings):
    """Compare generated images with real ones."""

    verb: ClassVar[str] = "evaluate"

    encoder: str = setting(
        "dinov2-vit-l14", "The judge; not the encoder that selected. " + ENCODER_HELP
    )
    weights: str | None = setting(
        None, "File with the encoder's weights; by default they are looked up by name."
    )
    k: int = setting(3, "Neighbours that span the manifold for precision and recall.", ge=1)
    key: str = setting("evaluation", "Name of the evaluation, so that several live side by side.")
    batch_size: int = setting(32, "Images per forward pass.", ge=1, le=4096, advanced=True)
    seed: int = setting(0, "Seed of subsampling and bootstrap.", ge=0)
    device: Device = setting("auto", "Where to compute; auto takes a GPU when there is one.")
