"""Planted truth: which selection, metric and preview sees which fault of a training set?

    python benchmarks/evidence planted OUT.json [--seeds 3] [--drawings 120]

The pictures are people drawn by curadiff.demo, so that every fault is known. 480 pictures train;
240 others, drawn alike and without a fault, are the reference. One set is clean, four have one
fault each:

    outliers   5 % spoiled pictures: upside down, inverted, blurred, or no person
    copies     20 % near-copies, four of each of 24 originals
    missing    no dress (14 % of the reference)
    doubled    three times as many hoodies as in the reference (21 %, not 8 %)

Selection sees the encoder ``builtin``; metrics see ``scattering``, which shares nothing with it.
For selections all faults but the missing class are planted in one pool of 600, of which 150 are
chosen.
"""

from __future__ import annotations

import random
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from arms import CHOOSING, VALUES, write_json
from choosing import embed
from curadiff import metrics, selectors
from curadiff.common.devices import choose_device
from curadiff.common.preparation import square
from curadiff.demo.figure import draw_figure
from curadiff.demo.outliers import OUTLIERS
from curadiff.demo.people import RARE, SHARES, draw_person
from curadiff.demo.plan import Planned, _nudged, quota
from curadiff.diffusion import schedules
from curadiff.diffusion.analytic import harm
from curadiff.diffusion.analytic.drawing import Model

SIDE, TRAIN, REFERENCE = 64, 480, 240
MISSING, DOUBLED = "dress", "hoodie"
METHODS = ("random", *CHOOSING)
LEVELS = schedules.alpha_bar("karras", 1000).tolist()
DRAW = {"alpha_bar": LEVELS, "sampler": "ddim", "evaluations": 12}
PART = 20


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="draws of all pictures")
    parser.add_argument("--drawings", type=int, default=120, help="of each preview; 0 for none")
    parser.add_argument("--train", type=int, default=TRAIN)


def main(given: Namespace) -> None:
    """Run every part for every seed and write what each sees."""
    begin = time.process_time()
    runs = []
    for seed in range(given.seeds):
        sets = training_sets(seed, given.train)
        real = embed_plain(pictures_of(people(f"{seed}/reference", REFERENCE), seed))
        features = {name: embed_plain(pictures) for name, (pictures, _) in sets.items()}
        run: dict[str, Any] = {
            "selections": selections(seed),
            "sets": {name: judged(real, one) for name, one in features.items()},
        }
        if given.drawings:
            for windows in ("rule", "covariance"):
                found = previews(sets, features, real, given.drawings, windows)
                run[f"previews, {windows}"], run[f"harm, {windows}"] = found
        runs.append(run)
        print(seed, round(time.process_time() - begin), "CPU-s", flush=True)
        write_json(
            given.out,
            {
                "train": given.train,
                "reference": REFERENCE,
                "drawings": given.drawings,
                "cpu_seconds": time.process_time() - begin,
                "seen": {
                    part: seen([one[part] for one in runs])
                    for part in ("sets", "previews, rule", "previews, covariance")
                    if part in run
                },
                "runs": runs,
            },
        )


def people(key: str, count: int, shares: Mapping[str, float] = SHARES) -> list[Planned]:
    """Plan so many people, none of them spoiled."""
    labels = [label for label, n in quota(count, shares).items() for _ in range(n)]
    return [
        Planned(f"{i:05d}", "train", label, "", draw_person(label, random.Random(f"{key}/{i}")))
        for i, label in enumerate(labels)
    ]


def spoiled(planned: list[Planned], count: int) -> list[Planned]:
    """Spoil some, kind after kind."""
    kinds = list(OUTLIERS)
    return [
        Planned(one.id, "train", one.label, "outlier", one.person, kinds[n % len(kinds)])
        for n, one in enumerate(planned[:count])
    ]


def copied(planned: list[Planned], originals: int, times: int, seed: int) -> list[Planned]:
    """Photograph some again and again, a pixel aside."""
    rng = random.Random(f"{seed}/copies")
    return [
        Planned(one.id, "train", one.label, "copy", _nudged(one.person, rng), "", one.id)
        for one in planned[:originals]
        for _ in range(times)
    ]


def pictures_of(planned: list[Planned], seed: int) -> np.ndarray:
    """Draw them, (n, SIDE, SIDE, 3) uint8."""
    drawn = np.empty((len(planned), SIDE, SIDE, 3), np.uint8)
    for place, one in enumerate(planned):
        picture, _ = draw_figure(one.person, (96, 128))
        if one.outlier:
            picture = OUTLIERS[one.outlier](picture, random.Random(f"{seed}/{place}"))
        drawn[place] = np.asarray(square(picture, SIDE))
    return drawn


def shuffled(planned: list[Planned], seed: int) -> list[Planned]:
    """Return them in an order that says nothing."""
    return [planned[i] for i in np.random.default_rng(seed).permutation(len(planned))]


def training_sets(seed: int, n: int) -> dict[str, tuple[np.ndarray, list[Planned]]]:
    """Return the clean set and the four with a fault, all of n pictures."""
    base = shuffled(people(f"{seed}/train", n), seed)
    outliers, originals = round(0.05 * n), round(0.05 * n)
    copies = copied(base, originals, 4, seed)
    without = {label: share for label, share in SHARES.items() if label != MISSING}
    more = {label: share * (3 if label == DOUBLED else 1) for label, share in SHARES.items()}
    sets = {
        "clean": base,
        "outliers": base[outliers:] + spoiled(base, outliers),
        "copies": base[: n - len(copies)] + copies,
        "missing": people(f"{seed}/train", n, without),
        "doubled": people(f"{seed}/train", n, more),
    }
    return {name: (pictures_of(one, seed), one) for name, one in sets.items()}


