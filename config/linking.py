"""Settings of ``import-generated``."""

from __future__ import annotations

from typing import ClassVar

from .base import Settings, setting


class LinkSettings(Settings):
    """Bring generated images into a data set that is linked with their training images."""

    verb: ClassVar[str] = "import-generated"

    name: str | None = setting(
        None, "Name of the data set for them; by default SOURCE-generated. It may exist."
    )
    arm: str | None = setting(
        None, "The arm they belong to; by default the selection that the model was trained on."
    )
