"""Pictures that were derived from photographs: masks, depth, edges, thumbnails beside them."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from ..common.words import plural
from .records import Record

PHOTOGRAPHS = ("images", "image", "imgs", "img", "photos", "photographs", "jpegimages", "rgb")
MASKS = (
    "mask", "masks", "label", "labels", "label_maps", "labelmaps", "annotation", "annotations",
    "segmentation", "segmentations", "segmentationclass", "segmentation_masks", "seg", "parse",
)  # fmt: skip
DERIVED = (
    *MASKS, "depth", "depths", "depth_maps", "edge", "edges", "canny", "normal", "normals", "thumb",
    "thumbs", "thumbnail", "thumbnails", "skeleton", "skeletons", "pose", "poses", "openpose",
    "keypoints", "dense", "densepose", "matte", "mattes", "alpha", "saliency", "sketches",
)  # fmt: skip
END = re.compile(r"[-_](mask|masks|seg|label|labels|parse|depth|edge|edges|thumb|pose|matte)$")


def attach(
    records: dict[str, Record], folders: Collection[str]
) -> tuple[dict[str, Record], list[str]]:
    """Tell derived pictures from photographs, and give them to those that they belong to.

    A folder of such a name holds derived pictures where a folder of photographs, such as
    ``images``, stands beside it; else it may as well be a class.

    Args:
        records: All images by their path below the root.
        folders: The folders below the root, as POSIX paths.

    Returns:
        The photographs, and a sentence that says how many pictures are what.
    """
    beside = {
        posixpath.dirname(folder)
        for folder in folders
        if posixpath.basename(folder).lower() in PHOTOGRAPHS
    }
    photographs: dict[str, Record] = {}
    derived: list[tuple[str, str, str]] = []  # path, role, place of its photograph
    for key, record in records.items():
        split = _split(key, beside)
        if split is None:
            photographs[key] = record
        else:
            derived.append((key, *split))
    if not derived or not photographs:
        return records, []
    at = {_place(key, beside): key for key in photographs}
    counts: Counter[str] = Counter()
    alone = 0
    for key, role, place in derived:
        owner = at.get(place)
        counts[role] += 1
        if owner is None or role in photographs[owner].related:
            alone += 1
            continue
        mine = photographs[owner]
        photographs[owner] = replace(mine, related={**mine.related, role: records[key].path})
    kinds = ", ".join(f"{count:,} {role}" for role, count in counts.most_common())
    several = len(derived) - alone
    noun = "is attached to its photograph", "are attached to their photographs"
    note = (
        f"{plural(len(photographs), 'photograph')} and {plural(len(derived), 'picture')} derived "
        f"from them ({kinds}) were found: {several:,} {noun[several != 1]}, {alone:,} left out. "
        "Import all as photographs with companions=photographs."
    )
    return photographs, [note]


def _split(key: str, beside: Collection[str]) -> tuple[str, str] | None:
    """Return role and place of a derived picture; None for a photograph."""
    parts = key.split("/")
    for number, part in enumerate(parts[:-1]):
        parent = "/".join(parts[:number])
        name = part.lower().replace("-", "_")
        if name in DERIVED and parent in beside:
            role = "mask" if name in MASKS else name
            rest = posixpath.splitext("/".join(parts[number + 1 :]))[0]
            return role, f"{parent}//{END.sub('', rest)}"
    return None


def _place(key: str, beside: Collection[str]) -> str:
    """Return a photograph's path without its file ending and the folder of photographs."""
    parts = key.split("/")
    for number, part in enumerate(parts[:-1]):
        parent = "/".join(parts[:number])
        if part.lower() in PHOTOGRAPHS and parent in beside:
            return f"{parent}//{posixpath.splitext('/'.join(parts[number + 1 :]))[0]}"
    return posixpath.splitext(key)[0]
