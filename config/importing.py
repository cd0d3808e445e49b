"""Settings of ``import``."""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import MOST_SEED, Settings, setting


class ImportSettings(Settings):
    """Make a FiftyOne data set from photographs."""

    verb: ClassVar[str] = "import"

    name: str | None = setting(
        None, "Name of the data set; by default the folder's. A folder may be imported again."
    )
    layout: Literal["auto", "folder", "vitonhd", "dresscode", "shards"] = setting(
        "auto",
        "How the files are laid out; auto recognizes VITON-HD, Dress Code and Parquet shards.",
    )
    companions: Literal["attach", "photographs"] = setting(
        "attach",
        "Masks, depth maps, thumbnails and the like in a folder beside images: attach them to "
        "their photographs, or import them as photographs too.",
    )
    pool: str | None = setting(
        None,
        "With a selection in shards: the folder of shards that it was selected from, of which "
        "some random rows are imported too, as the view context.",
        advanced=True,
        owner_only="reads files",
    )
    pool_sample: int = setting(
        1000, "How many random rows of pool are imported.", ge=1, le=1_000_000, advanced=True
    )
    seed: int = setting(0, "Seed of the random rows of pool.", ge=0, le=MOST_SEED, advanced=True)
    add: bool = setting(False, "Add to a data set that holds the images of another folder.")
    update: bool = setting(
        False, "Take over labels and other values that the folder states otherwise by now."
    )
    repoint: bool = setting(
        False, "The folder was moved: let its samples point to the same images where they are now."
    )
