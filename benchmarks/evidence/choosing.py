"""Choose the arms: 1,000 of 11,647 pictures of Fashion-MNIST, by eight methods.

    python benchmarks/evidence select IMAGES LABELS ARMS.npz [--pool N --budget N]

IMAGES and LABELS are the official training files. 3,000 pictures are held out, 11,647 are the
pool, 45,353 others train the judge (benchmarks/preview.py has the split). The selection sees the
built-in wavelet scattering, rows of length 1; the judge is another network and sees nothing of it.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
from arms import CHOOSING, read_arms, write_npz
from curadiff import encoders, selectors
from PIL import Image
from preview import read

METHODS = {
    **{f"random-{seed}": ("random", seed) for seed in range(3)},
    **{name: (name, 0) for name in CHOOSING},
}


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("arms", type=Path)
    parser.add_argument("--pool", type=int, help="only so many pictures of the pool")
    parser.add_argument("--budget", type=int, default=1000)


def main(given: Namespace) -> None:
    """Embed the pool, let every method choose, write pictures and rows."""
    pool = read(given)[1][: given.pool]
    x = embed(pool)
    rows = {"rows/full": np.arange(len(pool))}
    for arm, (method, seed) in METHODS.items():
        chosen = selectors.select(x, given.budget, method=method, seed=seed).indices
        rows[f"rows/{arm}"] = np.asarray(chosen, np.int32)
        print(f"{arm}: {len(set(chosen))} pictures", flush=True)
    write_npz(given.arms, pool=pool, **rows)
    print(f"{given.arms}: {len(read_arms(given.arms).rows)} arms")


def embed(
    pictures: np.ndarray, encoder: str | encoders.Encoder = "scattering", *, normalize: bool = True
) -> np.ndarray:
    """Embed (n, h, w[, 3]) uint8 pictures with one of the product's encoders, by name or loaded.

    Rows get length 1, as selection wants it; metrics want them as they are.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number:05d}.png") for number in range(len(pictures))]
        for path, picture in zip(paths, pictures, strict=True):
            Image.fromarray(picture).save(path, compress_level=1)
        loaded = encoders.load(encoder, device="cpu") if isinstance(encoder, str) else encoder
        return loaded.embed(paths, normalize=normalize).features
