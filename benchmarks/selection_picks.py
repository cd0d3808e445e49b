"""Draw the first picks of every method, to be looked at side by side.

    python benchmarks/selection_picks.py --pool EMBEDDINGS.npz --images FOLDER --out picks.jpg

The pool's rows are those whose file name is found under ``--images``; `random` is drawn once.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from curadiff.common.contact_sheet import square_grid
from curadiff.selectors import METHODS, select
from PIL import Image, ImageDraw, ImageFont

COLUMNS, SIDE, LABEL = 20, 56, 24


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", required=True, help="npz file with embeddings, paths and labels")
    parser.add_argument("--images", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--picks", type=int, default=40)
    given = parser.parse_args()
    stored = np.load(given.pool)
    labels = stored["labels"]
    files = {path.name: path for path in given.images.rglob("*.jpg")}
    names = [Path(path).name for path in stored["paths"]]
    rows = [row for row, name in enumerate(names) if name in files]
    x = stored["embeddings"][rows].astype(np.float32)
    found = [files[names[row]] for row in rows]
    sheets = []
    for method in (name for name in METHODS if name != "top"):
        picks = select(x, given.picks, method=method).indices
        count = Counter(labels[rows[pick]] for pick in picks).most_common()
        print(f"{method}: {', '.join(f'{name} {n}' for name, n in count)}")
        picture = square_grid([found[row] for row in picks], columns=COLUMNS, side=SIDE)
        sheet = Image.new("RGB", (picture.width, picture.height + LABEL), "white")
        font = ImageFont.load_default(16)
        ImageDraw.Draw(sheet).text((2, 3), method, "black", font)
        sheet.paste(picture, (0, LABEL), picture)
        sheets.append(sheet)
    whole = Image.new("RGB", (sheets[0].width, sum(s.height for s in sheets)), "white")
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    whole.save(given.out, quality=78)
    print(f"{given.out}: {given.picks} picks of {len(rows)} images by {len(sheets)} methods")


if __name__ == "__main__":
    main()