def embed_plain(pictures: np.ndarray) -> np.ndarray:
    """Embed with the judge's encoder, rows as they are."""
    return embed(pictures, "scattering", normalize=False)


def judged(real: np.ndarray, generated: np.ndarray, train: np.ndarray | None = None) -> Any:
    """Return values and intervals of generated pictures against the reference."""
    evaluation = metrics.evaluate(
        real=real,
        generated=generated,
        train=train,
        metrics=[
            "frechet_distance",
            "precision_recall",
            "density_coverage",
            "clipped_density_coverage",
            *([] if train is None else ["memorization"]),
        ],
        counts="unequal",
        null_draws=0,
    )
    return {
        name: {"value": record.value, "interval": record.interval}
        for name, record in evaluation.records.items()
        if name in VALUES
    }


def selections(seed: int) -> dict[str, Any]:
    """Choose 150 of a pool of 600 by every method and count what was chosen.

    The pool has 5 % outliers, 10 % near-copies (three of each of 20 originals), 21 % of the
    doubled class and 4 % of three rare classes.
    """
    shares = {label: share * (3 if label == DOUBLED else 1) for label, share in SHARES.items()}
    base = shuffled(people(f"{seed}/pool", 540, shares), seed)
    pool = shuffled(spoiled(base[:30], 30) + base[30:] + copied(base[30:], 20, 3, seed), seed + 1)
    x = embed(pictures_of(pool, seed), "builtin")
    found: dict[str, Any] = {"pool": counted(pool)}
    for method in METHODS:
        draws = range(5) if method == "random" else (seed,)
        every = [
            counted([pool[i] for i in selectors.select(x, 150, method=method, seed=draw).indices])
            for draw in draws
        ]
        found[method] = {name: float(np.mean([one[name] for one in every])) for name in every[0]}
    return found


def counted(chosen: list[Planned]) -> dict[str, float]:
    """Return shares of outliers, repeated pictures, doubled class, rare classes."""
    originals = [one.duplicate_of or one.id for one in chosen]
    return {
        "outliers": float(np.mean([one.kind == "outlier" for one in chosen])),
        "repeated": 1 - len(set(originals)) / len(originals),
        "doubled": float(np.mean([one.label == DOUBLED for one in chosen])),
        "rare": float(np.mean([one.label in RARE for one in chosen])),
    }


def previews(
    sets: Mapping[str, tuple[np.ndarray, list[Planned]]],
    features: Mapping[str, np.ndarray],
    real: np.ndarray,
    count: int,
    windows: str,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Preview every set, and look for the outliers by harm."""
    values = {}
    for name, (pictures, _) in sets.items():
        model = Model(
            pictures.transpose(0, 3, 1, 2),
            side=32,
            mirrored=False,
            by=windows,
            device=choose_device("cpu"),
        )
        drawn = [
            model.sample(range(at, at + PART), **DRAW).pictures for at in range(0, count, PART)
        ]
        values[name] = judged(real, embed_plain(np.concatenate(drawn)), features[name])
        if name == "outliers":
            found = harm_of(model, real, sets[name][1])
    return values, found


def harm_of(model: Model, real: np.ndarray, planned: list[Planned]) -> dict[str, Any]:
    """Return how well harm tells outliers from the others."""
    n = len(planned)
    made = [model.vary(range(at, min(at + PART, n)), **DRAW) for at in range(0, n, PART)]
    drawn = embed_plain(np.concatenate([one.pictures for one in made]))
    sources = [source for one in made for source in one.sources]
    influence = harm.influence(sources, outside=harm.outside(real=real, drawn=drawn), n=n)
    bad = np.array([one.kind == "outlier" for one in planned])
    rank = np.empty(n)
    rank[influence.worst()[::-1]] = np.arange(1, n + 1)
    few = bad.sum()
    auc = (rank[bad].sum() - few * (few + 1) / 2) / (few * (n - few))
    worst = influence.worst()[:few]
    return {
        "auc": auc,
        "planted": int(few),
        "among_as_many_worst": int(bad[worst].sum()),
        "by_chance": few * few / n,
    }


def seen(runs: list[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Say how far each value moves from the clean set's, in standard errors over seeds.

    With one seed the error is that of the images of either set.
    """
    found: dict[str, dict[str, Any]] = {}
    for fault in ("outliers", "copies", "missing", "doubled"):
        found[fault] = {}
        for name in VALUES:
            if name not in runs[0]["clean"]:
                continue
            changes, errors = [], []
            for run in runs:
                one, other = run[fault][name], run["clean"][name]
                changes.append(one["value"] - other["value"])
                widths = [np.ptp(v["interval"] or (0, 0)) / 3.92 for v in (one, other)]
                errors.append(np.hypot(*widths))
            error = float(np.sqrt(np.mean(np.square(errors)) / len(runs)))
            if len(runs) > 2:
                error = max(error, float(np.std(changes, ddof=1) / np.sqrt(len(runs))))
            found[fault][name] = {
                "clean": float(np.mean([run["clean"][name]["value"] for run in runs])),
                "change": float(np.mean(changes)),
                "errors": float(np.mean(changes)) / error if error else None,
                "same_sign": len({bool(change > 0) for change in changes}) == 1,
            }
    return found
