"""Which copies does ``memorized`` see? Training photographs, changed as a model might.

    python benchmarks/metrics_memorization.py IMAGES LABELS.csv --encoder python:FILE.py:load \
        --weights FILE

Table and split are those of metrics_example.py: a third of the photographs, by contributor,
is trained on. Each of them is changed and judged; all others are the images that were not
copied. Prints the shares that are flagged, with and without the mirrored training images.
"""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path

import numpy as np
import torch
from curadiff import encoders
from curadiff.metrics import memorization
from metrics_example import Features, copied, split
from PIL import Image, ImageOps


def compressed(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def shifted(image, by, quality):
    """Move down and to the right, the edges repeated; then recompress."""
    pixels = np.pad(np.asarray(image), ((by, 0), (by, 0), (0, 0)), mode="edge")
    return compressed(Image.fromarray(pixels[:-by, :-by]), quality)


CHANGES = {
    "a little noise, JPEG 80": copied,
    "shifted by 2 pixels, JPEG 75": lambda image: shifted(image, 2, 75),
    "shifted by 4 pixels, JPEG 75": lambda image: shifted(image, 4, 75),
    "shifted by 8 pixels, JPEG 60": lambda image: shifted(image, 8, 60),
    "mirrored, JPEG 75": lambda image: compressed(ImageOps.mirror(image), 75),
    "JPEG 30": lambda image: compressed(image, 30),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--weights")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = list(csv.DictReader(given.labels.open(encoding="utf-8")))
    train, *others = split(rows, 1, np.random.default_rng(0))
    encoder = encoders.load(given.encoder, weights=given.weights, device="cpu")
    features = Features(encoder, given.images, rows)
    fresh = features.of(np.concatenate(others))
    cases = {name: features.of(train, change) for name, change in CHANGES.items()}
    for mirrored in (None, features.of(train, ImageOps.mirror)):
        known = {"train": features.of(train), "train_mirrored": mirrored}
        honest = memorization(generated=fresh, **known)
        print(
            f"\n{len(train)} training photographs{'' if mirrored is None else ', mirrored too'}; "
            f"limit {honest.below:.2f}; of {len(fresh)} others {honest.memorized.mean():.1%} "
            f"flagged, {honest.authentic.mean():.0%} authentic"
        )
        for name, copies in cases.items():
            found = memorization(generated=copies, **known)
            flagged, authentic = found.memorized.mean(), found.authentic.mean()
            print(
                f"  {name:30}{flagged:6.1%} flagged, {authentic:4.0%} authentic, "
                f"median ratio {np.median(found.ratio):.2f}"
            )


if __name__ == "__main__":
    main()
