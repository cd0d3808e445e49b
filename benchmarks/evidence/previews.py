"""Draw the arms without training, by the analytic network, from the trained networks' noise.

    python benchmarks/evidence preview ARMS.npz OUT [--count 200] [--only ARM ...] [--seconds S]

Drawing i begins with the noise of seed i, as in ``train``. OUT/previews.npz has an array of
(count, 32, 32) uint8 per arm and OUT/previews.json what it cost; the same command goes on where
it was stopped. On a GPU 1,000 drawings an arm take seconds.
"""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
from arms import FIRST_SEED, read_arms, reduced, write_json, write_npz
from curadiff.common.devices import choose_device
from curadiff.diffusion import schedules
from curadiff.diffusion.analytic.drawing import Model

DRAW = {"sampler": "ddim", "evaluations": 12}
KINDS = {"rule": "previews", "covariance": "previews-covariance"}  # windows, name of the files
PART = 20  # drawings between two looks at the clock


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("arms", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--windows", choices=KINDS, default="rule")
    parser.add_argument("--name", help="of the files in OUT; by default by the windows")
    parser.add_argument("--count", type=int, default=200, help="drawings of each arm")
    parser.add_argument("--only", nargs="+", help="arms; by default all, the largest one last")
    parser.add_argument("--side", type=int, default=32, help="side of the pictures")
    parser.add_argument("--seconds", type=float, default=1e9, help="then it stops")
    parser.add_argument("--device", default="auto")


def main(given: Namespace) -> None:
    """Draw every arm that is not drawn yet."""
    deadline = time.time() + given.seconds
    arms = read_arms(given.arms)
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / f"{given.name or KINDS[given.windows]}.npz"
    drawn = dict(np.load(file)) if file.exists() else {}
    record = file.with_suffix(".json")
    costs = json.loads(record.read_text()) if record.exists() else []
    for arm in given.only or sorted(arms.rows, key=lambda name: len(arms.rows[name])):
        if len(drawn.get(arm, ())) >= given.count:
            continue
        pictures = drawn.get(arm, np.empty((0, given.side, given.side), np.uint8))
        begin, cpu, before = time.perf_counter(), time.process_time(), len(pictures)
        network = model(reduced(arms.pool[arms.rows[arm]], given.side), given.windows, given.device)
        while len(pictures) < given.count and time.time() < deadline:
            end = min(len(pictures) + PART, given.count)
            more = draw(network, range(FIRST_SEED + len(pictures), FIRST_SEED + end))
            pictures = np.concatenate([pictures, more])
        cost = {
            "arm": arm,
            "drawings": len(pictures) - before,
            "seconds": time.perf_counter() - begin,
            "cpu_seconds": time.process_time() - cpu,
            "device": network.device.type,
        }
        print(cost, flush=True)
        if len(pictures):
            drawn[arm] = pictures
            write_npz(file, **drawn)
            costs.append(cost)
            write_json(record, costs)
        if time.time() >= deadline:
            break


def model(pictures: np.ndarray, windows: str, device: str = "cpu") -> Model:
    """Make the analytic network of (n, side, side) uint8 gray pictures."""
    rgb = np.repeat(pictures[:, None], 3, 1)
    return Model(
        rgb, side=pictures.shape[-1], mirrored=False, by=windows, device=choose_device(device)
    )


def draw(network: Model, seeds: range) -> np.ndarray:
    """Draw (n, side, side) uint8, one picture per seed."""
    levels = schedules.alpha_bar("karras", 1000).tolist()
    return network.sample(seeds, alpha_bar=levels, **DRAW).pictures[..., 0]
