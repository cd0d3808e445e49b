"""What is printed or woven on a garment, as a texture of the picture's size."""

from __future__ import annotations

import math
import random

import numpy as np
from PIL import Image, ImageDraw

from .canvas import Canvas, Colour, ellipse, mix
from .people import COLOURS, Garment


def texture(canvas: Canvas, garment: Garment) -> Image.Image | Colour:
    """Return the fill of the garment's body: a colour or a texture."""
    base, other = COLOURS[garment.colour], COLOURS[garment.second]
    rng = random.Random(garment.seed)
    if garment.pattern in ("plain", "logo", "raglan"):
        return base
    image = Image.new("RGB", canvas.picture.size, base)
    draw = ImageDraw.Draw(image)
    (left, top), (right, bottom) = canvas.pixels([(10, 70), (182, 256)])
    unit = canvas.scale
    if garment.pattern == "stripes":
        period = rng.choice((12, 16, 20)) * unit
        for y in np.arange(top, bottom, period):
            draw.rectangle((left, y, right, y + period * 0.45), fill=other)
    elif garment.pattern == "pinstripes":
        for x in np.arange(left, right, 7 * unit):
            draw.rectangle((x, top, x + 1.4 * unit, bottom), fill=mix(base, other, 0.6))
    elif garment.pattern == "checks":
        period = rng.choice((14, 18)) * unit
        band = mix(base, other, 0.5)
        for x in np.arange(left, right, period):
            draw.rectangle((x, top, x + period / 2, bottom), fill=band)
        for y in np.arange(top, bottom, period):
            draw.rectangle((left, y, right, y + period / 2), fill=band)
            for x in np.arange(left, right, period):
                draw.rectangle((x, y, x + period / 2, y + period / 2), fill=other)
    elif garment.pattern == "dots":
        period, radius = 13 * unit, rng.uniform(2.6, 4.0) * unit
        for row, y in enumerate(np.arange(top, bottom, period * 0.8)):
            for x in np.arange(left + (row % 2) * period / 2, right, period):
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=other)
    elif garment.pattern == "block":
        line = canvas.pixels([(0, rng.choice((122, 140)))])[0][1]
        draw.rectangle((left, line, right, bottom), fill=other)
    else:  # zigzag
        colours = [other, COLOURS["white"], mix(base, (0, 0, 0), 0.35)]
        for band, y in enumerate(np.arange(96, 200, 17)):
            xs = np.arange(10, 190, 9)
            ridge = [(x, y + 7 * (i % 2)) for i, x in enumerate(xs)]
            floor = [(x, y + 8 + 7 * (i % 2)) for i, x in enumerate(xs)]
            outline = canvas.pixels(np.array(ridge + floor[::-1])).tolist()
            draw.polygon([tuple(point) for point in outline], fill=colours[band % 3])
    return image


def print_logo(canvas: Canvas, garment: Garment, x: float, y: float = 124) -> None:
    """Print a large simple emblem on the chest."""
    colour = COLOURS[garment.second]
    shape = garment.seed % 5
    if shape == 0:
        canvas.spot(ellipse(x, y, 12, 12), colour)
        canvas.spot(ellipse(x, y, 6, 6), COLOURS[garment.colour])
    elif shape == 1:
        canvas.spot(_star(x, y, 14), colour)
    elif shape == 2:
        canvas.spot(_heart(x, y, 12), colour)
    elif shape == 3:
        canvas.spot(np.array([(x, y - 13), (x + 14, y + 10), (x - 14, y + 10)]), colour)
    else:
        for dy in (-10, 0, 10):
            box = [
                (x - 15, y + dy - 3),
                (x + 15, y + dy - 3),
                (x + 15, y + dy + 3),
                (x - 15, y + dy + 3),
            ]
            canvas.spot(np.array(box), colour)


def _star(x: float, y: float, radius: float) -> np.ndarray:
    reach = [radius if i % 2 == 0 else radius * 0.45 for i in range(10)]
    angle = [math.pi * i / 5 - math.pi / 2 for i in range(10)]
    return np.array(
        [(x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(reach, angle, strict=True)]
    )


def _heart(x: float, y: float, radius: float) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 40)
    down = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([x + radius * np.sin(t) ** 3, y + radius / 15 * down], axis=1)
