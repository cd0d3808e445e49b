"""``export``: the images of a selection as a folder that other training programs read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..common.errors import DataError
from ..common.files import ensure_folder, replacing, write_bytes
from ..common.temporary import sweep
from ..common.words import plural
from ..datasets import reading
from ..datasets.database import lost_in_words
from ..datasets.selection_images import selection_images
from ..runs import Lease

METADATA = "metadata.jsonl"
BEGUN = ".metadata.jsonl"  # of a folder whose images are not all there yet
LEASE = ".lease"  # held while images are copied; readers of image folders leave hidden files out


@dataclass(frozen=True)
class Exported:
    """An image folder that was written.

    Attributes:
        folder: Where it is.
        images: How many images are in it.
        captions: The field that captions came from; None without captions.
    """

    folder: Path
    images: int
    captions: str | None

    def __str__(self) -> str:
        captions = f" with captions from {self.captions}" if self.captions else ""
        return f"{self.folder}: {plural(self.images, 'image')}{captions}, listed in {METADATA}"


@lost_in_words()
def export(selection: Any, *, to: str | Path, captions: str | None = None) -> Exported:
    """Write the images of a selection to a folder, with ``metadata.jsonl`` beside them.

    The folder is an image folder as Hugging Face ``datasets`` and the training scripts of
    diffusers read it: files named by their rank, one line of JSON for each with ``file_name``,
    ``source`` and, with captions, ``text``. Files are copied as they are, in full or not at all;
    the same call again copies what is missing.

    Args:
        selection: A data set, its name, ``DATASET:SELECTION``, or a view such as
            ``select(...).view``.
        to: The folder; it is made where it is missing, and may hold nothing else.
        captions: Sample field with the captions, such as ``caption`` or ``label.label``.

    Raises:
        DataError: The selection is empty, an image or a caption is missing, or the folder holds
            other files.
        RunError: The disk is full, or the folder cannot be made or written.
        Busy: Another process writes into the folder.
    """
    dataset, view = reading.resolve(selection)
    chosen = selection_images(dataset, view)
    pool = reading.read_paths(chosen.view if chosen else view)
    texts = reading.field_values(dataset, pool.ids, captions) if captions else None
    folder = Path(to).expanduser().absolute()
    ensure_folder(folder)
    with Lease(folder, name=LEASE):
        write_image_folder(folder, pool, texts)
    return Exported(folder, len(pool.paths), captions)


def write_image_folder(folder: Path, pool: reading.Samples, texts: Sequence[Any] | None) -> None:
    """Copy images into a folder named by their rank, and list them in ``metadata.jsonl``.

    Args:
        folder: Where to.
        pool: The images, in order.
        texts: A caption for each, None for none.

    Raises:
        DataError: The folder holds other files, or an image is missing.
        RunError: The disk is full, or the folder cannot be made or written.
    """
    width = max(6, len(str(len(pool.paths))))
    names = [f"{rank:0{width}d}{Path(path).suffix.lower()}" for rank, path in enumerate(pool.paths)]
    lines = []
    for row, (name, source) in enumerate(zip(names, pool.names, strict=True)):
        line = {"file_name": name, "source": source}
        lines.append(line if texts is None else {**line, "text": str(texts[row])})
    listed = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode()
    ensure_folder(folder)
    sweep(folder)  # halves of images, which other programs may take for whole ones
    _refuse_others(folder, {*names, METADATA}, listed)
    gone = next((path for path in pool.paths if not Path(path).is_file()), None)
    if gone is not None:
        raise DataError(f"the image {gone} is gone; restore it, or import the images anew.")
    done = (folder / METADATA).exists()
    if not done:
        write_bytes(folder / BEGUN, listed)
    for name, path in zip(names, pool.paths, strict=True):
        _copy(Path(path), folder / name)
    if not done:
        (folder / BEGUN).replace(folder / METADATA)


def _refuse_others(folder: Path, names: set[str], listed: bytes) -> None:
    """Refuse a folder with files of something else, so that nothing is trained on unasked."""
    there = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    known = next((folder / name for name in (METADATA, BEGUN) if (folder / name).exists()), None)
    others = sorted(there - names if known else there)
    begun = known == folder / BEGUN and not there  # by a call that failed at its first image
    if known is not None and not others and not begun and known.read_bytes() != listed:
        others = [known.name]
    if others:
        raise DataError(
            f"{folder} holds other files ({', '.join(others[:3])}); give an empty or new folder."
        )


def _copy(source: Path, target: Path) -> None:
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return
    with replacing(target) as part:
        shutil.copyfile(source, part)
