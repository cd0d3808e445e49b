"""What the import of a folder would change in a data set, worked out before the first write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..common.errors import DataError
from ..common.words import plural
from ..layouts import Record
from . import documents, info, names, stated
from .database import fiftyone
from .folders import Folder, gone_files, moved_files
from .tryon import MASKS, keypoints

TAKEN = {
    "id", "filepath", "tags", "metadata", "created_at", "last_modified_at",
    "label", "parse", "pose", "source_id", "source_hash", "split",
}  # fmt: skip
"""Fields with a meaning of their own: a table's column of such a name is put beside it."""

OF_FILE = {"filepath", "source_id", "source_hash"}  # what changes when a file is moved
OF_FIFTYONE = {"_id", "_media_type", "_rand", "_dataset_id", "created_at", "last_modified_at"}


@dataclass
class Plan:
    """What an import will do.

    Attributes:
        documents: New samples.
        updates: Values to take over, per sample.
        repoints: New places of moved files, per sample.
        views: Saved views to add.
    stated: What the folder says of samples, by sample id; see `stated`.
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
    stated: dict[str, stated.Values] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what is small: all but documents, notes and what the folder says."""
        names = ("updates", "repoints", "views", "folders", "former", "masks")
        return {name: getattr(self, name) for name in names}

    def changes_something(self, dataset: Any) -> bool:
        """Tell whether anything is to be written."""
        noted = info.section(dataset, "folders")
        new = any(noted.get(path) != entry for path, entry in self.folders.items())
        samples = self.documents or self.updates or self.repoints or self.stated
        return bool(samples or self.views or new)


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
    moved = {} if add and not repoint else moved_files(stored.values(), new, prints, folder)
    if moved and not repoint:
        record, sample = next((r, moved[r.path]) for r in new if r.path in moved)
        raise DataError(
            f"{plural(len(moved), 'image')} of {folder.path} are those of samples of "
            f"{dataset.name!r} whose files are gone ({sample['filepath']} is now {record.path}). "
            "With repoint (--repoint) these samples get their files back and keep ids, tags and "
            "fields; with add (--add) the images are added as new ones."
        )
    to_add = [record for record in new if record.path not in moved]
    plan = Plan()
    before = stated.read(dataset)
    samples = [_sample(fo, record, folder, prints[record.path]) for record in to_add]
    documents.expand(dataset, samples)
    marks = [documents.mark(dataset, sample["source_id"]) for sample in samples]
    ids = documents.new_ids(dataset, marks)
    plan.documents = documents.documents(dataset, samples, ids)
    for record, document in zip(to_add, plan.documents, strict=True):
        plan.stated[str(document["_id"])] = stated.hashed(_values(document), record.tags)
    differ: dict[str, int] = defaultdict(int)
    first, kept, edited = "", 0, 0
    for record in records:
        old = moved.get(record.path) or stored.get(str(record.path))
        if old is None:
            continue
        states = _states(dataset, record, folder, prints, old)
        change = _difference(old, states, fields=not repoint or update)
        places = {name: value for name, value in change.items() if _is_place(name)}
        hashes = before.get(str(old["_id"]))
        values = {name: value for name, value in change.items() if not _is_place(name)}
        by_hand = [name for name, value in values.items() if stated.unchanged(hashes, name, value)]
        values = {name: value for name, value in values.items() if name not in by_hand}
        edited += len(by_hand)
        if record.path in moved and places:
            plan.repoints.append({"_id": old["_id"], "set": places, "tags": []})
        has = old.get("tags", [])
        tags = [tag for tag in record.tags if tag not in has and f"tag {tag}" not in (hashes or ())]
        for name in [*values, *(["tags"] if tags else [])]:
            differ[name.partition(".")[0]] += 1
            first = first or f"{name} of {Path(record.path).name}"
        if update and (values or tags):
            plan.updates.append({"_id": old["_id"], "set": values, "tags": tags})
        if update or (hashes is None and not values and not tags):
            now = stated.hashed(_values(states), record.tags)
            if now != hashes:
                plan.stated[str(old["_id"])] = {**(hashes or {}), **now}
        kept += sum(old.get(name) is not None and name not in states for name in ("label", "split"))
    if update and plan.updates:
        _expand_for(dataset, records, folder, {one["_id"] for one in plan.updates}, stored)
    plan.masks = any(name in record.related for record in to_add for name in MASKS)
    plan.views, beside = _split_views(fo, dataset, to_add)
    plan.folders = {folder.path: {"prefix": folder.prefix, "images": len(records)}}
    plan.former = [folder.former] if folder.former else []
    gone = gone_files(stored, records, folder) if not moved else []
    plan.notes = (
        *_said_of_values(differ, first, update=update, kept=kept, edited=edited),
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
    """Return the values of a folder that differ from those of a sample, by field path."""
    changes: dict[str, Any] = {}
    for name, value in states.items():
        before = old.get(name)
        if not fields and not _is_place(name) and name != "parse":
            continue
        if name == "source_id" and before is not None and old["filepath"] == states["filepath"]:
            continue
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = {f"{name}.{part}": one for part, one in value.items() if part != "_id"}
            changes |= {
                path: one
                for path, one in inner.items()
                if stated.plain(before.get(path.partition(".")[2])) != stated.plain(one)
            }
        elif stated.plain(before) != stated.plain(value):
            changes[name] = value
    return changes


def _values(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a folder says of a sample, without where its files are."""
    others = {*OF_FIFTYONE, "tags", "metadata"}
    return {name: v for name, v in document.items() if name not in others and not _is_place(name)}


def _is_place(name: str) -> bool:
    """Tell whether a field says where a file is."""
    return name in OF_FILE or name.endswith("_path")


def _expand_for(
    dataset: Any,
    records: Sequence[Record],
    folder: Folder,
    changed: set[Any],
    stored: Mapping[str, Any],
) -> None:
    """Give a data set the fields of values that are taken over."""
    fo = fiftyone()
    samples = [
        _sample(fo, record, folder, None, pose=False)
        for record in records
        if stored.get(str(record.path), {}).get("_id") in changed
    ]
    documents.expand(dataset, samples)


def _split_views(fo: Any, dataset: Any, to_add: Sequence[Record]) -> tuple[list, list[str]]:
    """Plan a saved view per new split, unless a view has its name."""
    planned, beside = [], []
    ours = info.section(dataset, "made")
    for split in sorted({record.split for record in to_add if record.split}):
        if not names.can_name_view(split):
            beside.append(
                f"The split {split!r} has no saved view, as FiftyOne's names need one of a-z or "
                "0-9; the split is in the field split."
            )
        elif documents.free_view(dataset, split):
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


def _said_of_values(
    differ: Mapping[str, int], first: str, *, update: bool, kept: int, edited: int
) -> list[str]:
    by_hand = (
        [f"{edited:,} values that were changed in the data set, and not in the folder, were kept."]
        if edited
        else []
    )
    if not differ:
        return by_hand
    listed = ", ".join(f"{name} of {count:,}" for name, count in sorted(differ.items()))
    if update:
        also = f" {kept:,} values that the folder does not state were kept." if kept else ""
        return [f"Taken over from the folder: {listed} (first: {first}).{also}", *by_hand]
    return [
        f"The folder states other values than the data set: {listed} (first: {first}). The data "
        "set keeps its own; take over those of the folder with update (--update).",
        *by_hand,
    ]


def _said_of_gone(gone: Sequence[str]) -> list[str]:
    if not gone:
        return []
    noun = "image is" if len(gone) == 1 else "images are"
    return [
        f"{len(gone):,} {noun} no longer in the folder (first: {gone[0]}); the samples stay in the "
        "data set."
    ]
