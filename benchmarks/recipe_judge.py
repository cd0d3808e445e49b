"""The judging half of recipe.py: Frechet distance, memorization, table and curves."""

from __future__ import annotations

import io
import json
import re
from types import SimpleNamespace

import numpy as np
import torch
from curadiff.metrics import frechet_distance, kernel_distance, memorization
from PIL import Image, ImageDraw, ImageFont

PART = 64
FIRST_PRESETS = ("fast", "lightly-2023")  # those that the others were made to improve on
FRECHET_BAR, MEMORIZED_BAR, EQUAL = 0.85, 0.5, 1.02
COLORS = ("#2a9d8f", "#e76f51", "#264653", "#e9c46a", "#8ab17d", "#9d4edd", "#bc6c25", "#6c757d")
SHEET, LABEL = (640, 64), 26  # pixels: drawings that are shown, and the line above them


def features_of(given):
    """A function from pictures (n, 32, 32) or (n, 32, 32, 3) to features, and its name."""
    if given.classifier:
        from preview import read, train_judge

        images, labels = given.classifier
        judge = train_judge(*read(SimpleNamespace(images=images, labels=labels))[2])
        return lambda pictures: judge.see(gray(pictures)), "a classifier of 45,353 other images"
    from curadiff import encoders

    encoder = encoders.load(given.encoder, weights=given.weights, device="cpu")

    def embed(pictures):
        parts = []
        for first in range(0, len(pictures), PART):
            images = [Image.fromarray(one).convert("RGB") for one in pictures[first : first + PART]]
            parts.append(encoder.forward(np.stack([encoder.preprocess(one) for one in images])))
        return np.concatenate(parts)

    return embed, re.sub(r"(?<=^python:).*/", "", encoder.name)  # without folders of a machine


def gray(pictures):
    return pictures if pictures.ndim == 3 else pictures[..., 0]


