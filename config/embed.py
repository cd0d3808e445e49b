"""Settings of ``embed``."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import field_validator, model_validator

from .base import Reason, Settings, setting
from .launching import accelerate_setting, known_flags, processes_setting

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["float32", "bfloat16"]

ENCODER_HELP = (
    "Encoder: builtin, scattering, clip-vit-b32, dinov2-vit-l14, inception, open_clip:MODEL[:TAG], "
    "timm:MODEL or python:FILE_OR_MODULE:FUNCTION."
)

OF_COMPUTING = ("weights", "dtype", "processes", "accelerate", "device", "batch_size", "cache")
"""Settings that play no part where vectors come from shards."""

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
    to_shards: str | None = setting(
        None,
        "Folder of Parquet shards to write, in place of a field; rows are as the encoder gives "
        "them, not scaled.",
        advanced=True,
        owner_only="reads files",
    )
    from_shards: str | None = setting(
        None,
        "Folder of Parquet shards that another system embedded: vectors are taken from there, by "
        "id, uri or sha256, and no encoder is loaded.",
        advanced=True,
        owner_only="reads files",
    )
    batch_size: int = setting(32, "Images per forward pass.", ge=1, le=4096, advanced=True)
    processes: int = processes_setting("embed with")
    accelerate: str = accelerate_setting("embed")
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

    @model_validator(mode="after")
    def _one_way(self) -> EmbedSettings:
        if self.to_shards is not None and (self.from_shards is not None or self.field is not None):
            other = "field" if self.from_shards is None else "from_shards"
            raise ValueError(f"to_shards takes the place of {other}; give one of them.")
        if self.to_shards is not None and self.overwrite:
            raise ValueError("overwrite is for a field; give another folder as to_shards.")
        computing = [name for name in OF_COMPUTING if self._differs(name)]
        if self.from_shards is not None and computing:
            raise ValueError(
                f"from_shards takes vectors as they are, and {computing[0]} says how to compute "
                "them; give one of them."
            )
        return self

    _only_known_flags = field_validator("accelerate")(known_flags)

    def _differs(self, name: str) -> bool:
        return getattr(self, name) != type(self).model_fields[name].default

    def into_a_field(self) -> EmbedSettings:
        """Return these settings for a study or a preview, which read vectors from a field.

        Raises:
            ValueError: They are to be written to shards.
        """
        if self.to_shards is not None:
            raise ValueError(
                "embed.to_shards is not a setting of study and preview, which read vectors from a "
                "field; embed to shards first, and give them as embed.from_shards."
            )
        return self
