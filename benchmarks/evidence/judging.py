"""Judge all drawings alike: trained networks', previews', and the chosen pictures themselves.

    python benchmarks/evidence judge IMAGES LABELS ARMS.npz FOLDER RESULTS.json

FOLDER has drawings-N.npz of ``train`` and previews.npz of ``preview``. The judge is a small
network trained on the labels of 45,353 pictures that are in no arm; the reference is the 3,000
that are held out. RESULTS.json gets, for each model, what the product's metrics say of up to
``--count`` pictures, with 95 % intervals over images; and how the article's arms differ.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arms import ARTICLE, VALUES, Arms, every_drawing, read_arms, reduced, write_json
from curadiff import metrics
from curadiff.metrics.evaluation import Evaluation
from preview import Judge, read, train_judge
from previews import KINDS

METRICS = (
    "frechet_distance",
    "precision_recall",
    "density_coverage",
    "clipped_density_coverage",
    "memorization",
)
COUNT = 1000  # pictures of each model
Key = tuple[str, str, int, int]  # kind, arm, training seed, images seen


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("arms", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--count", type=int, default=COUNT, help="pictures of each model")
    parser.add_argument("--side", type=int, default=32, help="side of the drawings")


def main(given: Namespace) -> None:
    """Train the judge, judge everything, compare the article's arms."""
    begin = time.process_time()
    held_out, _, others = read(given)
    arms = read_arms(given.arms)
    judge = load_judge(given.folder / "judge.pt", others)
    real = judge.see(as_drawn(held_out, given.side))
    pool = judge.see(as_drawn(arms.pool, given.side))
    features = {arm: pool[rows] for arm, rows in arms.rows.items()}
    evaluations = {}
    for key, every in everything(given.folder, arms):
        pictures = every[: given.count]
        kind, arm = key[:2]
        evaluations[key] = metrics.evaluate(
            real=real,
            generated=judge.see(as_drawn(pictures, given.side)),
            train=None if kind == "chosen" else features[arm],
            metrics=METRICS[:-1] if kind == "chosen" else METRICS,
            counts="unequal",
            null_draws=1,
        )
        print(*key, round(evaluations[key].values["frechet_distance"] or 0, 2), flush=True)
    results = {
        "side": given.side,
        "judge_accuracy": accuracy(judge, as_drawn(held_out, given.side), held_out_labels(given)),
        "values": [record_of(key, evaluation) for key, evaluation in evaluations.items()],
        "null": null_of(real, pool, given.count),
        "differences": differences(evaluations),
        "cpu_seconds": time.process_time() - begin,
    }
    write_json(given.results, results)


def as_drawn(pictures: np.ndarray, side: int) -> np.ndarray:
    """Show the judge, which knows 32 px, all pictures as the models draw them, of fewer px.

    Real pictures lose what the drawings cannot have, so that sharpness alone tells no one apart.
    """
    return reduced(reduced(pictures, side), 32)


def load_judge(path: Path, others: tuple[np.ndarray, np.ndarray]) -> Judge:
    """Read the judge's weights, or train it and keep them."""
    if not path.exists():
        torch.save(train_judge(*others).state_dict(), path)
    judge = Judge()
    judge.load_state_dict(torch.load(path, weights_only=True))
    return judge


def held_out_labels(given: Namespace) -> np.ndarray:
    """Return the labels of the held-out pictures, by the split of `preview.read`."""
    from preview import HELD_OUT, idx

    labels = idx(given.labels)
    return labels[np.random.default_rng(0).permutation(len(labels))[:HELD_OUT]]


@torch.no_grad()
def accuracy(judge: Judge, pictures: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of pictures that the judge names rightly."""
    features = torch.from_numpy(judge.see(pictures)).float()
    return float((judge.classes(features).argmax(1).numpy() == labels).mean())


def everything(folder: Path, arms: Arms) -> Iterator[tuple[Key, np.ndarray]]:
    """Yield the pictures of every model: trained ones, previews, and the chosen pictures."""
    for arm, seed, images, pictures in every_drawing(folder):
        yield ("trained", arm, seed, images), pictures
    for name in KINDS.values():
        if (folder / f"{name}.npz").exists():
            with np.load(folder / f"{name}.npz") as previews:
                for arm in previews.files:
                    yield (name, arm, 0, 0), previews[arm]
    for arm, rows in arms.rows.items():
        few = np.random.default_rng(0).permutation(rows)[:COUNT]
        yield ("chosen", arm, 0, 0), arms.pool[few]


def record_of(key: Key, evaluation: Evaluation) -> dict[str, Any]:
    """Return the values of one model with their intervals."""
    kind, arm, seed, images = key
    values = {}
    for name in VALUES:
        record = evaluation.records.get(name)
        if record is not None and record.value is not None:
            values[name] = {"value": record.value, "interval": record.interval}
    own = {"kind": kind, "arm": arm, "pictures": len(evaluation.generated_rows)}
    return {**own, **({"seed": seed, "images_seen": images} if images else {}), "values": values}


def null_of(real: np.ndarray, pool: np.ndarray, count: int) -> dict[str, Any]:
    """Return what as many pictures of the pool score: the best that a model can be."""
    rows = np.random.default_rng(1).choice(len(pool), count, replace=False)
    evaluation = metrics.evaluate(
        real=real, generated=pool[rows], metrics=METRICS[:-1], counts="unequal", null_draws=0
    )
    return {name: value for name, value in evaluation.values.items() if name in VALUES}


def differences(evaluations: Mapping[Key, Evaluation]) -> list[dict[str, Any]]:
    """Compare the article's arms at every number of images seen that all of them came to.

    The random arm has an entry per selection, the mean over its training seeds, where all
    three selections were trained as long.
    """
    trained = [key for key in evaluations if key[0] == "trained"]
    lines = []
    for images in sorted({key[3] for key in trained}):
        values = {}
        for name in VALUES:
            by_arm = {
                arm: {
                    key[2]: metrics.seed_value(evaluations[key], name)
                    for key in trained
                    if key[1] == arm and key[3] == images
                }
                for arm in ARTICLE
            }
            draws = [
                [
                    evaluations[key].values[name]
                    for key in trained
                    if key[1] == f"random-{draw}" and key[3] == images
                ]
                for draw in range(3)
            ]
            if all(draws):
                by_arm["random"] = {n: float(np.mean(one)) for n, one in enumerate(draws)}
                del by_arm["random-0"]
            values[name] = by_arm
        lines += [
            {"images_seen": images, "metric": name, **line}
            for name, by_arm in values.items()
            for line in pairs({arm: one for arm, one in by_arm.items() if one})
        ]
    return lines


def pairs(by_arm: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every two arms' difference with its interval."""
    for (first, second), one in metrics.compare_arms(by_arm).items():
        yield {
            "first": first,
            "second": second,
            "difference": one.value,
            "interval": one.interval,
            "p_value": one.p_value,
            "trainings": one.seeds,
        }
