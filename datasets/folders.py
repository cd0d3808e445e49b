"""Which of a data set's folders is imported again, and which of its files were moved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..common.errors import DataError
from ..layouts import Record
from . import counting, documents, identity, info


@dataclass(frozen=True)
class Folder:
    """A folder that a data set's images come from.

    Attributes:
        path: Where it is, resolved.
        prefix: What the ids of its images begin with, so that two folders' ids differ.
        former: Where it was before it was moved, None where it was not.
        known: Whether images of it were imported before.
    """

    path: str
    prefix: str = ""
    former: str | None = None
    known: bool = False


def folder_for(
    dataset: Any, source: str, records: Sequence[Record], *, add: bool, repoint: bool
) -> Folder:
    """Find out which of a data set's folders is imported again, or refuse to mix two.

    Raises:
        DataError: The data set holds images of another folder, and nobody asked to add.
    """
    if dataset.media_type not in (None, "image"):
        raise DataError(
            f"the data set {dataset.name!r} exists and holds {dataset.media_type} samples; choose "
            "another name."
        )
    noted = info.section(dataset, "folders")
    known = identity.folders_of(dataset)
    if source in known:
        return Folder(source, noted.get(source, {}).get("prefix", ""), known=True)
    gone = [path for path in known if not Path(path).is_dir()]
    moved = _same_images(dataset, records) if gone else None
    if moved and repoint:
        return Folder(source, noted.get(gone[0], {}).get("prefix", ""), gone[0], known=True)
    if moved and not add:
        raise DataError(
            f"{source} holds {moved:,} of the images of {dataset.name!r} whose folder {gone[0]} is "
            "gone: it was moved. With repoint (--repoint) these samples get their files back and "
            "keep ids, tags and fields; with add (--add) the images are added as new ones."
        )
    if not counting.exact(dataset) or _has_files(dataset, records):
        return Folder(source)
    if not add:
        held = f"the images of {', '.join(known)}" if known else "images that were not imported"
        raise DataError(
            f"the data set {dataset.name!r} holds {held}, and {source} is another folder; give "
            "another name (--name), or add (--add) to have both in it."
        )
    return Folder(source, _prefix(source, noted))


def moved_files(
    stored: Any, new: Sequence[Record], prints: Mapping[Path, str | None], folder: Folder
) -> dict[Path, Any]:
    """Pair new files with samples whose files are gone, by content, else by name."""
    if not new:
        return {}
    dead = [one for one in stored if not Path(one["filepath"]).exists()]
    by_content: dict[str, list[Any]] = defaultdict(list)
    for one in dead:
        by_content[one.get("source_hash") or f"name {one.get('source_id')}"].append(one)
    samples_by_path = {}
    for record in new:
        name = f"{record.split}/{record.id}" if record.split else record.id
        for key in (prints[record.path], f"name {folder.prefix}{name}"):
            same = by_content.get(key or "", [])
            if same:
                by_name = [one for one in same if one.get("source_id") == folder.prefix + name]
                chosen = (by_name or same)[0]
                same.remove(chosen)
                samples_by_path[record.path] = chosen
                break
    return samples_by_path


def _same_images(dataset: Any, records: Sequence[Record]) -> int:
    """Count the images of a folder that samples have whose files are gone."""
    stored = list(
        dataset._sample_collection.find({}, {"filepath": 1, "source_id": 1, "source_hash": 1})
    )
    prints = {record.path: documents.fingerprint(record.path) for record in records}
    return len(moved_files(stored, records, prints, Folder("")))


def _has_files(dataset: Any, records: Sequence[Record]) -> bool:
    known = set(dataset.values("filepath"))
    return any(str(record.path) in known for record in records)


def _prefix(source: str, noted: Mapping[str, Any]) -> str:
    """Return what the ids of a further folder's images begin with."""
    taken = {entry.get("prefix", "") for entry in noted.values()}
    stem = Path(source).name
    names = (f"{stem}/" if number == 1 else f"{stem}-{number}/" for number in range(1, 10_000))
    return next(name for name in names if name not in taken)


def gone_files(stored: Mapping[str, Any], records: Sequence[Record], folder: Folder) -> list[str]:
    """List the samples of a folder whose files it no longer has."""
    there = {str(record.path) for record in records}
    inside = folder.path.rstrip("/") + "/"
    return sorted(
        path
        for path in stored
        if path.startswith(inside) and path not in there and not Path(path).exists()
    )
