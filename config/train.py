"""Settings of ``train``."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import field_validator, model_validator

from .analytic import Windows, decide_size_setting, windows_setting
from .base import MOST_SEED, PLAIN_NAME, Reason, Settings, setting
from .embed import Device
from .launching import accelerate_setting, known_flags, processes_setting

GROUPS = 8  # group normalization divides every width into this many groups

# Where a network's own defaults differ from the fields'.
NETWORKS: dict[str, dict[str, Any]] = {"lucidrains": {"multipliers": "1-2-4-8"}}
# What a preset says of training does not concern the network that is not trained.
UNTRAINED: dict[str, Any] = {
    "steps": 1,
    "checkpoint_every": 1,
    "schedule": "karras",
    "augment": 0.0,
    "dropout": 0.0,
}

LONG_WARMUP = 0.25  # of all steps; a longer one leaves few steps at the learning rate

PRESETS: dict[str, dict[str, Any]] = {
    # Every known setting of the 2023 study; the fields' own defaults are the same.
    "lightly-2023": {},
    # The same network, trained for the same pictures in less time.
    "fast": {
        "steps": 10_000,
        "batch_size": 64,
        "learning_rate": 3e-4,
        "warmup": 500,
        "min_snr": 5.0,
    },
    # 500 to 10,000 images of any size: against learning them by heart. Augmentation as for
    # CIFAR-10 and dropout near it in Karras et al. 2022, arXiv:2206.00364, table 7; schedule and
    # weighting for coarse shapes soon, as measured in docs/training.md.
    "small-data": {
        "augment": 0.12,
        "dropout": 0.1,
        "learning_rate": 2e-4,
        "warmup": 500,
        "min_snr": 5.0,
        "schedule": "cosine",
        "weighting": "snr+1",
        "ema_decay": 0.999,
        "ema_every": 1,
    },
    # 32 px on a processor, an hour on one core; what drew garments in docs/training.md.
    "cpu-small": {
        "image_size": 32,
        "base_channels": 16,
        "multipliers": "1-3-8-16",
        "layers": 1,
        "steps": 9000,
        "batch_size": 16,
        "learning_rate": 5e-4,
        "warmup": 100,
        "cooldown": 1500,
        "schedule": "cosine",
        "weighting": "snr+1",
        "ema_decay": 0.999,
        "ema_every": 1,
    },
    # Small drawn pictures on two CPU cores, under a minute.
    "demo": {
        "image_size": 32,
        "base_channels": 16,
        "multipliers": "1-2-4",
        "layers": 1,
        "steps": 300,
        "batch_size": 16,
        "learning_rate": 2e-3,
        "warmup": 20,
        "cooldown": 100,
        "schedule": "cosine",
        "prediction": "sample",  # smooth early: errors are blur, not noise
        "min_snr": 5.0,
        "weighting": "snr+1",
        "ema_decay": 0.98,
        "ema_every": 1,
        "checkpoint_every": 150,
    },
}


def what_start_does(start_from: Any) -> Reason | None:
    """Say what beginning with a checkpoint does that only the owner of the App may ask for."""
    run_id = re.fullmatch(PLAIN_NAME, str(start_from)) and not str(start_from).endswith(".pt")
    return None if run_id else "reads files"


class TrainSettings(Settings):
    """Train a diffusion model (DDPM) on the selected images.

    A preset fills whatever is not given explicitly.
    """

    verb: ClassVar[str] = "train"

    name: str | None = setting(None, "Name of the run; by default the date and time.")
    preset: Literal["lightly-2023", "fast", "small-data", "cpu-small", "demo"] = setting(
        "lightly-2023", "Values for all training settings that are not given."
    )
    network: Literal["unet2d", "lucidrains", "analytic"] = setting(
        "unet2d",
        "Network: diffusers' UNet2DModel; that of denoising-diffusion-pytorch 1.9.4, "
        "which cannot be opened as a diffusers pipeline; or analytic, which is not trained: it "
        "mixes the training images by their closed-form posterior, for a preview.",
    )
    decide_size: int = decide_size_setting()
    windows: Windows = windows_setting()
    start_from: str | None = setting(
        None,
        "Run whose averaged weights to begin with, also of another image size, or with one level "
        "less for pictures half as large; folder of a diffusers DDPM pipeline (./FOLDER), whose "
        "shape the network takes; or checkpoint of denoising-diffusion-pytorch (model-N.pt) to go "
        "on from.",
        advanced=True,
        owner_only=what_start_does,
    )
    image_size: int = setting(
        128, "Side of the training images in pixels.", ge=8, le=1024, multiple_of=8
    )
    base_channels: int = setting(64, "Width of the network's first level.", ge=16, multiple_of=16)
    multipliers: str = setting(
        "1-1.5-3-6",
        "Width of each level as a multiple of the first; each level halves the picture.",
        advanced=True,
    )
    layers: int = setting(2, "Residual blocks per level.", ge=1, le=8, advanced=True)
    steps: int = setting(20_000, "Optimizer steps.", ge=1)
    batch_size: int = setting(32, "Images per optimizer step, over all processes.", ge=1)
    accumulate: int = setting(
        1, "Parts that a batch is computed in, to save memory.", ge=1, advanced=True
    )
    learning_rate: float = setting(1e-4, "AdamW's learning rate.", gt=0, le=1)
    warmup: int = setting(0, "Steps until the learning rate is reached.", ge=0, advanced=True)
    cooldown: int = setting(
        0, "Steps at the end in which the learning rate falls to zero.", ge=0, advanced=True
    )
    weight_decay: float = setting(
        0.0, "AdamW's weight decay; 0 makes it Adam.", ge=0, le=1, advanced=True
    )
    clip: float | None = setting(
        1.0, "Longest gradient of a step; longer ones are scaled down.", gt=0, advanced=True
    )
    schedule: Literal["linear", "cosine", "sigmoid", "karras"] = setting(
        "sigmoid", "Noise schedule."
    )
    prediction: Literal["epsilon", "sample", "v_prediction"] = setting(
        "v_prediction", "What the network predicts."
    )
    min_snr: float | None = setting(
        None,
        "Clip the signal-to-noise ratio in the loss at this value; 5 is usual.",
        gt=0,
        advanced=True,
    )
    weighting: Literal["snr", "snr+1"] = setting(
        "snr",
        "Weight of a noise level: snr is the usual loss on the noise; snr+1 is that on v, which "
        "learns coarse shapes sooner.",
        advanced=True,
    )
    timesteps: int = setting(1000, "Noise levels T.", ge=2, le=10_000, advanced=True)
    classes: str | None = setting(
        None,
        "Field with the class of each image, such as label, which the network is told; "
        "images can then be drawn by class.",
    )
    label_dropout: float = setting(
        0.1,
        "Share of the images whose class the network is not told in a step; guidance needs it.",
        ge=0,
        lt=1,
        advanced=True,
    )
    horizontal_flip: bool = setting(True, "Mirror half of the images at random.")
    augment: float = setting(
        0.0,
        "Probability of each augmentation that does not leak into the samples: flips, scaling, "
        "rotation, stretching and shifts, none of colors (arXiv:2206.00364); 0.12 suits small "
        "data sets.",
        ge=0,
        le=1,
        advanced=True,
    )
    dropout: float = setting(
        0.0,
        "Share of units dropped in the residual blocks while training; 0.1 to 0.25 suits small "
        "data sets.",
        ge=0,
        lt=1,
        advanced=True,
    )
    ema_decay: float = setting(0.995, "Decay of the averaged weights.", ge=0, lt=1, advanced=True)
    ema_every: int = setting(10, "Steps between two updates of the average.", ge=1, advanced=True)
    ema_warmup: int = setting(
        100, "Steps until averaging begins; before, it is a copy.", ge=0, advanced=True
    )
    power_ema_every: int | None = setting(
        None,
        "Steps between two snapshots of averages from which one of any length can be put together "
        "afterwards (arXiv:2312.02696); none keeps none. Some 20 in all are enough.",
        ge=1,
        advanced=True,
    )
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = setting(
        "auto",
        "Number format of the forward pass; auto is bf16 on a GPU that has it.",
        advanced=True,
    )
    compile: Literal["auto", "graphs", "yes", "no"] = setting(
        "auto",
        "How a GPU is kept busy: graphs records a step once and replays it, which takes a second; "
        "yes compiles the network, which takes a minute or more, also on a processor; no does "
        "neither. On a GPU auto records, but compiles for 1,000 steps and more where the network "
        "has no fused kernels or its step cannot be recorded.",
        advanced=True,
    )
    checkpoint_every: int = setting(1000, "Steps between two checkpoints.", ge=1)
    keep_checkpoints: int = setting(2, "How many checkpoints to keep.", ge=1, advanced=True)
    keep_every: int | None = setting(
        None, "Keep the checkpoints at multiples of so many steps besides.", ge=1, advanced=True
    )
    grid_every: int | None = setting(
        None, "Steps between two sample grids; by default one per checkpoint.", ge=1, advanced=True
    )
    bad_images: Literal["refuse", "skip"] = setting(
        "refuse", "What to do about images that cannot be read.", advanced=True
    )
    tracker: Literal["none", "tensorboard", "wandb"] = setting(
        "none", "Where else to log, through accelerate.", advanced=True
    )
    processes: int = processes_setting("train with")
    accelerate: str = accelerate_setting("train")
    seed: int = setting(0, "Seed of weights, order, flips and noise.", ge=0, le=MOST_SEED)
    device: Device = setting("auto", "Where to train; auto takes a GPU when there is one.")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        """Return the values with those that were not given filled in from network and preset."""
        if not isinstance(values, dict):
            return values
        preset = PRESETS.get(str(values.get("preset", "lightly-2023")), {})
        if values.get("network") == "analytic":
            return {**preset, **UNTRAINED, **values}
        network = NETWORKS.get(str(values.get("network")), {})
        return {**network, **preset, **values}

    _only_known_flags = field_validator("accelerate")(known_flags)

    @model_validator(mode="after")
    def _fits(self) -> TrainSettings:
        widths = self.widths
        if not widths or any(width <= 0 or width % GROUPS for width in widths):
            raise ValueError(
                f"multipliers must make widths that are multiples of {GROUPS}, such as 1-2-4; "
                f"{self.multipliers!r} with base_channels {self.base_channels} makes {widths}."
            )
        if self.weighting == "snr+1" and self.prediction == "epsilon":
            raise ValueError(
                "weighting snr+1 needs prediction v_prediction or sample; with epsilon the "
                "noisiest levels would weigh without bound."
            )
        if (self.start_from or "").endswith(".pt") and self.network != "lucidrains":
            raise ValueError(
                f"start_from a .pt file needs network lucidrains, whose files these are; "
                f"got {self.network}."
            )
        if (self.start_from or "").endswith(".pt") and self.augment:
            raise ValueError(
                "augment must be 0 with start_from a .pt file, whose network knows no "
                f"augmentation; got {self.augment}."
            )
        if (self.start_from or "").endswith(".pt") and self.classes is not None:
            raise ValueError(
                "classes must be left out with start_from a .pt file, whose network knows no "
                f"classes; got {self.classes}."
            )
        if self.network == "analytic":
            refused = [
                name
                for name, given in (
                    ("start_from", self.start_from is not None),
                    ("processes", self.processes > 1),
                    ("accelerate", bool(self.accelerate)),
                    ("augment", self.augment > 0),
                    ("dropout", self.dropout > 0),
                    ("classes", self.classes is not None),
                    ("power_ema_every", self.power_ema_every is not None),
                )
                if given
            ]
            if refused:
                raise ValueError(
                    f"{refused[0]} is for networks that are trained, and analytic is not; "
                    "leave it out."
                )
        if self.network == "lucidrains" and self.layers != 2:
            raise ValueError(f"layers must be 2 for the network lucidrains, got {self.layers}.")
        if self.image_size % (1 << (len(widths) - 1)):
            raise ValueError(
                f"image_size must be divisible by {1 << (len(widths) - 1)} for {len(widths)} "
                f"levels, got {self.image_size}; give fewer multipliers or another size."
            )
        if self.batch_size % (self.accumulate * self.processes):
            raise ValueError(
                f"batch_size must be divisible by accumulate x processes = "
                f"{self.accumulate * self.processes}, got {self.batch_size}."
            )
        return self

    def warmup_note(self, steps: int | None = None) -> str:
        """Say that the learning rate rises during much of a training; empty where it does not.

        Args:
            steps: Length of the training; by default that of the settings.
        """
        steps = self.steps if steps is None else steps
        if self.network == "analytic" or self.warmup <= LONG_WARMUP * steps:
            return ""
        shorter = f"{steps // 10:,} or less" if steps >= 10 else "0"
        return (
            f"The learning rate rises for {min(self.warmup, steps):,} of {steps:,} steps, so "
            f"little is learned; give warmup {shorter}, or more steps."
        )

    @property
    def checkpoints_kept(self) -> int:
        """Largest number of checkpoints on disk once the training has ended."""
        return self.keep_checkpoints + (self.steps // self.keep_every if self.keep_every else 0)

    @property
    def widths(self) -> list[int]:
        """Width of each level, from the full picture down; empty when that cannot be read."""
        try:
            factors = [float(word) for word in self.multipliers.replace(",", "-").split("-")]
            return [round(self.base_channels * factor) for factor in factors]
        except (ValueError, OverflowError):
            return []
