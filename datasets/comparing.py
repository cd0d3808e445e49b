"""What the import of a folder would change in a data set, worked out before the first write."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..common.errors import DataError
from ..layouts import Record
from . import documents, identity, info
from .database import fiftyone
from .tryon import MASKS, keypoints

TAKEN = {
    "id", "filepath", "tags", "metadata", "created_at", "last_modified_at",
    "label", "parse", "pose", "source_id", "source_hash", "split",
}  # fmt: skip
"""Fields with a meaning of their own: a table's column of such a name is put beside it."""

OF_FILE = {"filepath", "source_id", "source_hash"}  # what changes when a file is moved
OF_FIFTYONE = {"_id", "_media_type", "_rand", "_dataset_id", "created_at", "last_modified_at"}


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


@dataclass
class Plan:
    """What an import will do.

    Attributes:
        documents: New samples.
        updates: Values to take over, per sample.
        repoints: New places of moved files, per sample.
        views: Saved views to add.
        folders: What to note of the folder.
        former: Folders that are no longer where they were.
        masks: Whether there are body-part masks, which need names for their values.
        notes: What to say.
    """

    documents: list[dict] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    repoints: list[dict[str, Any]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    folders: dict[str, Any] = field(default_factory=dict)
    former: list[str] = field(default_factory=list)
    masks: bool = False
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return all but the documents and notes, for `recovery.carry_out`."""
        names = ("updates", "repoints", "views", "folders", "former", "masks")
        return {name: getattr(self, name) for name in names}

    def changes_something(self, dataset: Any) -> bool:
        """Tell whether anything is to be written."""
        noted = info.section(dataset, "folders")
        new = any(noted.get(path) != told for path, told in self.folders.items())
        return bool(self.documents or self.updates or self.repoints or self.views or new)


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
    if not len(dataset) or _has_files(dataset, records):
        return Folder(source)
    if not add:
        held = f"the images of {', '.join(known)}" if known else "images that were not imported"
        raise DataError(
            f"the data set {dataset.name!r} holds {held}, and {source} is another folder; give "
            "another name (--name), or add (--add) to have both in it."
        )
    return Folder(source, _prefix(source, noted))


def compare(
    dataset: Any,
    records: Sequence[Record],
    folder: Folder,
    *,
    update: bool,
    repoint: bool,
    add: bool = False,
) -> Plan:
    """Compare a folder with a data set that may hold images of it.

    Raises:
        DataError: A value does not fit its field, or files were moved and nobody said whether
            to repoint their samples.
    """
    fo = fiftyone()
    stored = {one["filepath"]: one for one in dataset._sample_collection.find({})}
    new = [record for record in records if str(record.path) not in stored]
    prints = {record.path: documents.fingerprint(record.path) for record in new}
    moved = {} if add and not repoint else _moved(stored.values(), new, prints, folder)
    if moved and not repoint:
        record, sample = next((r, moved[r.path]) for r in new if r.path in moved)
        raise DataError(
            f"{len(moved):,} images of {folder.path} are those of samples of {dataset.name!r} "
            f"whose files are gone ({sample['filepath']} is now {record.path}). With repoint "
            "(--repoint) these samples get their files back and keep ids, tags and fields; with "
            "add (--add) the images are added as new ones."
        )
    fresh = [record for record in new if record.path not in moved]
    plan = Plan()
    samples = [_sample(fo, record, folder, prints[record.path]) for record in fresh]
    documents.expand(dataset, samples)
    marks = [documents.mark(dataset, sample["source_id"]) for sample in samples]
    ids = documents.new_ids(dataset, marks)
    plan.documents = documents.documents(dataset, samples, ids)
    differ: dict[str, int] = defaultdict(int)
    first, kept = "", 0
    for record in records:
        old = moved.get(record.path) or stored.get(str(record.path))
        if old is None:
            continue
        states = _states(dataset, record, folder, prints, old)
        change = _difference(old, states, fields=not repoint or update)
        places = {name: value for name, value in change.items() if _is_place(name)}
        values = {name: value for name, value in change.items() if not _is_place(name)}
        if record.path in moved and places:
            plan.repoints.append({"_id": old["_id"], "set": places, "tags": []})
        tags = [tag for tag in record.tags if tag not in old.get("tags", [])]
        for name in [*values, *(["tags"] if tags else [])]:
            differ[name.partition(".")[0]] += 1
            first = first or f"{name} of {Path(record.path).name}"
        if update and (values or tags):
            plan.updates.append({"_id": old["_id"], "set": values, "tags": tags})
        kept += sum(old.get(name) is not None and name not in states for name in ("label", "split"))
    if update and plan.updates:
        _expand_for(dataset, records, folder, {one["_id"] for one in plan.updates}, stored)
    plan.masks = any(name in record.related for record in fresh for name in MASKS)
    plan.views, beside = _split_views(fo, dataset, fresh)
    plan.folders = {folder.path: {"prefix": folder.prefix, "images": len(records)}}
    plan.former = [folder.former] if folder.former else []
    gone = _gone(stored, records, folder) if not moved else []
    plan.notes = (
        *_said_of_values(differ, first, update=update, kept=kept),
        *_said_of_gone(gone),
        *beside,
    )
    return plan


def _sample(
    fo: Any, record: Record, folder: Folder, fingerprint: str | None, *, pose: bool = True
) -> Any:
    sample = fo.Sample(filepath=str(record.path), tags=[*record.tags])
    name = f"{record.split}/{record.id}" if record.split else record.id
    sample["source_id"] = folder.prefix + name
    if fingerprint:
        sample["source_hash"] = fingerprint
    if record.split:
        sample["split"] = record.split
    if record.label:
        sample["label"] = fo.Classification(label=record.label)
    for column, value in record.fields.items():
        sample[_field(fo, column)] = value
    for name, path in record.related.items():
        if name in MASKS or name == "mask":
            sample[name] = fo.Segmentation(mask_path=str(path))
        elif name == "openpose_keypoints":
            if pose:
                sample["pose"] = keypoints(record.path, path)
        else:
            sample[f"{name}_path"] = str(path)
    return sample


def _field(fo: Any, column: str) -> str:
    """Return the field of a table's column: another name where FiftyOne has a use for it."""
    reserved = column.startswith("_") or column in TAKEN or hasattr(fo.Sample, column)
    return f"{column}_column".lstrip("_") if reserved else column


def _states(
    dataset: Any, record: Record, folder: Folder, prints: Mapping[Path, str | None], old: Any
) -> dict[str, Any]:
    """Return what a folder states of a sample, as the database would have it."""
    fo = fiftyone()
    read_pose = old.get("pose") is None  # those of thousands of people are not read again
    known = prints.get(record.path)
    sample = _sample(fo, record, folder, known, pose=read_pose)
    states = dataset._make_dict(sample)
    return {name: value for name, value in states.items() if name not in {*OF_FIFTYONE, "tags"}}


def _difference(old: Mapping[str, Any], states: Mapping[str, Any], *, fields: bool) -> dict:
    """Return what a folder states otherwise than a sample has it, by path."""
    found: dict[str, Any] = {}
    for name, value in states.items():
        before = old.get(name)
        if not fields and not _is_place(name) and name != "parse":
            continue
        if name == "source_id" and before is not None and old["filepath"] == states["filepath"]:
            continue
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = {f"{name}.{part}": one for part, one in value.items() if part != "_id"}
            found |= {
                path: one
                for path, one in inner.items()
                if _plain(before.get(path.partition(".")[2])) != _plain(one)
            }
        elif _plain(before) != _plain(value):
            found[name] = value
    return found


def _is_place(name: str) -> bool:
    """Tell whether a field says where a file is."""
    return name in OF_FILE or name.endswith("_path")


def _plain(value: Any) -> Any:
    """Make values comparable: without ids, and with NaN equal to itself."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items() if name != "_id"}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return value


def _expand_for(
    dataset: Any,
    records: Sequence[Record],
    folder: Folder,
    changed: set[Any],
    stored: Mapping[str, Any],
) -> None:
    """Give a data set the fields of values that are taken over."""
    fo = fiftyone()
    wanted = [
        _sample(fo, record, folder, None, pose=False)
        for record in records
        if stored.get(str(record.path), {}).get("_id") in changed
    ]
    documents.expand(dataset, wanted)


def _moved(
    stored: Any, new: Sequence[Record], prints: Mapping[Path, str | None], folder: Folder
) -> dict[Path, Any]:
    """Pair new files with samples whose files are gone, by content, else by name."""
    if not new:
        return {}
    dead = [one for one in stored if not Path(one["filepath"]).exists()]
    by_content: dict[str, list[Any]] = defaultdict(list)
    for one in dead:
        by_content[one.get("source_hash") or f"name {one.get('source_id')}"].append(one)
    found = {}
    for record in new:
        name = f"{record.split}/{record.id}" if record.split else record.id
        for key in (prints[record.path], f"name {folder.prefix}{name}"):
            same = by_content.get(key or "", [])
            if same:
                by_name = [one for one in same if one.get("source_id") == folder.prefix + name]
                chosen = (by_name or same)[0]
                same.remove(chosen)
                found[record.path] = chosen
                break
    return found


def _same_images(dataset: Any, records: Sequence[Record]) -> int:
    """Count the images of a folder that samples have whose files are gone."""
    stored = list(
        dataset._sample_collection.find({}, {"filepath": 1, "source_id": 1, "source_hash": 1})
    )
    prints = {record.path: documents.fingerprint(record.path) for record in records}
    return len(_moved(stored, records, prints, Folder("")))


def _has_files(dataset: Any, records: Sequence[Record]) -> bool:
    known = set(dataset.values("filepath"))
    return any(str(record.path) in known for record in records)


def _prefix(source: str, noted: Mapping[str, Any]) -> str:
    """Return what the ids of a further folder's images begin with."""
    taken = {told.get("prefix", "") for told in noted.values()}
    stem = Path(source).name
    names = (f"{stem}/" if number == 1 else f"{stem}-{number}/" for number in range(1, 10_000))
    return next(name for name in names if name not in taken)


def _gone(stored: Mapping[str, Any], records: Sequence[Record], folder: Folder) -> list[str]:
    """List the samples of a folder whose files it no longer has."""
    there = {str(record.path) for record in records}
    inside = folder.path.rstrip("/") + "/"
    return sorted(
        path
        for path in stored
        if path.startswith(inside) and path not in there and not Path(path).exists()
    )


def _split_views(fo: Any, dataset: Any, fresh: Sequence[Record]) -> tuple[list, list[str]]:
    """Plan a saved view per new split, unless a view has its name."""
    planned, beside = [], []
    ours = info.section(dataset, "made")
    for split in sorted({record.split for record in fresh if record.split}):
        if documents.free_view(dataset, split):
            view = dataset.match(fo.ViewField("split") == split)
            planned.append(documents.view_document(dataset, split, view, f"split {split}"))
        elif not any(
            key.startswith("saved view ") and one.get("by") == "import" for key, one in ours.items()
        ):
            beside.append(
                f"A saved view is named {split!r} already and stays as it is; the split is in the "
                "field split."
            )
    return planned, beside


def _said_of_values(differ: Mapping[str, int], first: str, *, update: bool, kept: int) -> list[str]:
    if not differ:
        return []
    listed = ", ".join(f"{name} of {count:,}" for name, count in sorted(differ.items()))
    if update:
        also = f" {kept:,} values that the folder does not state were kept." if kept else ""
        return [f"Taken over from the folder: {listed} (first: {first}).{also}"]
    return [
        f"The folder states other values than the data set: {listed} (first: {first}). The data "
        "set keeps its own; take over those of the folder with update (--update)."
    ]


def _said_of_gone(gone: Sequence[str]) -> list[str]:
    if not gone:
        return []
    noun = "image is" if len(gone) == 1 else "images are"
    return [
        f"{len(gone):,} {noun} no longer in the folder (first: {gone[0]}); the samples stay in the "
        "data set."
    ]
