"""What is known about one image before any model has looked at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Value = str | int | float | bool


@dataclass(frozen=True)
class Record:
    """One image and what the folder says about it.

    Attributes:
        path: The image file, absolute; symbolic links are kept as they are.
        id: The image's name in its layout: the path below the root (``folder``)
            or the person's file name without extension (``vitonhd``, where it is
            unique within a split).
        label: Its class, where the folder names one.
        split: ``train``, ``test`` or the like, where the folder has splits.
        tags: Words from a ``tags`` column.
        fields: Further columns of the tables. A column has one type in all records.
        related: Files that belong to the image, such as its garment, by role.
    """

    path: Path
    id: str
    label: str | None = None
    split: str | None = None
    tags: tuple[str, ...] = ()
    fields: Mapping[str, Value] = field(default_factory=dict)
    related: Mapping[str, Path] = field(default_factory=dict)


class Records(list[Record]):
    """The records of one folder.

    Attributes:
        layout: The layout by which it was read.
        ignored: How many files are neither hidden, nor tables, nor images.
        notes: One sentence for each thing that was left out or missing.
        damaged: Why a file that is meant to be an image is none, by its path.
    """

    def __init__(
        self,
        records: Iterable[Record] = (),
        *,
        layout: str,
        ignored: int = 0,
        notes: Iterable[str] = (),
        damaged: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(records)
        self.layout = layout
        self.ignored = ignored
        self.notes = tuple(notes)
        self.damaged = dict(damaged or {})
