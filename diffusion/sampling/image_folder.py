"""A folder of generated images: ``000000.png`` ... and their record ``generated.json``."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ...common.errors import RunError
from ...common.files import checksum_of, link_or_copy, replacing
from ...common.images import is_whole_png
from ...common.temporary import sweep
from ...config import GenerateSettings
from ...runs import Run, read_json, write_json
from ..classes import drawn

RECORD = "generated.json"
LEASE = ".lease"  # held while images are drawn into a folder
GROWS = ("count", "seeds", "classes", "run")  # may become more, or be renamed; the images stay


def folder_name(settings: GenerateSettings, step: int) -> str:
    """Name a folder after everything that decides what the images are."""
    s = settings
    told, more = [s.classes, s.guidance, s.guide, s.ema], ""
    if told != [None] * 4:
        more = f"-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:8]}"
    return f"{s.sampler}-{s.steps}-{s.weights}-step{step}-seed{s.seed}{more}-n{s.count}"


def file_name(number: int) -> str:
    """Return the file name of an image."""
    return f"{number:06d}.png"


def record(run: Run, settings: GenerateSettings, step: int) -> dict[str, Any]:
    """Return the record of images that are sampled from a run's checkpoint."""
    s = settings
    seeds = [s.seed + i for i in range(s.count)]
    told = drawn(run, seeds, s.classes)
    return {
        "run": run.id,
        "run_uid": run.uid,
        "checkpoint": step,
        "weights": s.weights,
        "sampler": s.sampler,
        "steps": s.steps,
        "seed": s.seed,
        "count": s.count,
        "seeds": seeds,
        "asked_classes": s.classes,
        "classes": told and told[0],
        "guidance": s.guidance,
        "guide": s.guide,
        "ema_length": s.ema,
        "manifest_hash": run.record.get("manifest_hash"),
    }


class ImageFolder(NamedTuple):
    """The images of a folder, as its record lists them; other files in it are not looked at.

    Attributes:
        record: What ``generated.json`` says.
        paths: The images that are there, in order of their numbers.
        seeds: The seed each of them was drawn with.
    """

    record: dict[str, Any]
    paths: list[Path]
    seeds: list[int]


def read(folder: Path) -> ImageFolder:
    """List the images of a folder that `generate` made, and verify them.

    Raises:
        RunError: It has no such record, the record is damaged or was edited, or images are
            damaged or others than those that were drawn; the first one is named.
    """
    record = _record(folder / RECORD)
    existing = [i for i in range(record["count"]) if _exists(folder / file_name(i))]
    damaged = _damaged(folder, existing, record.get("files", {}))
    if damaged:
        raise RunError(
            f"{len(damaged)} of {record['count']} images in {folder} are damaged or others than "
            f"those that were drawn, first {file_name(damaged[0])}; draw them again with the same "
            "curadiff generate command."
        )
    return ImageFolder(
        record, [folder / file_name(i) for i in existing], [record["seeds"][i] for i in existing]
    )


def verify(folder: Path, record: Mapping[str, Any]) -> None:
    """Make sure that images whose checksums a record lists are those that were drawn.

    Raises:
        RunError: Some are damaged or others; the first one is named.
    """
    sums = record.get("files") or {}
    numbers = range(len(record["seeds"]))
    existing = [i for i in numbers if file_name(i) in sums and _exists(folder / file_name(i))]
    damaged = _damaged(folder, existing, sums)
    if damaged:
        raise RunError(
            f"{len(damaged)} of {len(numbers)} images in {folder} are damaged or others than "
            f"those that were drawn, first {file_name(damaged[0])}; draw them again with the same "
            "curadiff generate command."
        )


def _record(path: Path) -> dict[str, Any]:
    """Read a record; whatever is not as `record` makes it is named.

    Raises:
        RunError: It is missing or damaged.
    """
    record = read_json(path)
    wrong = "an object" if not isinstance(record, dict) else ""
    if not wrong:
        count, seeds = record.get("count"), record.get("seeds")
        if not isinstance(record.get("run"), str):
            wrong = "run: a run's id"
        elif not isinstance(count, int) or isinstance(count, bool) or count < 0:
            wrong = "count: a number of images"
        elif (
            not isinstance(seeds, list)
            or len(seeds) != count
            or not all(isinstance(seed, int) for seed in seeds)
        ):
            wrong = f"seeds: {count} whole numbers"
        elif not isinstance(record.get("files", {}), dict):
            wrong = "files: checksums by file"
    if wrong:
        raise RunError(
            f"{path} is damaged or was edited: it needs {wrong}. Restore it, or delete the folder "
            "and draw the images again."
        )
    return record


