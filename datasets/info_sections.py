"""What the entries of ``info.curadiff`` hold, section by section; see `info`.

An entry of an older version may lack what newer ones write, so nothing is required.
"""

from __future__ import annotations

from typing import Any, TypedDict


class Made(TypedDict, total=False):
    """Of a thing that Curadiff made, such as ``field typicality_100_rank``; see `names`.

    Attributes:
        by: The owner, such as ``select typicality-100``.
        stamp: What tells the thing from another one of its name.
    """

    by: str
    stamp: str


class FolderEntry(TypedDict, total=False):
    """Of an imported folder, by its path.

    Attributes:
        prefix: What the names of its images begin with, where several folders are in a data set.
        images: How many images it had.
    """

    prefix: str
    images: int


class GeneratedFrom(TypedDict, total=False):
    """Of a data set of generated images: the data set of the real ones.

    Attributes:
        source_dataset: Its name when the images were imported.
        source_dataset_id: Its id, which no rename changes.
        source_folders: The folders that it was imported from.
    """

    source_dataset: str
    source_dataset_id: str
    source_folders: list[str]


class DrawnBy(TypedDict, total=False):
    """Of a run that drew images, by the run's unique id.

    Attributes:
        run: Its name.
        path: Its folder.
        arm: What its training images are called.
        training_seed: Seed of its training.
    """

    run: str
    path: str
    arm: str
    training_seed: int


Sections = TypedDict(
    "Sections",
    {
        "encoders": dict[str, str],  # by field: the encoder's identity
        "evaluations": dict[str, dict[str, Any]],  # by key: values, counts and conditions
        "folders": dict[str, FolderEntry],
        "generated": GeneratedFrom,
        "generated_datasets": dict[str, str],  # by name: the id
        "import": dict[str, str],  # of older versions: the folder as ``source``
        "made": dict[str, Made],
        "runs": dict[str, DrawnBy],
        "titles": dict[str, str],  # by what they are of, such as ``run:first``
        "unreadable": dict[str, str],  # by sample id: why
    },
    total=False,
)
"""All sections of a data set."""
