"""Draw the figures of docs/evidence from the results.

    python benchmarks/evidence figures RESULTS.json AGREEMENT.json FOLDER DOCS

RESULTS.json is of ``judge``, AGREEMENT.json of ``agree``, FOLDER has the drawings.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from arms import ARTICLE, LABELS, read_drawings
from PIL import Image, ImageDraw
from previews import KINDS

COLORS = (
    "#222222",
    "#8c8c8c",
    "#8c8c8c",
    "#8c8c8c",
    "#d62728",
    "#1f77b4",
    "#2ca02c",
    "#9467bd",
    "#ff7f0e",
    "#17becf",
    "#8c564b",
)
PANELS = (
    "frechet_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "clipped_coverage",
)
TITLES = {"frechet_distance": "Frechet distance", "clipped_coverage": "clipped coverage"}
WIDTH, HEIGHT, LEFT, TOP, GAP = 200, 170, 56, 34, 60


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    for name in ("results", "agreement", "folder", "docs"):
        parser.add_argument(name, type=Path)


def main(given: Namespace) -> None:
    """Write the figures; of the two kinds of windows the scatter shows what more arms have."""
    agreement = json.loads(given.agreement.read_text())
    values = json.loads(given.results.read_text())["values"]
    given.docs.mkdir(parents=True, exist_ok=True)
    previewed = [agreement["agreement"][kind] for kind in KINDS.values()]
    most = max(previewed, key=lambda one: len(one["frechet_distance"]["points"]) if one else 0)
    (given.docs / "preview-trained.svg").write_text(scatter(most))
    if len({one["images_seen"] for one in values if one["kind"] == "trained"}) > 1:
        (given.docs / "article-curves.svg").write_text(curves(values))
    trained, previews = pictures(given.folder, agreement["images_seen"])
    same_noise(trained, previews).save(given.docs / "same-noise.png", optimize=True)
    grids(trained).save(given.docs / "drawings.png", optimize=True)


def color(arm: str) -> str:
    """Return an arm's color, the same in every figure."""
    return COLORS[list(LABELS).index(arm)]


