"""Settings of ``import``."""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import Settings, setting


class ImportSettings(Settings):
    """Make a FiftyOne data set from photographs."""

    verb: ClassVar[str] = "import"

    name: str | None = setting(
        None, "Name of the data set; by default the folder's. An existing one is added to."
    )
    layout: Literal["auto", "folder", "vitonhd"] = setting(
        "auto", "How the files are laid out; auto recognizes a VITON-HD root."
    )
