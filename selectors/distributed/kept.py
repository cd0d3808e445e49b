"""What is done of a selection in cells, kept in its folder, so that a later call goes on.

A step is noted when all of its files are on the disk. Whatever is not noted was written by half
and is deleted. The notes hold for one key, which says of what rows and settings they are.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ...common.errors import RunError
from ...common.files import read_json, replacing, write_json
from ...common.temporary import remove
from ..core.rows import Array

NOTES = "done.json"
DAMAGE = (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading an archive of arrays raises that is damaged or has something missing."""


class Kept:
    """The folder of a selection in cells.

    Args:
        folder: Where its files are; made where it is missing. Nothing else may be in it.
        key: What decides the selection. What another one left is deleted.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key = folder, key
        folder.mkdir(parents=True, exist_ok=True)
        noted = self._noted()
        self.sizes = noted or {"waiting": [], "divided": []}
        kept = {NOTES, "options.npz"} if noted else set()
        for cells in self.sizes.values():
            kept |= {f"{cell}{ending}" for cell, _ in cells for ending in (".x", ".rows", ".npz")}
        for path in folder.iterdir():
            if path.name not in kept:
                remove(path)

    def _noted(self) -> dict[str, list[tuple[str, int]]] | None:
        """Read what is noted, None where it is of another key or damaged."""
        try:
            notes = read_json(self.folder / NOTES)
            if notes["key"] != self.key:
                return None
            return {
                name: [(str(cell), int(count)) for cell, count in notes[name]]
                for name in ("waiting", "divided")
            }
        except (RunError, KeyError, TypeError, ValueError, OverflowError):
            return None

    def note(
        self,
        waiting: Iterable[tuple[str, int]],
        divided: Iterable[tuple[str, int]],
        *,
        written: Iterable[Path],
    ) -> None:
        """Note how far rows are divided.

        Args:
            waiting: Names and rows of cells that are too large or not looked at.
            divided: Those of the others.
            written: Files that this step wrote, which are brought to the disk first.

        Raises:
            RunError: The notes cannot be written.
        """
        for path in written:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        self.sizes = {"waiting": list(waiting), "divided": list(divided)}
        write_json(self.folder / NOTES, {"key": self.key, **self.sizes})

    def forget(self) -> None:
        """Begin anew: delete the notes and all files."""
        self.sizes = {"waiting": [], "divided": []}
        for path in self.folder.iterdir():
            remove(path)

    def store(self, name: str, arrays: Mapping[str, Array]) -> None:
        """Keep arrays under a name.

        Raises:
            RunError: They cannot be written.
        """
        with replacing(self.folder / f"{name}.npz", durable=True) as part, part.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    def stored(self, name: str, members: Iterable[str]) -> dict[str, Array] | None:
        """Return arrays that were kept under a name, None where one is missing or damaged.

        Args:
            name: As they were stored.
            members: What each of them is called.
        """
        try:
            with zipfile.ZipFile(self.folder / f"{name}.npz"):
                pass  # an archive, and not one array or a pickle
            with np.load(self.folder / f"{name}.npz") as arrays:  # each has a checksum
                return {member: arrays[member] for member in members}
        except DAMAGE:
            return None
