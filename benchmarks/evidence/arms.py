"""What the evidence commands share: the checkout's package, the arms, files of pictures."""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec("curadiff") is None:
    runpy.run_path(str(ROOT / "runs" / "bootstrap.py"), run_name="bootstrap")["introduce"]()
sys.path.append(str(ROOT / "benchmarks"))  # preview.py has the split and the judge

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

FIRST_SEED = 0  # drawing i of every model begins with the noise of seed FIRST_SEED + i
ARTICLE = ("full", "random-0", "coreset", "typicality")  # the article's arms; they train longer
LABELS = {
    "full": "full",
    "random-0": "random 0",
    "random-1": "random 1",
    "random-2": "random 2",
    "coreset": "coreset",
    "typicality": "typicality",
    "kmeans": "k-means",
    "densest": "densest",
    "herding": "herding",
    "transport": "transport",
    "hierarchical-kmeans": "hierarchical k-means",
}

CHOOSING = tuple(name for name in LABELS if name != "full" and not name.startswith("random-"))
"""Methods that choose by embeddings."""
VALUES = (
    "frechet_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "clipped_density",
    "clipped_coverage",
    "memorized",
)
"""What pictures are judged by."""


class Arms(NamedTuple):
    """The pool, (n, 32, 32[, 3]) uint8, and by arm the rows that it chooses."""

    pool: np.ndarray
    rows: dict[str, np.ndarray]


def read_arms(path: Path) -> Arms:
    """Read what ``select``, ``groups`` or ``photographs`` wrote."""
    with np.load(path) as file:
        rows = {name[5:]: file[name] for name in file.files if name.startswith("rows/")}
        return Arms(file["pool"], rows)


def reduced(pictures: np.ndarray, side: int) -> np.ndarray:
    """Bring (n, h, h[, 3]) uint8 pictures to another side as every training does."""
    from curadiff.common.preparation import square

    if pictures.shape[1] == side:
        return pictures
    small = [square(Image.fromarray(one).convert("RGB"), side) for one in pictures]
    rgb = np.stack([np.asarray(one) for one in small])
    return rgb if pictures.ndim == 4 else rgb[..., 0]


def read_drawings(folder: Path, images: int) -> dict[tuple[str, int], np.ndarray]:
    """Read what networks drew after so many images seen, by arm and training seed."""
    return {(arm, seed): one for arm, seed, seen, one in every_drawing(folder) if seen == images}


def every_drawing(folder: Path) -> Iterator[tuple[str, int, int, np.ndarray]]:
    """Yield arm, training seed, images seen and drawings of every network in a folder."""
    for path in sorted(folder.glob("drawings-*.npz")):
        with np.load(path) as file:
            for name in file.files:
                arm, seed, seen = name.split("/")
                yield arm, int(seed), int(seen), file[name]


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays so that a reader never meets half a file."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez_compressed(file, **arrays)
    part.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON with values of five digits, so that the files stay small."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_rounded(content), indent=1)
    path.write_text(text + "\n")


def _rounded(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple | np.ndarray):
        return [_rounded(value) for value in content]
    if isinstance(content, float | np.floating):
        return float(f"{content:.5g}")
    return content.item() if isinstance(content, np.generic) else content
