"""The data of recipe.py: arrays of training and of held-out images, 32 px."""

from __future__ import annotations

import csv

import numpy as np
from curadiff.common.preparation import square
from PIL import Image
from preview import read
from recipe import SIZE


def make_fashion(given):
    """1,000 images of a pool and 3,000 held out; the split is that of preview.py."""
    held_out, pool, _ = read(given)
    rows = np.random.default_rng(0).choice(len(pool), given.count, replace=False)
    save(given.out, pool[np.sort(rows)], held_out, mirrored=False)  # shoes all point one way


def make_photographs(given):
    """Photographs of 32 px; a quarter, by contributor, is held out."""
    with given.table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    senders = np.random.default_rng(0).permutation(sorted({row["sender_id"] for row in rows}))
    apart = set()
    while sum(row["sender_id"] in apart for row in rows) < len(rows) // 4:
        apart.add(senders[len(apart)])
    parts = {True: [], False: []}
    for row in rows:
        with Image.open(given.folder / row["file"]) as image:
            picture = np.asarray(square(image.convert("RGB"), SIZE))
        parts[row["sender_id"] in apart].append(picture)
    save(given.out, np.stack(parts[False]), np.stack(parts[True]), mirrored=True)


def save(path, train, held_out, *, mirrored):
    np.savez_compressed(path, train=train, held_out=held_out, mirrored=mirrored)
    print(f"{path}: {len(train)} to train on, {len(held_out)} held out")
