"""The networks, built from settings: (x_t (b, 3, h, w), t (b,)) -> (b, 3, h, w)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from ...common.errors import EnvironmentFault, SettingsError
from ...config import TrainSettings
from ...runs import read_json
from ..classes import counts, labels_of
from ..init.from_pipeline import SHAPE, shape_of
from .conditioning import CONDITIONING, ClassEmbedding, label_embedding, label_map
from .lucidrains import Lucidrains

GROUPS = 8
HEAD = 32
AUGMENTATION_LABELS = 9


class Unet2D(nn.Module):
    """diffusers' ``UNet2DModel`` behind a plain call; ``inner`` is the model itself."""

    def __init__(self, labels: int = 0, classes: int = 0, **config: Any) -> None:
        super().__init__()
        try:
            from diffusers.models.unets.unet_2d import UNet2DModel

            from .attention import use_float32_on_cpu
        except ImportError as fault:
            raise EnvironmentFault(
                f"the network unet2d needs diffusers, which does not import here ({fault}); "
                "install it with: pip install diffusers"
            ) from fault
        self.inner = UNet2DModel(**config)
        use_float32_on_cpu(self.inner)
        code = self.inner.time_embedding.linear_2.out_features
        self.labels, self.classes = labels, classes
        if labels:
            self.inner.add_module(CONDITIONING, label_map(labels, code))
            self.inner.class_embedding = nn.Identity()  # adds what it is given to the embedding
        if classes:
            self.inner.class_embedding = ClassEmbedding(classes, code)

    def forward(
        self,
        x_t: Tensor,
        t: Tensor,
        labels: Tensor | None = None,
        classes: Tensor | None = None,
    ) -> Tensor:
        """Return the prediction for noised images x_t (b, 3, h, w) at levels t (b,).

        Args:
            x_t: (b, 3, h, w).
            t: (b,) noise levels.
            labels: (b, k) how the images were changed, zeros by default.
            classes: (b,) int64 what they show, by default of no class.
        """
        added = []
        if self.labels:
            added.append(label_embedding(self.inner, labels, len(x_t)))
        if self.classes:
            embedding = cast(ClassEmbedding, self.inner.class_embedding)
            added.append(embedding.looked_up(classes, len(x_t)))
        if not added:
            return self.inner(x_t, t, return_dict=False)[0]
        added = added[0] if len(added) == 1 else added[0] + added[1]
        return self.inner(x_t, t, class_labels=added, return_dict=False)[0]


def build(settings: TrainSettings, run_path: Path | None = None) -> nn.Module:
    """Build the network with the random weights that belong to the settings' seed.

    Args:
        settings: Of the training.
        run_path: Its run, where the network may have the shape of a pipeline that it starts
            from; without a run that shape is read from the pipeline itself.

    Raises:
        SettingsError: It is the analytic one, which has no weights.
    """
    if settings.network == "analytic":
        raise SettingsError("the network analytic has no weights; it needs the images of a run.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        if settings.network == "lucidrains":
            return Lucidrains(
                settings.base_channels,
                settings.widths,
                dropout=settings.dropout,
                labels=label_count(settings),
                classes=class_count(settings, run_path),
            )
        config = unet2d_config(settings, run_path)
        config.pop("num_class_embeds", None)  # would draw random numbers
        return Unet2D(label_count(settings), class_count(settings, run_path), **config)


def class_count(settings: TrainSettings, run_path: Path | None) -> int:
    """Return how many classes the network of a run knows; 0 where there is no run yet."""
    if settings.classes is None or run_path is None:
        return 0
    return len(counts(labels_of(run_path)))


def label_count(settings: TrainSettings) -> int:
    """Return how many labels the network of a training is told."""
    return AUGMENTATION_LABELS if settings.augment else 0


def unwrap(network: nn.Module) -> nn.Module:
    """Return the module whose state-dict names are those of the published format."""
    return network.inner if isinstance(network, Unet2D) else network


def unet2d_config(settings: TrainSettings, run_path: Path | None = None) -> dict[str, Any]:
    """Return the arguments of ``UNet2DModel``.

    At 128 px and the defaults: widths 64, 96, 192, 384, two layers a level,
    self-attention on the lowest level (16 px), 36.5 million parameters.
    """
    own: dict[str, Any] = {"dropout": settings.dropout} if settings.dropout else {}
    classes = class_count(settings, run_path)
    if classes:
        own["num_class_embeds"] = classes + 1
    if run_path is None:
        shape = shape_of(settings.start_from)
    else:
        shape = read_json(run_path / SHAPE) if (run_path / SHAPE).exists() else None
    if shape is not None:
        return {**shape, "sample_size": settings.image_size, **own}
    widths = settings.widths
    lowest = len(widths) - 1
    return {
        **own,
        "sample_size": settings.image_size,
        "in_channels": 3,
        "out_channels": 3,
        "layers_per_block": settings.layers,
        "block_out_channels": tuple(widths),
        "down_block_types": ("DownBlock2D",) * lowest + ("AttnDownBlock2D",),
        "up_block_types": ("AttnUpBlock2D",) + ("UpBlock2D",) * lowest,
        "attention_head_dim": HEAD if widths[-1] % HEAD == 0 else GROUPS,
        "norm_num_groups": GROUPS,
        "resnet_time_scale_shift": "scale_shift",
    }
