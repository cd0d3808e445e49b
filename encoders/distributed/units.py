"""The folder in which processes share an embedding: images in units, features in parts.

    units/<name>.json  one unit: image files, with their size and time of change
    parts/<name>.npz   its features, written whole by the process that computed them

A unit is named by a hash of its images' contents and of the encoder, so which process does
it follows from the contents, and who finds its part need not know who wrote it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ...common.errors import RunError
from ...common.files import read_json, replacing, write_json
from ..encoder import Embedded

UNITS, PARTS = "units", "parts"
State = tuple[int, int, int] | None
"""Size, time of change and inode of an image file; None where it is not there."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image to compute.

    Attributes:
        path: Its file.
        state: Of the file when the work was planned.
        copies: Other files of the same content, which get the same features, and their states.
    """

    path: str
    state: State
    copies: list[tuple[str, State]] = field(default_factory=list)


def write(folder: Path, images: Sequence[Image], contents: Sequence[bytes], key: str) -> str:
    """Write one unit and return its name.

    Args:
        folder: With the units.
        images: What the unit holds, in the order in which they are computed.
        contents: Hashes of these files.
        key: Identity of the encoder.
    """
    name = hashlib.sha256(b"".join([key.encode(), *contents])).hexdigest()[:32]
    write_json(folder / f"{name}.json", {"images": [asdict(image) for image in images]})
    return name


def read(folder: Path, name: str) -> list[Image]:
    """Read a unit.

    Raises:
        RunError: It is missing or damaged.
    """
    return [
        Image(
            one["path"],
            _state(one["state"]),
            [(path, _state(state)) for path, state in one["copies"]],
        )
        for one in read_json(folder / UNITS / f"{name}.json")["images"]
    ]


def names(folder: Path, kind: str = UNITS) -> list[str]:
    """Name the units that there are, or those of which there are parts, in order."""
    return sorted(
        path.stem for path in (folder / kind).glob("*.*") if not path.name.startswith(".")
    )


def share(units: Sequence[str], rank: int, count: int) -> Sequence[str]:
    """Return the units of one of several processes: every ``count``-th by the hash of contents."""
    return units[rank::count]


def part_path(folder: Path, name: str) -> Path:
    """Return where the features of a unit are."""
    return folder / PARTS / f"{name}.npz"


def write_part(folder: Path, name: str, embedded: Embedded) -> None:
    """Write the features of a unit, whole or not at all."""
    path = part_path(folder, name)
    path.parent.mkdir(exist_ok=True)
    words = json.dumps({"faults": embedded.faults, "notes": embedded.notes})
    with replacing(path, durable=True) as unfinished, unfinished.open("wb") as file:
        np.savez(file, features=embedded.features, ok=embedded.ok, words=np.array(words))


def read_part(folder: Path, name: str, key: str) -> Embedded:
    """Read the features of a unit.

    Raises:
        RunError: The file is damaged.
    """
    path = part_path(folder, name)
    try:
        with np.load(path, allow_pickle=False) as part:
            words = json.loads(str(part["words"]))
            features, ok = part["features"], part["ok"]
    except (OSError, ValueError, KeyError, EOFError) as fault:
        raise RunError(f"{path} is damaged ({fault}); delete it and embed again.") from fault
    return Embedded(features, ok, words["faults"], key, words["notes"])


def forget(folder: Path, name: str) -> None:
    """Delete a unit and its part."""
    (folder / UNITS / f"{name}.json").unlink(missing_ok=True)
    part_path(folder, name).unlink(missing_ok=True)


def _state(value: list[int] | None) -> State:
    return None if value is None else (value[0], value[1], value[2])
