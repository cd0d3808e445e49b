"""Pictures that do not belong: spoiled portraits and photographs of something else."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from .canvas import Canvas, Colour, ellipse, limb, mix, smooth
from .people import COLOURS


def upside_down(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Turn a portrait on its head."""
    return picture.transpose(Image.Transpose.ROTATE_180)


def inverted(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Swap a portrait's colours for their complements, as in a negative."""
    return ImageOps.invert(picture)


def blurred(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Put a portrait far out of focus."""
    return picture.filter(ImageFilter.GaussianBlur(picture.height / 22))


def night(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Photograph a street at night, with lit windows, lamps and sensor noise."""
    canvas = Canvas(picture.size, (16, 18, 38))
    for x in range(-4, 196, 40):
        wall, top = mix((24, 26, 52), (46, 40, 66), rng.random()), rng.uniform(30, 110)
        canvas.spot(np.array([(x, top), (x + 37, top), (x + 37, 226), (x, 226)]), wall)
        for wx in range(x + 5, x + 30, 10):
            for wy in range(int(top) + 8, 215, 15):
                if rng.random() < 0.4:
                    pane = [(wx, wy), (wx + 6, wy), (wx + 6, wy + 9), (wx, wy + 9)]
                    canvas.spot(np.array(pane), (250, 206, 110), rng.uniform(0.5, 1))
    canvas.spot(np.array([(-60, 226), (252, 226), (252, 260), (-60, 260)]), (10, 10, 20))
    for _ in range(14):
        x, y, r = rng.uniform(0, 192), rng.uniform(120, 245), rng.uniform(4, 13)
        lamp = rng.choice(((255, 90, 60), (255, 190, 90), (120, 220, 255), (240, 240, 220)))
        canvas.spot(ellipse(x, y, r, r), lamp, 0.55)
    noise = np.random.default_rng(rng.randrange(2**32)).normal(0, 30, (*picture.size[::-1], 3))
    return Image.fromarray(np.clip(np.asarray(canvas.finished()) + noise, 0, 255).astype(np.uint8))


def chair(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Photograph a chair."""
    wall: Colour = rng.choice(((234, 232, 226), (198, 212, 204), (226, 206, 190)))
    aside = (rng.uniform(-26, 26), rng.uniform(-26, 10))
    canvas = Canvas(picture.size, wall, zoom=rng.uniform(0.7, 1.15), shift=aside)
    seat: Colour = rng.choice(tuple(COLOURS.values()))
    wood: Colour = rng.choice(((134, 90, 54), (58, 44, 40), (206, 166, 112), (236, 234, 230)))
    floor = np.array([(-200, 196), (392, 196), (392, 400), (-200, 400)])
    canvas.spot(floor, mix(wall, (90, 60, 40), 0.25))
    canvas.spot(ellipse(100, 224, 58, 9), (120, 106, 96), 0.4)
    for x, foot in ((62, 56), (134, 140)):
        canvas.part(limb(np.array([(x, 60), (x, 150)]), [4.5, 4.5]), wood, 1)
        canvas.part(limb(np.array([(x, 150), (foot, 226)]), [5, 3.5]), wood, 1)
    for x, foot in ((76, 74), (120, 122)):
        canvas.part(limb(np.array([(x, 150), (foot, 206)]), [4.5, 3]), mix(wood, (0, 0, 0), 0.3), 1)
    back = [(60, 62), (98, 54), (136, 62), (134, 112), (98, 118), (62, 112)]
    canvas.part([smooth(back, closed=True)], seat, 1, shade=5)
    canvas.part([np.array([(60, 142), (136, 142), (148, 162), (48, 162)])], seat, 1, cast=3)
    canvas.part(
        [np.array([(48, 162), (148, 162), (147, 170), (49, 170)])], mix(seat, (0, 0, 0), 0.3), 1
    )
    return canvas.finished()


def landscape(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Photograph hills under an evening sky."""
    canvas = Canvas(picture.size, (0, 0, 0))
    high, low = rng.choice(
        (
            ((84, 150, 222), (224, 236, 246)),
            ((70, 60, 120), (250, 170, 120)),
            ((150, 170, 190), (236, 236, 236)),
        )
    )
    near, far = rng.choice(
        (
            ((40, 84, 46), (128, 150, 176)),
            ((150, 74, 30), (214, 170, 120)),
            ((214, 224, 236), (120, 140, 170)),
        )
    )
    lie, steep = rng.uniform(-40, 40), rng.uniform(8, 26)
    for y in range(-2, 180, 2):
        colour = mix(high, low, max(0, y) / 180)
        canvas.spot(np.array([(-90, y), (282, y), (282, y + 4), (-90, y + 4)]), colour)
    canvas.spot(ellipse(rng.uniform(40, 150), rng.uniform(40, 80), 15, 15), (255, 246, 206))
    for depth in range(4):
        base, phase = 118 + lie + 34 * depth, rng.uniform(0, 6)
        xs = np.linspace(-90, 282, 40)
        ridge = base - steep * np.sin(xs / (34 + 9 * depth) + phase) - 6 * np.sin(xs / 13 + phase)
        hill = np.vstack([np.stack([xs, ridge], axis=1), [(282, 262), (-90, 262)]])
        canvas.spot(hill, mix(far, near, depth / 3))
    return canvas.finished()


Spoil = Callable[[Image.Image, random.Random], Image.Image]

SPOILED: dict[str, Spoil] = {"upside_down": upside_down, "inverted": inverted, "blurred": blurred}
ELSEWHERE: dict[str, Spoil] = {"night": night, "chair": chair, "landscape": landscape}
OUTLIERS = SPOILED | ELSEWHERE
