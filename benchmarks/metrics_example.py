"""Which metric sees which fault? Real photographs, harmed in known ways.

    python benchmarks/metrics_example.py IMAGES LABELS.csv --encoder python:FILE.py:load \
        --weights FILE [--count 340]

LABELS.csv has the columns ``file`` (relative to IMAGES), ``label`` (class) and ``sender_id``
(contributor). A third of the photographs, by contributor, plays the training set; the
rest is split at random into the reference and a pool that stands in for a generator's
images: as they are, blurred, few of them repeated, without one class, and last the
training photographs themselves, hardly changed. Prints the tables of
docs/reading-the-numbers.md.
"""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path

import numpy as np
import torch
from curadiff import encoders
from curadiff.common.images import open_rgb
from curadiff.metrics import evaluate
from PIL import Image, ImageFilter

COLUMNS = (
    "frechet_distance", "kernel_distance", "cmmd", "mind", "precision", "recall",
    "density", "coverage", "vendi", "memorized", "authentic",
)  # fmt: skip


def blurred(image):
    return image.filter(ImageFilter.GaussianBlur(2))


def copied(image):
    """What a model that learned its images by heart gives back: a little noise, recompressed."""
    pixels = np.asarray(image, dtype=float)
    noise = np.random.default_rng(int(pixels.sum())).normal(0, 4, pixels.shape)
    file = io.BytesIO()
    noisy = np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(file, "JPEG", quality=80)
    return Image.open(file).convert("RGB")


class Features:
    """Features of the photographs, altered or not; each is computed once."""

    def __init__(self, encoder, folder, rows):
        self.encoder, self.folder, self.rows, self.known = encoder, folder, rows, {}

    def of(self, numbers, change=None):
        """Features of the photographs of these row numbers: (count, features)."""
        missing = [n for n in dict.fromkeys(numbers) if (n, change) not in self.known]
        for start in range(0, len(missing), 32):
            part = missing[start : start + 32]
            images = [open_rgb(self.folder / self.rows[n]["file"]) for n in part]
            images = [change(image) if change else image for image in images]
            stack = np.stack([self.encoder.preprocess(image) for image in images])
            found = self.encoder.forward(stack)
            self.known |= {(n, change): row for n, row in zip(part, found, strict=True)}
        return np.stack([self.known[n, change] for n in numbers])


def split(rows, count, rng):
    """Training photographs by contributor, then reference and pool at random."""
    senders = rng.permutation(sorted({row["sender_id"] for row in rows}))
    trained, train = set(), []
    for sender in senders:
        if len(train) >= len(rows) // 3:
            break
        trained.add(sender)
        train += [n for n, row in enumerate(rows) if row["sender_id"] == sender]
    rest = rng.permutation([n for n, row in enumerate(rows) if row["sender_id"] not in trained])
    return np.array(train), rest[:count], rest[count:]


def scenarios(rows, pool, train, count, dropped, rng):
    """Name, photographs and change of every stand-in for a generator, ``count`` each."""
    some = pool[:count]
    without = [n for n in pool if rows[n]["label"] != dropped][:count]
    few = np.repeat(pool[: count // 10], 10)
    copies = rng.choice(train, count, replace=False)
    return {
        "other real photographs": (some, None),
        "the same, blurred": (some, blurred),
        f"{len(few) // 10} photographs, 10 times each": (few, None),
        f"no {dropped}": (without, None),
        "copies of training photographs": (copies, copied),
    }


def cell(record):
    value = number(record.value)
    return value if record.null is None else f"{value} ({number(record.excess, '+')})"


def number(value, sign=""):
    digits = 0 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3
    return f"{value:{sign}.{digits}f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--weights")
    parser.add_argument("--count", type=int, default=340)
    parser.add_argument("--dropped", default="shoes")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)

    rows = list(csv.DictReader(given.labels.open(encoding="utf-8")))
    rng = np.random.default_rng(given.seed)
    train, reference, pool = split(rows, given.count, rng)
    encoder = encoders.load(given.encoder, weights=given.weights, device="cpu")
    features = Features(encoder, given.images, rows)
    cases = scenarios(rows, pool, train, given.count, given.dropped, rng)
    found = {
        name: evaluate(
            real=features.of(reference),
            generated=features.of(numbers, change),
            train=features.of(train),
            seed=given.seed,
        )
        for name, (numbers, change) in cases.items()
    }

    # The same copies again, with the photographs that they copy as the reference.
    copies, _ = cases["copies of training photographs"]
    lenient = {
        name: evaluate(
            real=features.of(copies), generated=features.of(*case), train=features.of(train)
        )
        for name, case in cases.items()
        if name in ("other real photographs", "copies of training photographs")
    }

    first = next(iter(found.values()))
    null = first.records["frechet_distance"].n_null
    print(
        f"{len(train)} training photographs, {given.count} reference photographs, {given.count} "
        f"in the generated ones' place; {features.of(reference).shape[1]} features; nulls and "
        f"excesses at {null[0]} against {null[1]}.\n"
    )
    print("| | " + " | ".join(cases) + " |\n|---" + "|---" * len(cases) + "|")
    for name in COLUMNS:
        print(f"| {name} | " + " | ".join(cell(one.records[name]) for one in found.values()) + " |")
    print("\nAgainst the training photographs as reference:")
    for name in COLUMNS:
        print(f"| {name} | " + " | ".join(cell(one.records[name]) for one in lenient.values()))
    print("\nIntervals of the first column:")
    for name in COLUMNS:
        record = first.records[name]
        low, high = record.interval
        print(f"{name}: {record.value:.3g} in [{low:.3g}, {high:.3g}], null {record.null:.3g}")

    print("\nFields by class of the reference photographs: covered | recalled")
    labels = np.array([rows[n]["label"] for n in reference])
    for name in ("other real photographs", f"no {given.dropped}"):
        real = found[name].real
        parts = [
            f"{label} {real['covered'][labels == label].mean():.2f} | "
            f"{real['recalled'][labels == label].mean():.2f}"
            for label in sorted(set(labels))
        ]
        print(f"{name}: " + "; ".join(parts))
    print("\nMedian of fields: memorization_ratio, realism, fid_influence (largest)")
    for name, one in found.items():
        fields = one.generated
        print(
            f"{name}: {np.median(fields['memorization_ratio']):.2f}, "
            f"{np.median(fields['realism']):.2f}, {fields['fid_influence'].max():.0f}"
        )
    ratios = {name: one.generated["memorization_ratio"] for name, one in found.items()}
    print("\nmemorization_ratio, quantiles 1, 5, 50, 95, 99 %")
    for name, values in ratios.items():
        print(f"{name}: {np.round(np.quantile(values, [0.01, 0.05, 0.5, 0.95, 0.99]), 2)}")


if __name__ == "__main__":
    main()
