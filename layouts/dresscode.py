"""Dress Code: people and garments in one folder, what was derived from them beside it.

    root/
      upper_body/  lower_body/  dresses/
        images/        000000_0.jpg the person, 000000_1.jpg the garment
        keypoints/     000000_2.json
        label_maps/    000000_4.png
        skeletons/     000000_5.jpg
        dense/         000000_5.png  000000_5_uv.npz
        train_pairs.txt  test_pairs_paired.txt  test_pairs_unpaired.txt

Source: the data set's own loader, aimagelab/dress-code, data/dataset.py.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..common.errors import DataError
from ..common.words import plural
from .files import LeftOut, few
from .pairs import read_pairs
from .records import Record, Records
from .vitonhd import child, is_pose, list_files, list_folders

CATEGORIES = ("upper_body", "lower_body", "dresses")
PERSON = re.compile(r"(.+)_0$")
# Sub-folder -> role, and the number that its files end with.
ROLES = {
    "keypoints": ("openpose_keypoints", "_2"),
    "label_maps": ("label_map", "_4"),
    "skeletons": ("openpose_image", "_5"),
    "dense": ("densepose", "_5"),
    "parse": ("garment_parse", "_0"),
    "cloth_mask": ("cloth_mask", "_1"),
    "cloth_parse": ("cloth_parse", "_1"),
}


def recognizes(root: Path) -> bool:
    """Tell whether categories of Dress Code, with images in them, stand in a folder."""
    return bool(_categories(root))


def read(root: Path) -> Records:
    """List the people of every category with their garments and annotations.

    The category is the label. Where a category has pair lists, they give the split.

    Raises:
        DataError: There is no category with people, or a pair list is malformed.
    """
    people: list[Record] = []
    notes: list[str] = []
    left_out = LeftOut()
    garments = others = 0
    for folder in _categories(root):
        splits = _splits(folder)
        images = child(folder, "images") or folder
        files = {Path(name).stem: images / name for name in list_files(images)}
        beside = {
            role: {Path(name).stem: role_folder / name for name in list_files(role_folder)}
            for name, (role, _) in ROLES.items()
            if (role_folder := child(folder, name)) is not None
        }
        others += sum(map(len, beside.values()))
        bad_poses = []
        for stem, path in files.items():
            number = PERSON.match(stem)
            if not left_out.is_image(path):
                continue
            if number is None:
                garments += 1
                continue
            related = {}
            garment = files.get(f"{number[1]}_1")
            if garment is not None:
                related["cloth"] = garment
            for role, end in ROLES.values():
                companion = beside.get(role, {}).get(number[1] + end)
                if companion is not None:
                    related[role] = companion
            if "openpose_keypoints" in related and not is_pose(related["openpose_keypoints"]):
                bad_poses.append(related.pop("openpose_keypoints").name)
            people.append(
                Record(path, f"{folder.name}/{stem}", folder.name.lower(), splits.get(stem),
                       related=dict(sorted(related.items())))
            )  # fmt: skip
        if bad_poses:
            noun = "pose is", "poses are"
            notes.append(
                f"{folder.name}: {plural(len(bad_poses), *noun)} damaged and left out "
                f"({few(bad_poses)})."
            )
    if not people:
        raise DataError(
            f"{root} has Dress Code's folders, but no person (..._0.jpg) in images; restore them."
        )
    notes.insert(
        0,
        f"Read as Dress Code: {plural(len(people), 'person', 'people')}; "
        f"{plural(garments, 'garment')} and {plural(others, 'derived file')} (skeletons, label "
        "maps, dense poses, keypoints) belong to them and are no photographs of their own.",
    )
    notes += left_out.notes()
    return Records(people, layout="dresscode", ignored=left_out.total, notes=notes)


def _categories(root: Path, *, inside: bool = False) -> list[Path]:
    """Find the categories of a root, or of its only child."""
    categories = []
    for name in CATEGORIES:
        folder = child(root, name)
        images = child(folder, "images") if folder else None
        if folder and images and any(PERSON.match(Path(file).stem) for file in list_files(images)):
            categories.append(folder)
    if not categories and not inside and len(inner := list_folders(root)) == 1:
        return _categories(root / inner[0], inside=True)
    return categories


def _splits(folder: Path) -> dict[str, str]:
    """Return the split of each person by the pair lists of a category."""
    splits: dict[str, str] = {}
    for split in ("train", "test"):
        for end in ("", "_paired", "_unpaired"):
            path = folder / f"{split}_pairs{end}.txt"
            if path.is_file():
                for person in read_pairs(path)[0]:
                    splits.setdefault(Path(person).stem, split)
    return splits