def checksums(folder: Path, count: int) -> dict[str, str]:
    """Return the checksums of all images of a folder, by file name."""
    names = [file_name(i) for i in range(count)]
    with ThreadPoolExecutor() as pool:
        return dict(
            zip(names, pool.map(lambda name: checksum_of(folder / name), names), strict=True)
        )


def put_aside_damaged(folder: Path, count: int) -> None:
    """Rename images that cannot be used, so that they are drawn again; say so in a warning.

    An image that the record lists must be the listed one, any other one a whole PNG file.
    """
    record = _record(folder / RECORD)
    existing = [i for i in range(count) if _exists(folder / file_name(i))]
    damaged = _damaged(folder, existing, record.get("files", {}))
    for number in damaged:
        path = folder / file_name(number)
        aside = path.with_name(f".damaged-{path.name}")
        while aside.exists():
            aside = aside.with_name(f".damaged-{aside.name.removeprefix('.')}")
        path.rename(aside)
    if damaged:
        warnings.warn(
            f"{len(damaged)} images in {folder} were damaged, first {file_name(damaged[0])}; they "
            "were put aside and are drawn again",
            stacklevel=2,
        )


def _damaged(folder: Path, numbers: list[int], sums: dict[str, str]) -> list[int]:
    def whole(number: int) -> bool:
        path = folder / file_name(number)
        try:
            if path.name in sums:
                return checksum_of(path) == sums[path.name]
        except OSError:
            return False
        return is_whole_png(path)

    with ThreadPoolExecutor() as pool:
        return [n for n, good in zip(numbers, pool.map(whole, numbers), strict=True) if not good]


def claim(folder: Path, record: dict[str, Any]) -> None:
    """Make sure that a folder is new or holds such images, at most as many; say so in it.

    Raises:
        RunError: It holds other images, or more of them.
    """
    path = folder / RECORD
    sweep(folder)
    if path.exists():
        before = _record(path)
        differ = _differing(before, record)
        if before["count"] > record["count"]:
            differ.append(f"count ({before['count']}, more than {record['count']})")
        if differ:
            raise RunError(
                f"{folder} holds images with another {', '.join(differ)}; "
                "give another folder or delete it."
            )
        known = {"files": before.get("files", {})}
    elif next(folder.glob("[!.]*.png"), None) is not None:
        raise RunError(f"{folder} holds other PNG files; give an empty or new folder.")
    else:
        known = {}
    write_json(path, {**record, **known, "complete": False})


def take_over(folder: Path, record: dict[str, Any]) -> None:
    """Take the same images from folders beside this one, where fewer or more were drawn."""
    for other in folder.parent.glob(f"{folder.name.rpartition('-n')[0]}-n*/{RECORD}"):
        if other.parent != folder and _is_like(other, record):
            for number in missing_numbers(folder, record["count"]):
                image = other.parent / file_name(number)
                if _exists(image):
                    _link(image, folder / image.name)


def missing_numbers(folder: Path, count: int) -> list[int]:
    """List the numbers of the images that are not there yet; a power cut may leave empty files."""
    return [i for i in range(count) if not _exists(folder / file_name(i))]


def write(path: Path, picture: np.ndarray, text: PngInfo | None = None) -> None:
    """Write an image, (h, w, 3) uint8, with text about it, in full or not at all.

    Raises:
        RunError: The disk is full or not writable.
    """
    with replacing(path) as part:
        Image.fromarray(picture).save(part, "PNG", pnginfo=text)


def _is_like(path: Path, record: dict[str, Any]) -> bool:
    try:
        return not _differing(_record(path), record)
    except RunError:
        return False


def _differing(before: dict[str, Any], record: dict[str, Any]) -> list[str]:
    return [key for key, value in record.items() if key not in GROWS and before.get(key) != value]


def _exists(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the disk cannot."""
    with replacing(target) as part:
        link_or_copy(source, part)
