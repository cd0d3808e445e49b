"""The images of a study, frozen when it begins, and how they differ from those of today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..datasets import reading
from ..datasets.resolving import all_samples
from ..diffusion import manifest

NAMED = 3  # images that a sentence names


@dataclass(frozen=True)
class Image:
    """One image of a study.

    Attributes:
        id: Its sample today; None when it is gone.
        name: What calls it on any machine.
        sha256: Hash of its file; None where it could not be read, or in older studies.
    """

    id: str | None
    name: str
    sha256: str | None


@dataclass(frozen=True)
class Changes:
    """How the images of today differ from those that a study was begun with.

    Attributes:
        total: Images that are there today.
        new: Names of those that came since.
        removed: Names of those that are gone.
        changed: Names of those whose file has another content.
        kind: What was begun with them: a study, or a preview.
    """

    total: int
    new: list[str]
    removed: list[str]
    changed: list[str]
    kind: str = "study"

    def __str__(self) -> str:
        """``32 images, 16 new since the study began (a.png, b.png and 14 more)``."""
        parts = [
            f"{len(names)} {what} since the {self.kind} began ({first_few(names)})"
            for what, names in (
                ("new", self.new),
                ("removed", self.removed),
                ("changed", self.changed),
            )
            if names
        ]
        return f"{self.total} images, {', '.join(parts)}" if parts else f"{self.total} images"


def take(view: Any) -> list[dict[str, Any]]:
    """Read what identifies the images of a view, as plain JSON."""
    known = reading.read_paths(view)
    rows = zip(known.ids, known.names, manifest.hashes(known.paths), strict=True)
    return [{"id": id, "name": name, "sha256": sha256} for id, name, sha256 in rows]


def compare(
    stored: Sequence[Mapping[str, Any]], dataset: Any, view: Any, kind: str = "study"
) -> tuple[list[Image], Changes]:
    """Find a study's images in the data set of today.

    An image is known by its sample; where the data set was deleted and imported anew, by its
    name and content.

    Args:
        stored: What `take` returned when the study began.
        dataset: The data set as it is now.
        view: The images that the study was asked for now.
        kind: What was begun with them: a study, or a preview.

    Returns:
        The stored images with their samples of today, in the same order; and what changed.
    """
    now = reading.read_paths(all_samples(dataset))
    path_of = dict(zip(now.ids, now.paths, strict=True))
    ids = {image["id"]: image["id"] for image in stored if image["id"] in path_of}
    if len(ids) < len(stored):
        called = _by_name(dataset, now)
        for image in stored:
            if image["id"] not in ids and image["name"] in called:
                ids[image["id"]] = called[image["name"]]
    todays_ids = [ids.get(image["id"]) for image in stored]
    hashes = manifest.hashes([path_of[id] for id in todays_ids if id is not None])
    digest = dict(zip((id for id in todays_ids if id is not None), hashes, strict=True))
    images = [
        Image(id, image["name"], image.get("sha256") or (digest[id] if id else None))
        for image, id in zip(stored, todays_ids, strict=True)
    ]
    changed = [one.name for one in images if one.id and digest[one.id] != one.sha256]
    known = {one.id for one in images}
    today = reading.read_paths(view)
    new = [name for id, name in zip(today.ids, today.names, strict=True) if id not in known]
    removed = [one.name for one in images if one.id is None]
    return images, Changes(len(today.ids), new, removed, changed, kind)


def first_few(names: Sequence[str]) -> str:
    """Name the first few: ``a.png, b.png, c.png and 13 more``."""
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _by_name(dataset: Any, now: reading.Samples) -> dict[str, str]:
    """Return sample ids by file and by ``source_id``, where that is one sample's alone."""
    id_by_name = dict(zip(now.paths, now.ids, strict=True))
    if dataset.get_field("source_id") is not None:
        named = all_samples(dataset).values("source_id")
        count = Counter(named)
        id_by_name |= {
            name: id for name, id in zip(named, now.ids, strict=True) if count[name] == 1
        }
    return id_by_name
