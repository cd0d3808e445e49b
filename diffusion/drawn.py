"""A folder of drawn images: ``000000.png`` ... and ``generated.json``, which says what they are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..config import GenerateSettings
from ..errors import RunError
from ..runs import Run, read_json, write_json

RECORD = "generated.json"
GROWS = ("count", "seeds")  # what may become more; the images that are there stay


def name(settings: GenerateSettings, step: int) -> str:
    """Name a folder after everything that decides what the images are."""
    s = settings
    return f"{s.sampler}-{s.steps}-{s.weights}-step{step}-seed{s.seed}-n{s.count}"


def file_name(number: int) -> str:
    """Return the file name of an image."""
    return f"{number:06d}.png"


def record(run: Run, settings: GenerateSettings, step: int) -> dict[str, Any]:
    """Say what the images of a run's checkpoint are."""
    s = settings
    return {
        "run": run.id,
        "checkpoint": step,
        "weights": s.weights,
        "sampler": s.sampler,
        "steps": s.steps,
        "seed": s.seed,
        "count": s.count,
        "seeds": [s.seed + i for i in range(s.count)],
        "manifest_hash": run.record.get("manifest_hash"),
    }


def claim(folder: Path, told: dict[str, Any]) -> None:
    """Make sure that a folder is new or holds such images, at most as many; say so in it.

    Raises:
        RunError: It holds other images, or more of them.
    """
    path = folder / RECORD
    if path.exists():
        before = read_json(path)
        differ = _differing(before, told)
        if before.get("count", 0) > told["count"]:
            differ.append(f"count ({before['count']}, more than {told['count']})")
        if differ:
            raise RunError(
                f"{folder} holds images with another {', '.join(differ)}; "
                "give another folder or delete it."
            )
    elif next(folder.glob("*.png"), None) is not None:
        raise RunError(f"{folder} holds other PNG files; give an empty or new folder.")
    write_json(path, {**told, "complete": False})


def take_over(folder: Path, told: dict[str, Any]) -> None:
    """Take the same images from folders beside this one, where fewer or more were drawn."""
    for other in folder.parent.glob(f"{folder.name.rpartition('-n')[0]}-n*/{RECORD}"):
        if other.parent != folder and not _differing(read_json(other), told):
            for number in absent(folder, told["count"]):
                there = other.parent / file_name(number)
                if _there(there):
                    _link(there, folder / there.name)


def absent(folder: Path, count: int) -> list[int]:
    """List the numbers of the images that are not there yet; a power cut may leave empty files."""
    return [i for i in range(count) if not _there(folder / file_name(i))]


def write(path: Path, picture: np.ndarray, text: PngInfo | None = None) -> None:
    """Write an image, (h, w, 3) uint8, with text about it, in full or not at all.

    Raises:
        RunError: The disk is full or not writable.
    """
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        Image.fromarray(picture).save(temporary, "PNG", pnginfo=text)
        temporary.replace(path)
    except OSError as fault:
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"could not write {path}: {fault.strerror or fault}; free some space, then run the "
            "same command again: it draws only what is missing."
        ) from fault


def _differing(before: dict[str, Any], told: dict[str, Any]) -> list[str]:
    return [key for key, value in told.items() if key not in GROWS and before.get(key) != value]


def _there(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _link(there: Path, here: Path) -> None:
    """Give a file a second name, or copy it where the disk cannot."""
    here.unlink(missing_ok=True)
    try:
        os.link(there, here)
    except OSError:
        shutil.copyfile(there, here)
