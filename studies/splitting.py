"""The images of a study and their division into pool and held-out ones, kept on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import runs
from ..common.errors import RunError
from ..config import PreviewSettings, StudySettings
from ..datasets.resolving import all_samples
from ..datasets.writing import ids_hash
from ..runs import Run
from . import division, frozen_images
from .frozen_images import Image

IMAGES = "images.json"
SPLIT = "split.json"


@dataclass(frozen=True)
class Frozen:
    """The images of a study, with their samples of today.

    Attributes:
        images: All of them, in the order of the view that the study was begun with.
        version: 1, and one more each time that the images of then were taken.
        notes: What changed since, and what was damaged, one sentence each.
    """

    images: list[Image]
    version: int
    notes: list[str]

    @property
    def ids(self) -> list[str]:
        """Samples of today, of the images that are still there."""
        return [image.id for image in self.images if image.id is not None]


@dataclass(frozen=True)
class Divided:
    """Pool and held-out images, by their samples of today.

    Attributes:
        pool: Ids of the images that arms may train on.
        held_out: Ids of the images that they may not.
        notes: What was said of copies, and of damage.
    """

    pool: list[str]
    held_out: list[str]
    notes: list[str]


def freeze(run: Run, dataset: Any, view: Any, *, update: bool = False) -> Frozen:
    """Read which images a study is about, or decide it.

    Args:
        run: The study.
        dataset: The data set as it is now.
        view: The images that it was asked for now.
        update: Take these from now on; what was trained before stays beside it.

    Raises:
        RunError: Images are gone or have another content.
    """
    path, notes = run.path / IMAGES, []
    stored = _read(path, notes) or _of_split(run)
    if stored is None or not is_begun(run):
        stored = {"version": 1, "images": frozen_images.take(view)}
        runs.write_json(path, stored)
    version = int(stored.get("version", 1))
    images, changes = frozen_images.compare(stored["images"], dataset, view, run.kind)
    different = changes.new or changes.removed or changes.changed
    if update and different:
        version += 1
        runs.write_json(path, {"version": version, "images": frozen_images.take(view)})
        images, _ = frozen_images.compare(frozen_images.take(view), dataset, view)
        notes.append(f"{changes}: taken from now on; trainings begin anew as version {version}.")
        return Frozen(images, version, notes)
    if changes.removed or changes.changed:
        again = "give --update-images to train anew on those of today, "
        raise RunError(
            f"the {run.kind} {run.id} is about other images: {changes}. Restore them, "
            f"{again if run.kind == 'study' else ''}or choose another name."
        )
    if changes.new:
        again = "train anew with all of them give --update-images"
        again = again if run.kind == "study" else "use all of them choose another name"
        notes.append(
            f"{changes}; the {run.kind} goes on with the {len(images)} it began with. To {again}."
        )
    if not path.exists() or any(known.get("sha256") is None for known in stored["images"]):
        entries = [{"id": one.id, "name": one.name, "sha256": one.sha256} for one in images]
        runs.write_json(path, {"version": version, "images": entries})
    return Frozen(images, version, notes)


def divide(
    run: Run,
    config: StudySettings | PreviewSettings,
    dataset: Any,
    frozen: Frozen,
    field: str,
) -> Divided:
    """Read the division of a study's images, or make it.

    Raises:
        RunError: It was damaged and comes out otherwise now.
        DataError: One of the two sides would have fewer than two images.
    """
    path, notes = run.path / SPLIT, []
    stored = _read(path, notes)
    if stored is not None and stored.get("version", 1) == frozen.version:
        names = stored.get("names") or {side: stored[side] for side in ("pool", "held_out")}
        divided = _of_today(names, frozen, [*notes, *filter(None, [stored.get("copies")])])
        today = {"pool": divided.pool, "held_out": divided.held_out}
        if today != {side: stored[side] for side in today}:  # imported anew, with other ids
            runs.write_json(path, {**stored, "names": names, **today})
        return divided
    keep: dict[str, bool] = {}
    if stored is not None:
        keep = dict.fromkeys(stored["names"]["pool"], False)
        keep |= dict.fromkeys(stored["names"]["held_out"], True)
    divided = division.split(
        all_samples(dataset).select(frozen.ids, ordered=True), config, field, keep=keep
    )
    name_of = {image.id: image.name for image in frozen.images}
    names = {
        "pool": [name_of[id] for id in divided.pool],
        "held_out": [name_of[id] for id in divided.held_out],
    }
    digest = ids_hash([*names["pool"], "", *names["held_out"]])
    known = run.record.get("split")
    if notes and known is not None and known != [frozen.version, digest]:
        raise RunError(
            f"{path} was damaged, and the images would be divided otherwise now; restore it, or "
            f"start a {run.kind} of another name."
        )
    run.add(split=[frozen.version, digest])
    runs.write_json(
        path,
        {
            "version": frozen.version,
            "pool": divided.pool,
            "held_out": divided.held_out,
            "names": names,
            "copies": str(divided),
        },
    )
    return Divided(divided.pool, divided.held_out, [*notes, *filter(None, [str(divided)])])


def note_images(run: Run, view: Any) -> None:
    """Keep which images a study is of before they are divided: one that ends goes on with them."""
    path = run.path / IMAGES
    if not path.exists() and not is_begun(run):
        runs.write_json(path, {"version": 1, "images": frozen_images.take(view)})


def begun_with(run: Run) -> list[str]:
    """Return the samples that a study was begun with, as far as they can be read."""
    try:
        stored = runs.read_json(run.path / IMAGES)
    except RunError:
        return []
    return [] if _what_is_wrong(stored, IMAGES) else [str(one["id"]) for one in stored["images"]]


def division_of(run: Run) -> Divided:
    """Read how a study's images were divided, changing nothing.

    Raises:
        RunError: They are not divided yet, or the file is damaged.
    """
    path = run.path / SPLIT
    stored = runs.read_json(path)
    reason = _what_is_wrong(stored, SPLIT)
    if reason is not None:
        raise RunError(f"{path} is damaged: {reason}; go on with: curadiff runs {run.id} --resume")
    notes = [str(stored["copies"])] if stored.get("copies") else []
    return Divided(stored["pool"], stored["held_out"], notes)


def _of_today(names: Mapping[str, Sequence[str]], frozen: Frozen, notes: list[str]) -> Divided:
    ids = {image.name: image.id for image in frozen.images}
    sides = {
        side: [id for name in names[side] if (id := ids.get(name)) is not None]
        for side in ("pool", "held_out")
    }
    return Divided(sides["pool"], sides["held_out"], notes)


def is_begun(run: Run) -> bool:
    """Tell whether anything was made of the images that a study was begun with."""
    return (run.path / SPLIT).exists() or "split" in run.record


def _read(path: Path, notes: list[str]) -> dict[str, Any] | None:
    """Read one of the two files; a damaged one is put aside, with a note."""
    if not path.exists():
        return None
    try:
        stored = runs.read_json(path)
        reason = _what_is_wrong(stored, path.name)
    except RunError as fault:
        stored, reason = None, str(fault)
    if reason is None:
        return stored
    path.replace(path.with_suffix(".damaged"))
    notes.append(f"{path.name} was damaged and is made anew ({reason}).")
    return None


def _what_is_wrong(stored: Any, name: str) -> str | None:
    if not isinstance(stored, Mapping):
        return "it holds no settings"
    if name == IMAGES:
        listed = stored.get("images")
        good = isinstance(listed, list) and all(
            isinstance(one, Mapping) and isinstance(one.get("name"), str) and "id" in one
            for one in listed
        )
        return None if good and listed else "it lists no images"
    sides = [stored.get("pool"), stored.get("held_out")]
    names = stored.get("names")
    if names is not None:
        sides += [names.get("pool"), names.get("held_out")] if isinstance(names, Mapping) else [0]
    good = all(isinstance(side, list) and all(isinstance(o, str) for o in side) for side in sides)
    return None if good else "a side is no list of images"


def _of_split(run: Run) -> dict[str, Any] | None:
    """Return the images of a study of an older version, which wrote its division alone."""
    path = run.path / SPLIT
    if not path.exists():
        return None
    try:
        stored = runs.read_json(path)
    except RunError:
        return None
    if _what_is_wrong(stored, SPLIT) is not None:
        return None
    names = stored.get("names") or stored
    return {
        "version": 1,
        "images": [
            {"id": id, "name": name, "sha256": None}
            for side in ("pool", "held_out")
            for id, name in zip(stored[side], names[side], strict=True)
        ],
    }
