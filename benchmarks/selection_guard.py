"""Plant foreign images in a real pool: does typicality keep them out, at what price?

    python benchmarks/selection_guard.py --pool EMBEDDINGS.npz --encoder ENCODER.py
        --weights WEIGHTS.pt --foreign IMAGES-idx3-ubyte.gz

The pool is an npz file with ``embeddings`` (n, d). The encoder is a
Python file with ``load(weights)``, giving a module from (b, 3, 224, 224) in [0, 1] to (b, d).
Foreign images are drawn from an idx file (28 x 28, gray) and rendered by this script.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
from pathlib import Path

import numpy as np
import torch
from curadiff.selectors import select
from curadiff.selectors.core.frechet import PoolGaussian
from curadiff.selectors.core.rows import unit_rows

SIZES, BUDGETS, REPEATS = (3, 8, 15), (300, 1000), 3


def encode(encoder, images):
    with torch.inference_mode():
        return torch.cat([encoder(part) for part in images.split(16)]).numpy()


def load_encoder(path, weights):
    spec = importlib.util.spec_from_file_location("encoder", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load(weights)


def photographs(path, count):
    raw = np.frombuffer(gzip.decompress(Path(path).read_bytes()), np.uint8, offset=16)
    raw = raw.reshape(-1, 28, 28)
    rows = np.random.default_rng(0).choice(len(raw), count, replace=False)
    images = torch.from_numpy(raw[rows] / np.float32(255))[:, None]
    return torch.nn.functional.interpolate(images, size=(224, 224), mode="bilinear").repeat(
        1, 3, 1, 1
    )


def rendered(count):
    """Draw discs, stripes, noise and rectangles in random colours."""
    y, x = np.mgrid[0:224, 0:224] / 224
    images = np.empty((count, 224, 224, 3), np.float32)
    for number in range(count):
        rng = np.random.default_rng(number)
        image = images[number]
        image[:] = rng.random(3)
        kind = number % 4
        if kind == 0:
            for _ in range(12):
                cy, cx = rng.random(2)
                image[(y - cy) ** 2 + (x - cx) ** 2 < rng.uniform(0.02, 0.2) ** 2] = rng.random(3)
        elif kind == 1:
            angle, pitch = rng.uniform(0, 6), rng.integers(10, 80)
            wave = 0.5 + 0.5 * np.sin((x * np.cos(angle) + y * np.sin(angle)) * pitch)
            image[:] = wave[..., None] * rng.random(3)
        elif kind == 2:
            image[:] = rng.random(image.shape)
        else:
            for _ in range(8):
                top, left = rng.integers(0, 180, 2)
                height, width = rng.integers(10, 120, 2)
                image[top : top + height, left : left + width] = rng.random(3)
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("pool", "encoder", "weights", "foreign"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    real = np.load(given.pool)["embeddings"].astype(np.float32)
    encoder = load_encoder(given.encoder, given.weights)
    count = max(SIZES) * REPEATS
    kinds = {
        "photographs": encode(encoder, photographs(given.foreign, count)),
        "rendered": encode(encoder, rendered(count)),
    }
    print("foreign       planted  flagged  inliers flagged  picked of 1,000")
    for kind, foreign in kinds.items():
        for size in SIZES:
            caught, alarms, taken = [], [], []
            for repeat in range(REPEATS):
                x = np.concatenate([real, foreign[repeat * size :][:size]])
                planted = np.arange(len(x)) >= len(real)
                picked = select(x, min(1000, len(real) // 2))
                caught.append(picked.flagged[planted].mean())
                alarms.append(picked.flagged[~planted].mean())
                taken.append(planted[picked.indices].sum())
            print(
                f"{kind:13} {size:7} {np.mean(caught):8.0%} {np.mean(alarms):16.2%} "
                f"{np.mean(taken):16.1f}"
            )
    pool = PoolGaussian(unit_rows(real))
    print("\nbudget  Frechet distance x1e3: typicality  random (10 draws)  ratio")
    for budget in BUDGETS:
        own = pool.distance(select(real, budget).indices)
        rng = np.random.default_rng(0)
        drawn = [pool.distance(rng.choice(len(real), budget, replace=False)) for _ in range(10)]
        mean = np.mean(drawn)
        print(
            f"{budget:6} {1e3 * own:34.2f} {1e3 * min(drawn):8.2f} to {1e3 * max(drawn):.2f} "
            f"{own / mean:6.2f}"
        )


if __name__ == "__main__":
    main()
