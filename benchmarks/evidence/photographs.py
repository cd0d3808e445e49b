"""Photographs in colour: previews shown at 128 px, who harms them most, trained networks.

    python benchmarks/evidence photographs GARMENTS ENCODER WEIGHTS FOLDER [--parts PART ...]

GARMENTS is a folder with images/ and labels.csv (columns file, label, sender_id). Contributors are
split: those of about a fifth of the photographs are the reference, the others train. ENCODER is a
Python file with a function load(weights), the judge; the selection sees ``builtin``. FOLDER gets
a JSON file per part and all drawings, so that the same command goes on where it was stopped.

    select   writes arms.npz, which ``train`` reads
    sides    previews of all photographs decided at 32 and at 64 px
    arms     previews of all, random, typicality and coreset; photographs.jpg shows them
    harm     the twenty photographs of most harm, in worst.png, and previews without them
    groups   previews without each of the largest contributors
    trained  judges drawings-N.npz that ``train`` has put into FOLDER, and previews, at 32 px,
             and writes same-noise.jpg
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from typing import Any

import garments
import numpy as np
from agreement import r2
from arms import ARTICLE, LABELS, every_drawing, reduced, write_json, write_npz
from chance import against_chance, plain
from choosing import embed
from curadiff import selectors
from figures import sheet
from garments import TRAINED, Trial
from planted import DRAW, judged
from worst import worst_images

BUDGET = 400
SIDES, COLUMNS = (32, 64), 6
METHODS = (
    ("random-0", "random", 0),
    ("typicality", "typicality", 0),
    ("coreset", "coreset", 0),
    ("random-1", "random", 1),
    ("random-2", "random", 2),
)
CONTRIBUTORS, BY_CHANCE = 6, 5


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    garments.add_arguments(parser)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS)[:-1])


def main(given: Namespace) -> None:
    """Run the parts."""
    trial = Trial(given)
    for name in given.parts:
        begin = time.process_time()
        answer = {
            "side": given.side,
            "drawings": given.drawings,
            "train": len(trial.train.labels),
            "reference": len(trial.reference.labels),
            **PARTS[name](trial),
            "cpu_seconds": time.process_time() - begin,
        }
        write_json(given.folder / f"photographs-{name}-{given.side}px.json", answer)
        print(name, round(answer["cpu_seconds"]), "CPU-s", flush=True)


def choose(trial: Trial) -> tuple[int, dict[str, np.ndarray]]:
    """Return the budget and what each way chooses."""
    x = embed(trial.train.pictures, "builtin")
    budget = min(BUDGET, len(x) // 2)
    chosen = {"full": np.arange(len(x))}
    for name, method, seed in METHODS:
        rows = selectors.select(x, budget, method=method, seed=seed).indices
        chosen[name] = np.asarray(rows, np.int32)
    return budget, chosen


def select(trial: Trial) -> dict[str, Any]:
    """Write the arms with pictures of 32 px, as ``train`` reads them."""
    budget, chosen = choose(trial)
    rows = {f"rows/{name}": one for name, one in chosen.items()}
    pool = reduced(trial.train.pictures, TRAINED)
    write_npz(trial.given.folder / "arms.npz", pool=pool, **rows)
    return {"budget": budget, "arms": {name: len(one) for name, one in chosen.items()}}


def sides(trial: Trial) -> dict[str, Any]:
    """Decide the preview of all photographs at more pixels, and see what it costs."""
    rows = np.arange(len(trial.train.labels))
    answer = {}
    for side in SIDES:
        begin = time.process_time()
        trial.model(rows, side).sample(range(5), **DRAW)
        seconds = (time.process_time() - begin) / 5
        answer[f"{side} px"] = {
            "cpu_seconds_a_drawing": seconds,
            "values": trial.values("full", rows, side),
        }
    return answer


def arms(trial: Trial) -> dict[str, Any]:
    """Preview every way to choose; judge the chosen photographs themselves beside it."""
    budget, chosen = choose(trial)
    features = trial.see(trial.train.pictures)
    rows = [(LABELS[arm], trial.draw(arm, chosen[arm])) for arm in ARTICLE]
    sheet(rows, COLUMNS).save(trial.given.folder / "photographs.jpg", quality=80)
    return {
        "budget": budget,
        "previews": {name: trial.values(name, rows) for name, rows in chosen.items()},
        "chosen": {name: judged(trial.real, features[rows]) for name, rows in chosen.items()},
    }


def groups(trial: Trial) -> dict[str, Any]:
    """Leave each of the largest contributors out, against as many photographs by chance.

    Chance is drawn for the size of the largest one, and for the mean of the others'.
    """
    people = trial.train.people
    counts = Counter(people.tolist()).most_common(CONTRIBUTORS)
    middle = round(np.mean([count for _, count in counts[1:]]))
    values = {"all": trial.values("full", np.arange(len(people)))}
    changes = {}
    for name, count in counts:
        size = count if name == counts[0][0] else middle
        chances = []
        for draw in range(BY_CHANCE):
            words = f"{size} fewer by chance {draw}"
            rows = np.random.default_rng(200 + draw).permutation(len(people))[size:]
            values[words] = values.get(words) or trial.values(words, np.sort(rows))
            chances.append(plain(values[words]))
        values[f"without {name}"] = trial.values(f"without {name}", np.flatnonzero(people != name))
        changes[name] = against_chance(plain(values[f"without {name}"]), chances)
    return {"contributors": dict(counts), "previews": values, "changes": changes}


def trained(trial: Trial) -> dict[str, Any]:
    """Judge trained networks' drawings, previews and the chosen photographs alike, at 32 px."""
    _, chosen = choose(trial)
    real, features = trial.small(trial.reference.pictures), trial.small(trial.train.pictures)
    lines, same_noise, shown = [], {}, []
    for arm, seed, images, pictures in every_drawing(trial.given.folder):
        values = judged(real, trial.small(pictures), features[chosen[arm]])
        line = {"kind": "trained", "arm": arm, "seed": seed, "images_seen": images}
        lines.append({**line, "pictures": len(pictures), "values": values})
        shown.append((f"{LABELS[arm]}, {images // 1000}k seen", larger(pictures[:COLUMNS])))
        preview = reduced(trial.draw(arm, chosen[arm]), TRAINED)
        same_noise[f"{arm}/{seed}/{images}"] = {
            "preview": r2(preview, pictures),
            "other_noise": r2(preview, np.roll(pictures, 1, axis=0)),
        }
    for arm, rows in chosen.items():
        pictures = trial.draw(arm, rows)
        if arm in ARTICLE:
            shown.append((f"{LABELS[arm]}, preview", pictures[:COLUMNS]))
        values = judged(real, trial.small(pictures), features[rows])
        lines.append({"kind": "preview", "arm": arm, "pictures": len(pictures), "values": values})
        lines.append({"kind": "chosen", "arm": arm, "values": judged(real, features[rows])})
    figure = sheet(sorted(shown, key=lambda row: row[0]), COLUMNS)
    figure.save(trial.given.folder / "same-noise.jpg", quality=80)
    return {"values": lines, "same_noise": same_noise}


def larger(pictures: np.ndarray) -> np.ndarray:
    """Show pictures of 32 px as large as those of 128, each pixel as a square."""
    return pictures.repeat(4, 1).repeat(4, 2)


PARTS = {
    "select": select,
    "sides": sides,
    "harm": worst_images,
    "arms": arms,
    "groups": groups,
    "trained": trained,
}
