"""VITON-HD and its relatives: people, the garments that they wear, and body annotations.

    root/
      train_pairs.txt  test_pairs.txt
      train/  test/
        image/  cloth/  cloth-mask/  image-parse-v3/  openpose_json/  ...

Folder names differ between releases (``openpose-json`` or ``openpose_json``,
``image-parse`` or ``image-parse-v3``), and the older VITON release numbers people
``000001_0`` and garments ``000001_1``. All of these give the same roles here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..common.errors import DataError
from ..common.images import size_of
from ..common.words import plural
from .files import LeftOut
from .pairs import find_pairs, read_pairs
from .pose import body_points
from .records import Record, Records
from .tables import TABLE, annotate, read_table

# Folder name with version and hyphens taken off -> role.
ROLES = {
    "cloth": "cloth",
    "cloth_mask": "cloth_mask",
    "image_parse": "parse",
    "image_parse_agnostic": "parse_agnostic",
    "openpose_img": "openpose_image",
    "openpose_json": "openpose_keypoints",
    "pose": "openpose_keypoints",
    "image_densepose": "densepose",
    "densepose": "densepose",
    "cloth_mask_bytedance": "cloth_mask",
    "agnostic": "agnostic",
    "agnostic_mask": "agnostic_mask",
    "gt_cloth_warped_mask": "warped_cloth_mask",
}
SPLITS = ("train", "test", "val", "valid", "validation")
SUFFIXES = ("", "_rendered", "_keypoints", "_mask")  # of a companion's name, after the id


@dataclass
class _Split:
    """What one split holds: images and companions (by role) by stem."""

    name: str
    images: dict[str, Path]
    roles: dict[str, dict[str, Path]]
    notes: list[str] = field(default_factory=list)


def recognizes(root: Path) -> bool:
    """Tell whether a folder, or its only such child, is a VITON-HD root."""
    return any(_is_split(path) for path in _splits_below(root))


def read(root: Path) -> Records:
    """List the people of every split with their garments and annotations.

    A person's companions are found by the person's id. ``cloth`` is the garment
    that the person wears. The garment in column 2 of the pair list is another
    one, kept as ``unpaired_cloth``, and its name as the field ``listed_garment``.
    Where a split has a pair list, the list says who belongs to the split. A
    ``labels.csv`` in the root adds labels and fields.

    Raises:
        DataError: No split with an ``image`` folder is there, nobody is in it, or
            a pair list or table is malformed.
    """
    splits = _splits_below(root)
    if not splits:
        raise DataError(
            f"{root} is not in the VITON-HD layout: it needs train/image or test/image; "
            "give the folder that holds train and test, or use the layout folder."
        )
    base = splits[0].parent
    people: dict[str, Record] = {}
    notes: list[str] = []
    left_out = LeftOut()
    for folder in splits:
        split = _open_split(folder, left_out)
        for record in _people(folder, split):
            people[record.path.relative_to(base).as_posix()] = record
        notes += split.notes
    if not people:
        raise DataError(
            f"{root} has the VITON-HD folders, but no person is in image; restore the images."
        )
    table = base / TABLE
    rows = read_table(table, "", notes) if table.is_file() else {}
    records, unused = annotate(people, rows, notes)
    if unused:
        noun = "row names", "rows name"
        notes.append(f"{plural(unused, *noun)} no person of this data set ({TABLE}).")
    notes += [note.replace(" ignored.", " ignored in image.") for note in left_out.notes()]
    return Records(records, layout="vitonhd", ignored=left_out.total, notes=notes)


def role(folder: str) -> str:
    """Name what a sub-folder holds: ``image-parse-v3`` and ``image-parse`` are ``parse``."""
    plain = re.sub(r"[-_]v\d+(\.\d+)*$", "", folder.lower()).replace("-", "_")
    return ROLES.get(plain, plain)


def _is_split(folder: Path) -> bool:
    roles = {role(name) for name in list_folders(folder)}
    return child(folder, "image") is not None and not roles.isdisjoint(ROLES.values())


def _splits_below(root: Path) -> list[Path]:
    """Find the split folders of a root or of its only VITON-HD child; the root may be a split."""
    own = _with_images(root)
    if own or _is_split(root):
        return own or [root]
    inner = [_with_images(root / name) for name in list_folders(root)]
    inner = [splits for splits in inner if any(_is_split(path) for path in splits)]
    if len(inner) > 1:
        names = ", ".join(splits[0].parent.name for splits in inner)
        raise DataError(f"{root} holds several VITON-HD data sets ({names}); give one of them.")
    return inner[0] if inner else []


def _with_images(root: Path) -> list[Path]:
    splits = [folder for name in SPLITS if (folder := child(root, name)) is not None]
    return [split for split in splits if child(split, "image") is not None]


def _open_split(folder: Path, left_out: LeftOut) -> _Split:
    roles: dict[str, dict[str, Path]] = {}
    for name in sorted(list_folders(folder), reverse=True):  # of two versions the later one counts
        if name.lower() != "image":
            kind = role(name) if role(name) not in roles else name.lower().replace("-", "_")
            files = list_files(folder / name)
            roles[kind] = {Path(file).stem: folder / name / file for file in files}
    split = _Split(folder.name.lower(), {}, roles)
    twins = []
    images = child(folder, "image") or folder / "image"
    for file in list_files(images):
        stem = Path(file).stem
        if not left_out.is_image(images / file):
            continue
        if stem in split.images:
            twins.append(file)
        else:
            split.images[stem] = images / file
    _note(split, "are left out, an image of the same name with another ending was read", twins)
    return split


def _people(folder: Path, split: _Split) -> list[Record]:
    """Make the records of one split and note what is missing from it."""
    source = find_pairs(folder)
    pairs, repeated = read_pairs(source) if source else ({}, 0)
    # Endings are left out of the comparison: images are often converted, the lists are not.
    garment_of = {Path(person).stem: garment for person, garment in pairs.items()}
    people = {name: path for name, path in split.images.items() if name in garment_of or not pairs}
    if source:
        if repeated:
            noun = "line names a person", "lines name people"
            split.notes.append(
                f"{source.name}: {plural(repeated, *noun)} again; the first pair counts."
            )
        _note(split, f"are in {source.name} but not in image", sorted({*garment_of} - {*people}))
        _note(split, f"are in image but not in {source.name}", sorted({*split.images} - {*people}))

    garments = split.roles.get("cloth", {})
    without: dict[str, list[str]] = {}
    unreadable: list[str] = []
    records = []
    for name, path in sorted(people.items()):
        related = {}
        for kind, files in split.roles.items():
            companion = _companion(name, files)
            if companion:
                related[kind] = companion
            else:
                without.setdefault(kind, []).append(name)
        if not _is_readable(path):
            unreadable.append(name)
            continue
        if "openpose_keypoints" in related and not is_pose(related["openpose_keypoints"]):
            without.setdefault("undamaged openpose_keypoints", []).append(name)
            del related["openpose_keypoints"]
        fields = {}
        if name in garment_of:
            fields["listed_garment"] = garment_of[name]
            garment = garments.get(Path(garment_of[name]).stem)
            if garment is None:
                without.setdefault("listed garment in cloth", []).append(name)
            elif garment != related.get("cloth"):
                related["unpaired_cloth"] = garment
        related = dict(sorted(related.items()))
        records.append(Record(path, name, split=split.name, fields=fields, related=related))
    _note(split, "are left out, the image cannot be read", unreadable)
    for kind, names in without.items():
        _note(split, f"have no {kind}", names)
    return records


def _is_readable(path: Path) -> bool:
    try:
        size_of(path)
    except DataError:
        return False
    return True


def is_pose(path: Path) -> bool:
    """Tell whether a file holds body points."""
    try:
        body_points(path)
    except DataError:
        return False
    return True


def _companion(person: str, files: dict[str, Path]) -> Path | None:
    """Find the file that belongs to a person, whatever the folder appends to the id."""
    ids = [person]
    if re.fullmatch(r"\d{6}_0", person):  # the older release: person _0, garment _1
        ids.append(person[:-1] + "1")
    names = (name + suffix for name in ids for suffix in SUFFIXES)
    return next((files[name] for name in names if name in files), None)


def _note(split: _Split, what: str, names: list[str]) -> None:
    if not names:
        return
    examples = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    if len(names) == 1:
        what = re.sub("^have ", "has ", re.sub("^are ", "is ", what))
    split.notes.append(
        f"{split.name}: {plural(len(names), 'person', 'people')} {what} ({examples})."
    )


def list_folders(folder: Path) -> list[str]:
    """List the visible sub-folders, sorted."""
    return _list(folder, os.DirEntry.is_dir)


def list_files(folder: Path) -> list[str]:
    """List the visible files, sorted."""
    return _list(folder, os.DirEntry.is_file)


def child(folder: Path, name: str) -> Path | None:
    """Find a sub-folder, in capitals or not."""
    exact = folder / name
    if exact.is_dir():
        return exact
    matches = [other for other in list_folders(folder) if other.lower() == name]
    return folder / matches[0] if matches else None


def _list(folder: Path, accepts: Callable[[os.DirEntry[str]], bool]) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if not e.name.startswith(".") and accepts(e))
    except OSError as fault:
        raise DataError(f"{folder} cannot be read: {fault.strerror}.") from None
