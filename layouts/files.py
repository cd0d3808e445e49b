"""Which files are images that can be read, and what to say about the others."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..common.errors import DataError
from ..common.images import SEVERAL, formats, frames, readable, sniff
from ..common.words import plural

ENDINGS = (
    "jpg", "jpeg", "jfif", "jpe", "mpo", "png", "webp", "tif", "tiff", "bmp", "gif", "avif", "heic",
    "heif", "jp2", "j2k", "jxl", "ppm", "pgm", "pbm", "psd",
)  # fmt: skip
JUNK = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r")  # that systems leave in folders


@dataclass
class LeftOut:
    """Counts the files of a folder that are no images, each for its reason.

    Attributes:
        other: Files of another kind.
        pictures: Names of pictures in formats that are not read, by format.
        empty: Names of empty files.
        broken: Names of links that lead nowhere.
        false: Names of files that have an image's ending and hold none.
        closed: Names of files that may not be read.
        misnamed: Names that are no UTF-8, which the database cannot hold.
        moving: Names of images that hold several frames or pages; they are not left out.
        again: Names of images that links reach a second time; they are not left out.
        damaged: Why a file that is meant to be an image is none, by its path.
    """

    other: int = 0
    pictures: dict[str, list[str]] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)
    moving: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    _reached: dict[tuple[int, int], str] = field(default_factory=dict)

    def is_image(self, path: Path) -> bool:
        """Tell by its content whether a file is an image that can be read, or count it."""
        try:
            kind = sniff(path)
        except DataError:
            self._count_unreadable(path)
            return False
        if kind in readable():
            if printable(path.name) == path.name:
                self._look(path, kind)
                return True
            self.misnamed.append(path.name)
            return False
        if kind is not None:
            self.pictures.setdefault(formats.label(kind), []).append(path.name)
        elif path.suffix[1:].lower() in ENDINGS:
            self.false.append(path.name)
            self.damaged[str(path)] = f"{path} is named like an image and holds none."
        elif path.name.lower() not in JUNK:
            self.other += 1
        return False

    def _look(self, path: Path, kind: str | None) -> None:
        """Record whether an image has several frames or is a file that was listed before."""
        if kind in SEVERAL and frames(path) > 1:
            self.moving.append(path.name)
        there = path.stat()
        file = there.st_dev, there.st_ino
        if file in self._reached:
            first = self._reached[file]
            self.again.append(path.name if first == path.name else f"{path.name} is {first}")
        self._reached.setdefault(file, path.name)

    def _count_unreadable(self, path: Path) -> None:
        if path.is_symlink() and not path.exists():
            names, why = self.broken, "is a link that leads nowhere"
        elif not path.is_file():
            self.other += 1
            return
        elif path.stat().st_size == 0:
            names, why = self.empty, "is empty"
        else:
            names, why = self.closed, "may not be read"
        names.append(path.name)
        if path.suffix[1:].lower() in ENDINGS:
            self.damaged[str(path)] = f"{path} {why}."

    @property
    def total(self) -> int:
        """How many files were left out."""
        pictures = sum(map(len, self.pictures.values()))
        lists = (self.empty, self.broken, self.false, self.closed, self.misnamed)
        return self.other + pictures + sum(map(len, lists))

    def notes(self) -> list[str]:
        """Say what was left out, a sentence for each reason."""
        notes = []
        if self.other:
            noun = "file that is not an image was", "files that are not images were"
            notes.append(f"{plural(self.other, *noun)} ignored.")
        if self.pictures:
            count = Counter({kind: len(names) for kind, names in self.pictures.items()})
            names = [name for group in self.pictures.values() for name in group]
            listed = ", ".join(f"{number:,} {kind}" for kind, number in count.most_common())
            noun = "picture has a format that is", "pictures have formats that are"
            notes.append(
                f"{plural(len(names), *noun)} not read here ({listed}: {few(names)}); convert "
                "them to JPEG or PNG."
            )
        for names, one, many in (
            (self.empty, "file is empty", "files are empty"),
            (self.broken, "link leads nowhere", "links lead nowhere"),
            (
                self.false,
                "file is named like an image and holds none",
                "files are named like images and hold none",
            ),
            (
                self.misnamed,
                "image is left out: its name is no UTF-8, rename it",
                "images are left out: their names are no UTF-8, rename them",
            ),
            (self.closed, "file may not be read", "files may not be read"),
            (
                self.moving,
                "file holds several frames or pages, the first is taken",
                "files hold several frames or pages, the first of each is taken",
            ),
            (
                self.again,
                "image is reached a second time through a link",
                "images are reached a second time through links",
            ),
        ):
            if names:
                notes.append(f"{plural(len(names), one, many)} ({few(names)}).")
        return notes


def few(names: Sequence[str], most: int = 3) -> str:
    """List the first few of some names."""
    shown = ", ".join(printable(name) for name in names[:most])
    return shown + (", ..." if len(names) > most else "")


def printable(name: str) -> str:
    """Show a file name whose bytes are no UTF-8 in the way that they most likely mean."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("cp1252", errors="replace")
    return name
