"""Settings of ``train``."""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import Settings, setting
from .embed import Device


class TrainSettings(Settings):
    """Train a diffusion model (DDPM) on the selected images."""

    verb: ClassVar[str] = "train"

    name: str | None = setting(None, "Name of the run; by default the date and time.")
    network: Literal["unet2d"] = setting("unet2d", "Network: diffusers' UNet2DModel.")
    image_size: int = setting(128, "Side of the training images in pixels.", ge=8, multiple_of=8)
    base_channels: int = setting(64, "Width of the network's first level.", ge=8, multiple_of=8)
    steps: int = setting(20_000, "Optimizer steps.", ge=1)
    batch_size: int = setting(32, "Images per optimizer step, over all processes.", ge=1)
    learning_rate: float = setting(1e-4, "Adam's learning rate.", gt=0, le=1)
    schedule: Literal["linear", "cosine", "sigmoid"] = setting("sigmoid", "Noise schedule.")
    prediction: Literal["epsilon", "sample", "v_prediction"] = setting(
        "v_prediction", "What the network predicts."
    )
    timesteps: int = setting(1000, "Noise levels T.", ge=2, le=10_000, advanced=True)
    horizontal_flip: bool = setting(True, "Mirror half of the images at random.")
    ema_decay: float = setting(0.995, "Decay of the averaged weights.", ge=0, lt=1, advanced=True)
    ema_every: int = setting(10, "Steps between two updates of the average.", ge=1, advanced=True)
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = setting(
        "auto",
        "Number format of the forward pass; auto is bf16 on a GPU that has it.",
        advanced=True,
    )
    checkpoint_every: int = setting(1000, "Steps between two checkpoints.", ge=1)
    seed: int = setting(0, "Seed of weights, order, flips and noise.", ge=0)
    device: Device = setting("auto", "Where to train; auto takes a GPU when there is one.")