def judge(given):
    """Write OUT.json, OUT.md, OUT.svg and OUT.jpg."""
    from recipe import Archives, unpacked

    torch.set_num_threads(1)
    embed, name = features_of(given)
    data = np.load(given.data)
    train, held_out = embed(data["train"]), embed(data["held_out"])
    mirrored = embed(np.ascontiguousarray(data["train"][:, :, ::-1])) if data["mirrored"] else None
    known = {"train": train, "train_mirrored": mirrored}
    real = {
        "frechet": frechet_distance(real=held_out, generated=train),
        "memorized": share(memorization(generated=held_out, **known).memorized),
    }
    files = {name: content for one in given.drawings for name, content in Archives(one).read()}
    values = []
    for file in sorted(name for name in files if name.endswith(".json")):
        cell, _, images = file.removesuffix(".json").rpartition("-")
        source, _, seed = cell.rpartition("-seed")
        if not source.startswith(f"{given.data.stem}-"):
            continue
        about = json.loads(files[file])
        seen = embed(unpacked(files[file.replace(".json", ".webp")], about["count"]))
        memory = memorization(generated=seen, **known)
        values.append(
            {
                "recipe": source.removeprefix(f"{given.data.stem}-"),
                "seed": int(seed),
                "images": int(images),
                "frechet": frechet_distance(real=held_out, generated=seen),
                "kernel_distance": kernel_distance(real=held_out, generated=seen),
                "memorized": share(memory.memorized),
                "authentic": share(memory.authentic),
                **{key: about[key] for key in ("count", "device", "steps", "training_seconds")},
            }
        )
        print(values[-1], flush=True)
    if not values:
        raise SystemExit(f"no drawings of {given.data.stem} are in {given.drawings}")
    result = {
        "data": given.data.stem,
        "judge": name,
        "train": len(train),
        "held_out": len(held_out),
        "training_images_themselves": real,
        "verdict": verdict(values),
        "values": values,
        **({"note": given.note} if given.note else {}),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    given.out.with_suffix(".md").write_text(table(values))
    given.out.with_suffix(".svg").write_text(curves(values))
    sheet(given.data.stem, values, files).save(given.out.with_suffix(".jpg"), quality=88)
    print(table(values), result["verdict"], real, sep="\n")


def share(flags):
    return float(np.mean(flags))


def mean_of(values, recipe, images, what):
    """Mean over the seeds, None where there is no value."""
    found = [one[what] for one in values if (one["recipe"], one["images"]) == (recipe, images)]
    return float(np.mean(found)) if found else None


def verdict(values):
    """Compare every other recipe with the better of the first presets, seeds averaged.

    The bar is met where its Frechet distance is at least 15 % lower at equal images seen, or where
    it memorizes half at most with no worse a distance.
    """
    lines = []
    for images in sorted({one["images"] for one in values}):
        distances = {
            recipe: mean_of(values, recipe, images, "frechet")
            for recipe in dict.fromkeys(one["recipe"] for one in values)
        }
        distances = {recipe: value for recipe, value in distances.items() if value is not None}
        first = [recipe for recipe in FIRST_PRESETS if recipe in distances]
        if not first:
            continue
        best = min(first, key=distances.__getitem__)
        for recipe in distances:
            if recipe in FIRST_PRESETS:
                continue
            ratio = distances[recipe] / distances[best]
            own, other = (mean_of(values, name, images, "memorized") for name in (recipe, best))
            halved = ratio <= EQUAL and other > 0 and own <= MEMORIZED_BAR * other
            lines.append(
                {
                    "recipe": recipe,
                    "images": images,
                    "best_first_preset": best,
                    "frechet_ratio": ratio,
                    "memorized": own,
                    "memorized_by_it": other,
                    "met": ratio <= FRECHET_BAR or halved,
                }
            )
    return lines


def table(values):
    """Frechet distance of each seed, and the mean share that is memorized, as Markdown."""
    counts = sorted({one["images"] for one in values})
    recipes = list(dict.fromkeys(one["recipe"] for one in values))
    head = "".join(f" | {images:,} images" for images in counts)
    lines = [f"| recipe{head} |", "|---" * (len(counts) + 1) + "|"]
    for recipe in recipes:
        cells = []
        for images in counts:
            found = [one for one in values if (one["recipe"], one["images"]) == (recipe, images)]
            distances = ", ".join(f"{one['frechet']:.1f}" for one in found)
            memorized = mean_of(values, recipe, images, "memorized")
            cells.append(f"{distances}; {memorized:.1%}" if found else "")
        lines.append(f"| `{recipe}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def sheet(data, values, files):
    """Drawings of each recipe from the same noise, after the most images seen, as one picture."""
    most = max(one["images"] for one in values)
    seeds = {one["recipe"]: one["seed"] for one in reversed(values) if one["images"] == most}
    width, height = SHEET
    whole = Image.new("RGB", (2 * width, len(seeds) * (LABEL + 2 * height)), "white")
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(size=15)
    for number, recipe in enumerate(sorted(seeds)):
        top = number * (LABEL + 2 * height)
        pen.text((4, top + 4), recipe, "black", font)
        drawings = files[f"{data}-{recipe}-seed{seeds[recipe]}-{most}.webp"]
        corner = Image.open(io.BytesIO(drawings)).convert("RGB").crop((0, 0, width, height))
        whole.paste(corner.resize((2 * width, 2 * height)), (0, top + LABEL))
    return whole


def curves(values):
    """Frechet distance and memorized share over images seen, side by side, as SVG."""
    counts = sorted({one["images"] for one in values})
    recipes = list(dict.fromkeys(one["recipe"] for one in values))
    panels = (("frechet", "Frechet distance to held-out images"), ("memorized", "share memorized"))
    width, height, left, top = 300, 200, 60, 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * (width + left) + 160} 290" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, (what, title) in enumerate(panels):
        x0 = left + number * (width + left)
        means = {(r, i): mean_of(values, r, i, what) for r in recipes for i in counts}
        most = max(value for value in means.values() if value is not None) or 1.0

        def place(images, value, x0=x0, most=most):
            span = max(np.log(counts[-1] / counts[0]), 1e-9)
            x = x0 + width * (np.log(images / counts[0]) / span)
            return f"{x:.1f},{top + height * (1 - value / most):.1f}"

        parts.append(f'<text x="{x0}" y="24">{title}</text>')
        parts.append(
            f'<path d="M{x0},{top}V{top + height}H{x0 + width}" fill="none" stroke="#444"/>'
        )
        for part in (0, 0.5, 1):
            y = top + height * (1 - part)
            text = f"{part * most:.0%}" if what == "memorized" else f"{part * most:.3g}"
            parts.append(f'<text x="{x0 - 6}" y="{y + 4}" text-anchor="end">{text}</text>')
        for images in counts:
            x = place(images, 0).split(",")[0]
            parts.append(
                f'<text x="{x}" y="{top + height + 18}" text-anchor="middle">'
                f"{images // 1000}k</text>"
            )
        for recipe, color in zip(recipes, COLORS, strict=False):
            points = [place(i, means[recipe, i]) for i in counts if means[recipe, i] is not None]
            parts.append(
                f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" '
                'stroke-width="2"/>'
            )
            parts += [
                f'<circle cx="{point.split(",")[0]}" cy="{point.split(",")[1]}" r="3" '
                f'fill="{color}"/>'
                for point in points
            ]
    for row, (recipe, color) in enumerate(zip(recipes, COLORS, strict=False)):
        x, y = 2 * (width + left) + 30, top + 18 * row
        parts.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{color}"/>')
        parts.append(f'<text x="{x + 18}" y="{y + 11}">{recipe}</text>')
    parts.append(f'<text x="{left}" y="{top + height + 40}">images seen, logarithmic</text>')
    return "\n".join([*parts, "</svg>\n"])
