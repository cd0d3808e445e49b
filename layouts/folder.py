"""Any folder of images: sub-folders may name classes and splits, a table may say more."""

from __future__ import annotations

import os
from pathlib import Path

from ..common.errors import DataError
from ..common.images import formats, readable
from ..common.words import plural
from .companions import attach
from .files import JUNK, LeftOut
from .records import Record, Records
from .tables import TABLE, Rows, annotate, read_table

SPLITS = ("train", "training", "test", "testing", "val", "valid", "validation")
CONTAINERS = ("images", "image", "imgs", "img")  # name what is inside, not its class


def recognizes(root: Path) -> bool:
    """Accept any folder."""
    return True


def read(root: Path, *, companions: bool = True) -> Records:
    """List every image below a folder, with links followed and hidden files left out.

    The first sub-folder names the class, after a split (``train/shirt/7.jpg``)
    and after a folder that is merely called ``images``. Where a ``labels.csv``
    stands next to an image or above it, its row wins over the folder's name, and
    the nearest table wins over those above.

    Raises:
        DataError: There is no image, or a table is malformed.
    """
    images: dict[str, Record] = {}
    tables: list[Rows] = []
    left_out = LeftOut()
    remarks: list[str] = []
    folders = []
    for folder, names in _walk(root):
        below = folder.relative_to(root).as_posix()
        below = "" if below == "." else below
        folders.append(below)
        for name in names:
            path = folder / name
            if name == TABLE:
                tables.append(read_table(path, below, remarks))
            elif left_out.is_image(path):
                key = f"{below}/{name}" if below else name
                split, label = _meaning(below)
                images[key] = Record(path, id=key, label=label, split=split)
    if not images:
        total = left_out.total
        also = f" ({plural(total, 'other file')} in it)" if total else ""
        kinds = ", ".join(formats.ENDINGS[kind] for kind in readable())
        why = " ".join(["", *left_out.notes()]) if total > left_out.other else ""
        raise DataError(
            f"{root} holds no images{also}; give a folder with files of type {kinds}.{why}"
        )
    if companions:
        images, attached = attach(images, folders)
        remarks += attached
    rows: Rows = {}
    for table in tables:  # parents come first, so that the nearest table wins
        for key, cells in table.items():
            rows[key] = {**rows.get(key, {}), **cells}
    records, unused = annotate(images, rows, remarks)
    notes = [*left_out.notes(), *remarks]
    if unused:
        noun = "row names", "rows name"
        notes.append(f"{plural(unused, *noun)} no image in this folder ({TABLE}).")
    return Records(
        records, layout="folder", ignored=left_out.total, notes=notes, damaged=left_out.damaged
    )


def _walk(root: Path) -> list[tuple[Path, list[str]]]:
    """List (folder, sorted visible file names), parents first, links followed."""
    listed: list[tuple[Path, list[str]]] = []
    # A link to a folder above itself would never end, so each branch knows its ancestors.
    ahead: list[tuple[Path, frozenset[str]]] = [(root, frozenset())]
    while ahead:
        folder, above = ahead.pop()
        real = os.path.realpath(folder)
        if real in above:
            continue
        names, folders = [], []
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as fault:
            raise DataError(f"{folder} cannot be read: {fault.strerror}.") from None
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX" or entry.name.lower() in JUNK:
                continue
            (folders if entry.is_dir() else names).append(entry.name)
        listed.append((folder, names))
        ahead += [(folder / name, above | {real}) for name in reversed(folders)]
    return listed


def _meaning(below: str) -> tuple[str | None, str | None]:
    """Read split and class from a sub-folder's path."""
    parts = [part for part in below.split("/") if part and part.lower() not in CONTAINERS]
    split = parts.pop(0) if parts and parts[0].lower() in SPLITS else None
    return split, parts[0] if parts else None
