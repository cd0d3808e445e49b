"""Photographs in colour: previews decided at 32 px and shown at 128, and who harms them most.

    python benchmarks/evidence photographs GARMENTS ENCODER WEIGHTS FOLDER [--parts PART ...]

GARMENTS is a folder with images/ and labels.csv (columns file, label, sender_id). Contributors are
split: those of about a fifth of the photographs are the reference, the others train. ENCODER is a
Python file with a function load(weights), the judge; the selection sees ``builtin``. FOLDER gets
a JSON file per part, arms.npz, which ``train`` reads, and worst.png, the twenty photographs of
most harm.
"""

from __future__ import annotations

import csv
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from arms import reduced, write_json, write_npz
from choosing import embed
from curadiff import encoders, selectors
from curadiff.common.devices import choose_device
from curadiff.diffusion.analytic import harm
from curadiff.diffusion.analytic.drawing import Model
from PIL import Image, ImageDraw
from planted import DRAW, judged

SIDE, PART, WORST = 32, 10, 20
BUDGET, TRAINED = 400, 32
METHODS = (
    ("random-0", "random", 0),
    ("typicality", "typicality", 0),
    ("coreset", "coreset", 0),
    ("random-1", "random", 1),
    ("random-2", "random", 2),
)


class Photographs(NamedTuple):
    """Pictures (n, 128, 128, 3) uint8 with their classes, contributors and names."""

    pictures: np.ndarray
    labels: np.ndarray
    people: np.ndarray
    names: np.ndarray

    def take(self, rows: np.ndarray) -> Photographs:
        """Return some of them."""
        return Photographs(*(one[rows] for one in self))


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    for name in ("garments", "encoder", "weights", "folder"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--drawings", type=int, default=200)
    parser.add_argument("--device", default="auto", help="where to draw")
    parser.add_argument("--train", type=int, help="only so many photographs")


def main(given: Namespace) -> None:
    """Run the parts."""
    train, reference = split(read(given.garments))
    if given.train:
        train = train.take(np.random.default_rng(0).permutation(len(train.labels))[: given.train])
    given.folder.mkdir(parents=True, exist_ok=True)
    judge = Features(given)
    real = judge.see(reference.pictures)
    for name in given.parts:
        begin = time.process_time()
        found = PARTS[name](train, real, judge, given)
        found |= {"train": len(train.labels), "reference": len(real)}
        found["cpu_seconds"] = time.process_time() - begin
        write_json(given.folder / f"photographs-{name}.json", found)
        print(name, round(found["cpu_seconds"]), "CPU-s", flush=True)


class Features:
    """The judge: the user's own encoder, as the product loads it."""

    def __init__(self, given: Namespace) -> None:
        self.encoder = encoders.load(
            f"python:{given.encoder}:load", weights=str(given.weights), device="cpu"
        )

    def see(self, pictures: np.ndarray) -> np.ndarray:
        """Return features of (n, 128, 128, 3) uint8."""
        return embed(pictures, self.encoder, normalize=False)


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


def model(pictures: np.ndarray, device: str) -> Model:
    """Make the analytic network as the product's previews do."""
    return Model(
        pictures.transpose(0, 3, 1, 2),
        side=SIDE,
        mirrored=True,
        by="rule",
        device=choose_device(device),
    )


def draw(pictures: np.ndarray, given: Namespace) -> np.ndarray:
    """Draw from pictures."""
    network, count = model(pictures, given.device), given.drawings
    parts = (range(at, min(at + PART, count)) for at in range(0, count, PART))
    return np.concatenate([network.sample(seeds, **DRAW).pictures for seeds in parts])


def worst_images(
    train: Photographs, real: np.ndarray, judge: Features, given: Namespace
) -> dict[str, Any]:
    """Find the photographs of most harm; drop them, or as many by chance, and draw again."""
    n, network = len(train.labels), model(train.pictures, given.device)
    made = [network.vary(range(at, min(at + PART, n)), **DRAW) for at in range(0, n, PART)]
    drawn = judge.see(np.concatenate([one.pictures for one in made]))
    sources = [source for one in made for source in one.sources]
    influence = harm.influence(sources, outside=harm.outside(real=real, drawn=drawn), n=n)
    order = influence.worst()
    sheet(train.take(order[:WORST])).save(given.folder / "worst.png", optimize=True)
    by_chance = np.random.default_rng(1).permutation(n)
    kept = {"all": by_chance, "without worst": order[WORST:], "by chance": by_chance[WORST:]}
    return {
        "bad": influence.bad,
        "worst": [
            {
                "file": train.names[row],
                "label": train.labels[row],
                "contributor": train.people[row],
                "harm": influence.harm[row],
                "low": influence.low[row],
            }
            for row in order[:WORST]
        ],
        "clearly_harmful": int((influence.low > 0).sum()),
        "dropped": {
            name: judged(real, judge.see(draw(train.pictures[rows], given)))
            for name, rows in kept.items()
        },
    }


def sheet(worst: Photographs) -> Image.Image:
    """Show photographs at 96 px, five in a row, with their places and classes."""
    cell, line = 96, 14
    image = Image.new("RGB", (5 * cell, -(-len(worst.labels) // 5) * (cell + line)), "white")
    pen = ImageDraw.Draw(image)
    for place, picture in enumerate(worst.pictures):
        x, y = place % 5 * cell, place // 5 * (cell + line)
        image.paste(Image.fromarray(picture).resize((cell, cell)), (x, y))
        pen.text((x + 2, y + cell + 1), f"{place + 1} {worst.labels[place]}", fill="black")
    return image.quantize(128)


def arms(train: Photographs, real: np.ndarray, judge: Features, given: Namespace) -> dict[str, Any]:
    """Preview four ways to choose."""
    budget, chosen = choose(train)
    values = {}
    for name, rows in chosen.items():
        drawn = judge.see(draw(train.pictures[rows], given))
        values[name] = judged(real, drawn, judge.see(train.pictures[rows]))
    return {"budget": budget, "previews": values}


def choose(train: Photographs) -> tuple[int, dict[str, np.ndarray]]:
    """Return the budget and what each way chooses."""
    x = embed(train.pictures, "builtin")
    budget = min(BUDGET, len(x) // 2)
    chosen = {"full": np.arange(len(x))}
    for name, method, seed in METHODS:
        rows = selectors.select(x, budget, method=method, seed=seed).indices
        chosen[name] = np.asarray(rows, np.int32)
    return budget, chosen


def select(
    train: Photographs, real: np.ndarray, judge: Features, given: Namespace
) -> dict[str, Any]:
    """Write the arms with pictures of 32 px, as ``train`` reads them."""
    budget, chosen = choose(train)
    rows = {f"rows/{name}": one for name, one in chosen.items()}
    write_npz(given.folder / "arms.npz", pool=reduced(train.pictures, TRAINED), **rows)
    return {"budget": budget, "arms": {name: train.names[one] for name, one in chosen.items()}}


def groups(
    train: Photographs, real: np.ndarray, judge: Features, given: Namespace
) -> dict[str, Any]:
    """Leave each of the largest contributors out, against as many photographs by chance."""
    counts = Counter(train.people.tolist()).most_common(6)
    random = np.random.default_rng(0)
    values = {"all": judged(real, judge.see(draw(train.pictures, given)))}
    for name, count in counts:
        others = np.flatnonzero(train.people != name)
        chance = random.permutation(len(train.people))[count:]
        for words, rows in ((f"without {name}", others), (f"by chance, {count} fewer", chance)):
            values[words] = judged(real, judge.see(draw(train.pictures[rows], given)))
    return {"contributors": dict(counts), "previews": values}


PARTS = {"select": select, "harm": worst_images, "arms": arms, "groups": groups}
