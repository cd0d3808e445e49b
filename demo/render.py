"""Draw the data set to disk in the VITON-HD layout."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from ..common.errors import DataError, SettingsError
from .figure import draw_figure, draw_garment_alone, keypoints
from .outliers import ELSEWHERE, OUTLIERS
from .plan import Planned, plan
from .truth import FILE, DemoTruth, load, save, truth_of

BEGUN = ".demo-begun"  # marks a folder whose drawing was interrupted
FOLDERS = (
    "image", "cloth", "cloth-mask", "image-parse-v3", "openpose_json", "agnostic-v3.2",
    "agnostic-mask",
)  # fmt: skip
REDRAWN = (5, 6, 7, 10, 14, 15)  # labels that a try-on model draws anew: garments, neck, arms
KEPT = (1, 2, 9, 12, 13, 16, 17)
LIP_COLOURS = (
    (0, 0, 0), (128, 0, 0), (255, 0, 0), (0, 85, 0), (170, 0, 51), (255, 85, 0), (0, 0, 85),
    (0, 119, 221), (85, 85, 0), (0, 85, 85), (85, 51, 0), (52, 86, 128), (0, 128, 0), (0, 0, 255),
    (51, 170, 221), (0, 255, 255), (85, 255, 170), (170, 255, 85), (255, 255, 0), (255, 170, 0),
)  # fmt: skip


def render(
    folder: str | Path,
    *,
    people: int = 600,
    test: int = 100,
    seed: int = 0,
    size: tuple[int, int] = (192, 256),
    progress: Callable[[int, int], None] | None = None,
) -> DemoTruth:
    """Draw people who wear garments, with outliers, near-duplicates and rare classes among them.

    The same arguments give the same bytes. A finished data set of the same
    arguments is left as it is, and an interrupted one is drawn again.

    Args:
        folder: Where the VITON-HD root is to be; it is created.
        people: Pictures in ``train``.
        test: Pictures in ``test``, which holds no outliers and no near-duplicates.
        seed: Another seed, other people.
        size: Width and height in pixels; a person fills a frame of 3 to 4.
        progress: Called with (pictures drawn, pictures in all) after each.

    Returns:
        The truth about every picture, which is also in ``truth.json``.

    Raises:
        SettingsError: A count or size is too small.
        DataError: The folder holds something else.
    """
    root = Path(folder).expanduser().absolute()
    for name, given, least in (("people", people, 1), ("test", test, 0), ("size", min(size), 32)):
        if given < least:
            raise SettingsError(f"{name} must be >= {least}, got {given}.")
    about = {"people": people, "test": test, "seed": seed, "size": tuple(size)}
    done = _found(root, about)
    if done:
        return done
    planned = plan(people, test, seed)
    truth = truth_of(planned, root=root, **about)
    root.mkdir(parents=True, exist_ok=True)
    (root / BEGUN).touch()
    for split in ("train", "test"):
        members = [item for item in planned if item.split == split]
        if members:
            for name in FOLDERS:
                (root / split / name).mkdir(parents=True, exist_ok=True)
            _write_pairs(root / f"{split}_pairs.txt", [item.id for item in members], seed)
    for count, item in enumerate(planned, start=1):
        _write(root / item.split, item, size, random.Random(f"{seed}/spoil/{item.id}"))
        if progress:
            progress(count, len(planned))
    save(truth)
    (root / BEGUN).unlink()
    return truth


def _found(root: Path, about: dict[str, object]) -> DemoTruth | None:
    """Return the finished data set of these arguments; refuse any other content."""
    if not root.exists():
        return None
    if not root.is_dir():
        raise DataError(f"{root} is a file; give a folder for the drawn data set.")
    truth = load(root)
    if truth is not None and not (root / BEGUN).exists():
        had = {name: getattr(truth, name) for name in about}
        if had == about:
            return truth
        words = ", ".join(f"{name} {had[name]}" for name in about if had[name] != about[name])
        raise DataError(
            f"{root} holds a drawn data set with {words}; give another folder or delete it."
        )
    if any(root.iterdir()) and not (root / BEGUN).exists():
        raise DataError(
            f"{root} holds other files and no finished {FILE}; give an empty or a new folder."
        )
    return None


def _write_pairs(path: Path, ids: list[str], seed: int) -> None:
    """Name another garment for each person: column 2 is a permutation of column 1."""
    order = list(range(len(ids)))
    random.Random(f"{seed}/{path.name}").shuffle(order)
    other = {order[i]: order[(i + 1) % len(order)] for i in range(len(order))}
    lines = [f"{name}.jpg {ids[other[i]]}.jpg\n" for i, name in enumerate(ids)]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def _write(split: Path, item: Planned, size: tuple[int, int], rng: random.Random) -> None:
    """Draw one person and write every file about them."""
    picture, labels = draw_figure(item.person, size)
    pose = keypoints(item.person, size)
    if item.outlier:
        picture = OUTLIERS[item.outlier](picture, rng)
        if item.outlier in ELSEWHERE:
            labels, pose = Image.new("L", size, 0), [0.0] * len(pose)
        elif item.outlier == "upside_down":
            labels, pose = labels.transpose(Image.Transpose.ROTATE_180), _turned(pose, size)
    garment, cover = draw_garment_alone(item.person, size)
    mask = _agnostic_mask(labels)
    agnostic = picture.copy()
    agnostic.paste((128, 128, 128), (0, 0), mask)
    parse = labels.copy()
    parse.putpalette([value for colour in LIP_COLOURS for value in colour])

    picture.save(split / "image" / f"{item.id}.jpg", quality=93, subsampling=0)
    garment.save(split / "cloth" / f"{item.id}.jpg", quality=93, subsampling=0)
    cover.point(_HALF).save(split / "cloth-mask" / f"{item.id}.jpg", quality=95)
    parse.save(split / "image-parse-v3" / f"{item.id}.png", compress_level=3)
    agnostic.save(split / "agnostic-v3.2" / f"{item.id}.jpg", quality=93, subsampling=0)
    mask.save(split / "agnostic-mask" / f"{item.id}_mask.png", compress_level=3)
    body = {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": pose}]}
    path = split / "openpose_json" / f"{item.id}_keypoints.json"
    path.write_text(json.dumps(body), encoding="utf-8")


_HALF = [255 * (value >= 128) for value in range(256)]


def _agnostic_mask(labels: Image.Image) -> Image.Image:
    """Cover what a try-on model draws anew, with a margin, but neither head nor legs."""
    redrawn = labels.point([255 * (value in REDRAWN) for value in range(256)])
    wide = redrawn.filter(ImageFilter.BoxBlur(max(1, labels.height // 85)))
    wide = wide.point([255 * (value > 8) for value in range(256)])
    kept = labels.point([255 * (value in KEPT) for value in range(256)])
    return ImageChops.subtract(wide, kept)


def _turned(pose: list[float], size: tuple[int, int]) -> list[float]:
    points = np.array(pose).reshape(-1, 3)
    seen = points[:, 2] > 0
    points[seen, :2] = np.array(size) - points[seen, :2]
    return [round(float(value), 2) for value in points.ravel()]
