"""Settings of ``similar``."""

from __future__ import annotations

from typing import ClassVar

from .base import Settings, setting
from .embed import Device
from .mapping import FIELD_HELP


class SimilarSettings(Settings):
    """Show the images that are most like a text or an image."""

    verb: ClassVar[str] = "similar"

    text: str | None = setting(None, "What to look for; needs embeddings by a CLIP model.")
    image: str | None = setting(None, "In place of a text: the id or file of a sample.")
    count: int = setting(25, "How many images at most.", ge=1)
    save: str | None = setting(None, "Save them as a view of this name.")
    field: str | None = setting(None, FIELD_HELP)
    weights: str | None = setting(
        None,
        "File with the CLIP model's weights, where they are not where weights are looked for.",
        owner_only="reads files",
    )
    device: Device = setting(
        "auto", "Where the text is embedded; auto takes a GPU when there is one."
    )
