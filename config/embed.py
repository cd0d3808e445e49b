"""Settings of ``embed``."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from .base import Reason, Settings, setting

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["float32", "bfloat16"]

ENCODER_HELP = (
    "Encoder: builtin, scattering, clip-vit-b32, dinov2-vit-l14, inception, open_clip:MODEL[:TAG], "
    "timm:MODEL or python:FILE_OR_MODULE:FUNCTION."
)

PUBLISHED = re.compile(r"[\w-]+|open_clip:[\w+-]+(:[\w-]+)?|timm:[\w-]+(\.[\w-]+)?", re.ASCII)
"""Names of encoders that somebody published, no file and no code of one's own."""


def what_encoder_does(name: Any) -> Reason | None:
    """Say what loading an encoder does that only the owner of the App may ask for."""
    if str(name).strip().startswith("python:"):
        return "runs code"
    return None if PUBLISHED.fullmatch(str(name)) else "reads files"


class EmbedSettings(Settings):
    """Turn images into vectors."""

    verb: ClassVar[str] = "embed"

    encoder: str = setting("clip-vit-b32", ENCODER_HELP, owner_only=what_encoder_does)
    weights: str | None = setting(
        None,
        "File with the encoder's weights; by default they are looked up by name.",
        owner_only="reads files",
    )
    field: str | None = setting(
        None, "Sample field to write; by default it is named after the encoder."
    )
    batch_size: int = setting(32, "Images per forward pass.", ge=1, le=4096, advanced=True)
    device: Device = setting("auto", "Where to compute; auto takes a GPU when there is one.")
    dtype: Dtype = setting(
        "float32",
        "Number format of the network; for bfloat16, mixed precision, what it costs the vectors "
        "is measured and said.",
        advanced=True,
    )
    cache: bool = setting(
        True, "Look vectors up by the images' content, and remember new ones.", advanced=True
    )
    overwrite: bool = setting(
        False,
        "Compute again for samples that have the field already; with another encoder the field is "
        "emptied for samples outside of the view.",
        advanced=True,
    )
