"""Photographs of garments by many contributors, previews of them, and the judge."""

from __future__ import annotations

import csv
from argparse import ArgumentParser, Namespace
from collections import Counter
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from arms import FIRST_SEED, reduced, write_npz
from choosing import embed
from curadiff import encoders
from curadiff.common.devices import choose_device
from curadiff.diffusion.analytic.drawing import Model
from PIL import Image
from planted import DRAW, judged

PART = 10  # drawings at a time
TRAINED = 32  # side of what networks are trained on


class Photographs(NamedTuple):
    """Pictures (n, 128, 128, 3) uint8 with their classes, contributors and names."""

    pictures: np.ndarray
    labels: np.ndarray
    people: np.ndarray
    names: np.ndarray

    def take(self, rows: np.ndarray) -> Photographs:
        """Return some of them."""
        return Photographs(*(one[rows] for one in self))


def read(folder: Path) -> Photographs:
    """Read all photographs."""
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    pictures = [np.asarray(Image.open(folder / row["file"]).convert("RGB")) for row in rows]
    columns = (np.array([row[name] for row in rows]) for name in ("label", "sender_id", "file"))
    return Photographs(np.stack(pictures), *columns)


def split(every: Photographs) -> tuple[Photographs, Photographs]:
    """Put whole contributors aside until a fifth of the photographs is."""
    counts = Counter(every.people.tolist())
    names = np.random.default_rng(0).permutation(sorted(counts))
    aside: set[str] = set()
    for name in names:
        if counts[name] <= len(every.people) / 20:
            aside.add(str(name))
        if sum(counts[one] for one in aside) >= len(every.people) / 5:
            break
    chosen = np.isin(every.people, sorted(aside))
    return every.take(np.flatnonzero(~chosen)), every.take(np.flatnonzero(chosen))


def add_arguments(parser: ArgumentParser) -> None:
    """Say where the photographs and the judge are, and how previews are drawn."""
    for name in ("garments", "encoder", "weights", "folder"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--side", type=int, default=32, help="px at which previews are decided")
    parser.add_argument("--drawings", type=int, default=200, help="of each preview")
    parser.add_argument("--device", default="auto", help="where to draw")
    parser.add_argument("--train", type=int, help="only so many photographs")


class Trial:
    """The photographs that train, previews of some of them, and values against the others.

    Attributes:
        train: What can be chosen.
        reference: What drawings are compared with, by other contributors.
    """

    def __init__(self, given: Namespace) -> None:
        self.given = given
        train, self.reference = split(read(given.garments))
        if given.train:
            few = np.random.default_rng(0).permutation(len(train.labels))[: given.train]
            train = train.take(few)
        self.train = train
        self.drawn = given.folder / "drawn"
        self.drawn.mkdir(parents=True, exist_ok=True)
        self._encoder = encoders.load(
            f"python:{given.encoder}:load", weights=str(given.weights), device="cpu"
        )

    def see(self, pictures: np.ndarray) -> np.ndarray:
        """Return the judge's features of (n, h, w, 3) uint8."""
        return embed(pictures, self._encoder, normalize=False)

    @cached_property
    def real(self) -> np.ndarray:
        """The judge's features of the reference."""
        return self.see(self.reference.pictures)

    @cached_property
    def _train_features(self) -> np.ndarray:
        return self.see(self.train.pictures)

    def model(self, rows: np.ndarray, side: int | None = None) -> Model:
        """Make the analytic network of some photographs as the product's previews do."""
        return Model(
            self.train.pictures[rows].transpose(0, 3, 1, 2),
            side=side or self.given.side,
            mirrored=True,
            by="rule",
            device=choose_device(self.given.device),
        )

    def draw(self, name: str, rows: np.ndarray, side: int | None = None) -> np.ndarray:
        """Preview photographs, or read what was drawn of them under this name before."""
        path = self.drawn / f"{name.replace(' ', '-')}-{side or self.given.side}px.npz"
        photographs = sha256("\n".join(self.train.names[rows]).encode()).hexdigest()
        if path.exists():
            with np.load(path) as file:
                same = str(file.get("photographs", "")) == photographs
                if same and len(file["drawn"]) >= self.given.drawings:
                    return file["drawn"][: self.given.drawings]
        network, end = self.model(rows, side), FIRST_SEED + self.given.drawings
        parts = (range(at, min(at + PART, end)) for at in range(FIRST_SEED, end, PART))
        drawn = np.concatenate([network.sample(seeds, **DRAW).pictures for seeds in parts])
        write_npz(path, drawn=drawn, photographs=photographs)
        print(name, flush=True)
        return drawn

    def values(self, name: str, rows: np.ndarray, side: int | None = None) -> dict[str, Any]:
        """Return values, with intervals, of a preview of some photographs."""
        drawn = self.see(self.draw(name, rows, side))
        return judged(self.real, drawn, self._train_features[rows])

    def small(self, pictures: np.ndarray) -> np.ndarray:
        """Return features of pictures as a network of 32 px would draw them.

        Real pictures and previews lose what such drawings cannot have, so that sharpness
        alone tells no one apart.
        """
        return self.see(reduced(pictures, TRAINED))