def svg(width: float, height: float, parts: Sequence[str]) -> str:
    """Put parts into an SVG on white."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        + "\n".join(parts)
        + "</svg>\n"
    )


def text(x: float, y: float, words: str, more: str = "") -> str:
    """Write words."""
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{words}</text>'


def scatter(agreement: dict[str, Any]) -> str:
    """Plot trained against previewed values, a panel per metric, with 95 % intervals."""
    parts = []
    names = [name for name in PANELS if name in agreement]
    for number, name in enumerate(names):
        x0 = LEFT + number % 3 * (WIDTH + GAP)
        y0 = TOP + number // 3 * (HEIGHT + 70)
        one = agreement[name]
        parts.append(panel(one["points"], x0, y0))
        tau = one["kendall"]
        low, high = tau["interval_values"]
        title = f"{TITLES.get(name, name)}: Kendall {tau['value']:.2f} [{low:.2f}, {high:.2f}]"
        parts.append(text(x0, y0 - 10, title, 'font-weight="bold"'))
        parts.append(text(x0 + WIDTH / 2, y0 + HEIGHT + 30, "preview", 'text-anchor="middle"'))
        x, y = x0 - 42, y0 + HEIGHT / 2
        turned = f'text-anchor="middle" transform="rotate(-90 {x:.1f} {y:.1f})"'
        parts.append(text(x, y, "trained", turned))
    bottom = TOP + (len(names) + 2) // 3 * (HEIGHT + 70) - 10
    for number, arm in enumerate(agreement[names[0]]["points"]):
        x, y = LEFT + number % 6 * 128, bottom + number // 6 * 18
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{color(arm)}"/>')
        parts.append(text(x + 8, y, LABELS[arm]))
    return svg(LEFT + 3 * (WIDTH + GAP), bottom + 30, parts)


def panel(points: dict[str, Any], x0: float, y0: float) -> str:
    """Draw the axes and points of one metric; both axes logarithmic where values span decades."""
    pairs = {arm: (one["forecast"], one["trained"]) for arm, one in points.items()}
    parts = [
        f'<path d="M{x0},{y0}V{y0 + HEIGHT}H{x0 + WIDTH}" fill="none" stroke="#444"/>',
    ]
    axes = []
    for axis in (0, 1):
        values = [pair[axis][0] for pair in pairs.values()]
        log = min(values) > 0 and max(values) > 8 * min(values)
        ends = [np.log(v) if log else v for v in (min(values), max(values))]
        pad = 0.08 * (ends[1] - ends[0] or 1)
        axes.append((log, ends[0] - pad, ends[1] + pad))
        for value in (min(values), max(values)):
            place = position(value, axes[axis])
            label = f"{value:.3g}"
            if axis == 0:
                middle = 'text-anchor="middle"'
                parts.append(text(x0 + WIDTH * place, y0 + HEIGHT + 14, label, middle))
            else:
                end = 'text-anchor="end"'
                parts.append(text(x0 - 4, y0 + HEIGHT * (1 - place) + 4, label, end))
    for arm, (forecast, trained) in pairs.items():
        ends = []
        for (value, error), axis in zip((forecast, trained), axes, strict=True):
            low = max(value - 1.96 * error, value / 100 if axis[0] else -np.inf)
            places = (position(one, axis) for one in (value, low, value + 1.96 * error))
            ends.append([float(np.clip(place, 0, 1)) for place in places])
        (x, *xs), (y, *ys) = ends
        px, py = x0 + WIDTH * x, y0 + HEIGHT * (1 - y)
        across = f"M{x0 + WIDTH * xs[0]:.1f},{py:.1f}H{x0 + WIDTH * xs[1]:.1f}"
        along = f"M{px:.1f},{y0 + HEIGHT * (1 - ys[0]):.1f}V{y0 + HEIGHT * (1 - ys[1]):.1f}"
        parts.append(f'<path d="{across}{along}" stroke="{color(arm)}" opacity="0.6"/>')
        parts.append(
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{color(arm)}">'
            f"<title>{LABELS[arm]}</title></circle>"
        )
    return "\n".join(parts)


def position(value: float, axis: tuple[bool, float, float]) -> float:
    """Return where a value stands on an axis, 0 to 1."""
    log, low, high = axis
    return ((np.log(value) if log else value) - low) / (high - low)


def curves(values: list[dict[str, Any]]) -> str:
    """Plot Frechet distance and memorized share of the article's arms over images seen."""
    trained = [one for one in values if one["kind"] == "trained" and one["arm"] in ARTICLE]
    counts = sorted({one["images_seen"] for one in trained})
    parts = []
    for number, (name, title) in enumerate(
        (("frechet_distance", "Frechet distance to held-out pictures"), ("memorized", "memorized"))
    ):
        x0 = LEFT + number * (WIDTH + 2 * GAP)
        most = max(one["values"][name]["value"] for one in trained) or 1.0
        parts.append(text(x0, TOP - 10, title, 'font-weight="bold"'))
        axes = f"M{x0},{TOP}V{TOP + HEIGHT}H{x0 + WIDTH}"
        parts.append(f'<path d="{axes}" fill="none" stroke="#444"/>')
        for share in (0, 0.5, 1):
            y = TOP + HEIGHT * (1 - share) + 4
            parts.append(text(x0 - 6, y, f"{share * most:.3g}", 'text-anchor="end"'))

        def place(images: int, value: float, x0: float = x0, most: float = most) -> str:
            span = max(np.log(counts[-1] / counts[0]), 1e-9)
            x = x0 + WIDTH * np.log(images / counts[0]) / span
            return f"{x:.1f},{TOP + HEIGHT * (1 - value / most):.1f}"

        for images in counts:
            x = float(place(images, 0).split(",")[0])
            middle = 'text-anchor="middle"'
            parts.append(text(x, TOP + HEIGHT + 16, f"{images // 1000}k", middle))
        for arm in ARTICLE:
            for seed in sorted({one["seed"] for one in trained}):
                line = [
                    place(one["images_seen"], one["values"][name]["value"])
                    for one in sorted(trained, key=lambda one: one["images_seen"])
                    if one["arm"] == arm and one["seed"] == seed
                ]
                dash = ' stroke-dasharray="4 3"' if seed else ""
                stroke = f'fill="none" stroke="{color(arm)}" stroke-width="1.6"{dash}'
                parts.append(f'<polyline points="{" ".join(line)}" {stroke}/>')
                parts += [
                    f'<circle cx="{point.split(",")[0]}" cy="{point.split(",")[1]}" r="2.5" '
                    f'fill="{color(arm)}"/>'
                    for point in line
                ]
    for number, arm in enumerate(ARTICLE):
        x, y = LEFT + number * 110, TOP + HEIGHT + 44
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{color(arm)}"/>')
        parts.append(text(x + 8, y, LABELS[arm]))
    more = "images seen, logarithmic; solid: training seed 0, dashed: seed 1"
    parts.append(text(LEFT + 440, TOP + HEIGHT + 44, more, 'text-anchor="start" fill="#555"'))
    return svg(LEFT + 2 * WIDTH + 2 * GAP + 320, TOP + HEIGHT + 60, parts)


def pictures(
    folder: Path, images: int
) -> tuple[dict[tuple[str, int], np.ndarray], dict[str, np.ndarray]]:
    """Return trained networks' drawings by arm and seed, and previews by arm."""
    trained = read_drawings(folder, images)
    with np.load(folder / "previews.npz") as arrays:
        return trained, {arm: arrays[arm] for arm in arrays.files}


def sheet(rows: Sequence[tuple[str, np.ndarray]], columns: int) -> Image.Image:
    """Lay rows of pictures below one another, each with its name on the left."""
    first = rows[0][1]
    left, cell = 150, first.shape[1] + 2
    mode = "RGB" if first.ndim == 4 else "L"
    image = Image.new(mode, (left + columns * cell, len(rows) * cell), "white")
    pen = ImageDraw.Draw(image)
    for y, (name, pictures) in enumerate(rows):
        pen.text((4, y * cell + 10), name, fill="black")
        for x, picture in enumerate(pictures[:columns]):
            image.paste(Image.fromarray(picture), (left + x * cell, y * cell + 1))
    return image


def same_noise(
    trained: dict[tuple[str, int], np.ndarray], previews: dict[str, np.ndarray], columns: int = 16
) -> Image.Image:
    """Show preview and trained networks from the same noise, for the article's arms."""
    rows = []
    for arm in ARTICLE:
        if arm in previews:
            rows.append((f"{LABELS[arm]}, preview", previews[arm]))
        rows += [
            (f"{LABELS[arm]}, trained {seed}", one)
            for (name, seed), one in trained.items()
            if name == arm
        ]
    return sheet(rows, columns)


def grids(trained: dict[tuple[str, int], np.ndarray], columns: int = 16) -> Image.Image:
    """Show one row of drawings of every arm's first trained network."""
    rows = [(LABELS[arm], trained[arm, 0][100:]) for arm in LABELS if (arm, 0) in trained]
    return sheet(rows, columns)
