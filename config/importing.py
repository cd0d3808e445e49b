"""Settings of ``import``."""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import Settings, setting


class ImportSettings(Settings):
    """Make a FiftyOne data set from photographs."""

    verb: ClassVar[str] = "import"

    name: str | None = setting(
        None, "Name of the data set; by default the folder's. A folder may be imported again."
    )
    layout: Literal["auto", "folder", "vitonhd", "dresscode"] = setting(
        "auto", "How the files are laid out; auto recognizes VITON-HD and Dress Code."
    )
    companions: Literal["attach", "photographs"] = setting(
        "attach",
        "Masks, depth maps, thumbnails and the like in a folder beside images: attach them to "
        "their photographs, or import them as photographs too.",
    )
    add: bool = setting(False, "Add to a data set that holds the images of another folder.")
    update: bool = setting(
        False, "Take over labels and other values that the folder states otherwise by now."
    )
    repoint: bool = setting(
        False, "The folder was moved: let its samples point to the same images where they are now."
    )
