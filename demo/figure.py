"""The person: legs, torso, arms, head, face and hair, dressed from back to front."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from .canvas import FRAME, Canvas, ellipse, limb, mirrored, mix, shifted, smooth
from .garments import BLACK, Wear
from .people import Person

HAT, HAIR, TROUSERS, SKIN, SKIRT, FACE = 1, 2, 9, 10, 12, 13
ARMS = {"l": 14, "r": 15}
LEGS = {"l": 16, "r": 17}


def draw_figure(person: Person, size: tuple[int, int]) -> tuple[Image.Image, Image.Image]:
    """Draw a person before a studio wall.

    Returns:
        The RGB picture and the map of LIP labels (mode L).
    """
    canvas = Canvas(size, person.ground, shift=person.shift)
    wear = Wear(canvas, person)
    joints = person.skeleton()
    _hair_behind(canvas, person)
    wear.behind()
    behind = [name for name, pose in zip("rl", person.poses, strict=True) if pose == "behind"]
    for name in behind:
        _arm(canvas, person, wear, name)
    _lower_body(canvas, person)
    x = joints["neck"][0]
    neck = [
        (8.5, 62), (8.5, 82), (person.shoulder * 0.6, 88.5), (person.shoulder - 3, 93),
        (person.shoulder - 5, 118), (person.waist, 150), (person.hip, 186),
    ]  # fmt: skip
    canvas.part([mirrored(smooth(neck), x)], person.skin, SKIN, shade=3)
    wear.body()
    wear.neckline(person.skin, SKIN)
    canvas.spot(ellipse(x, 78, 9, 6), BLACK, 0.13)  # the chin's shadow
    for name in "rl":
        if name not in behind:
            _arm(canvas, person, wear, name)
    _head(canvas, person)
    return _before_wall(canvas, person), canvas.labels()


def draw_garment_alone(person: Person, size: tuple[int, int]) -> tuple[Image.Image, Image.Image]:
    """Draw a person's garment laid flat on even light ground.

    Returns:
        The RGB picture and the garment's coverage (mode L, 0..255).
    """
    flat = replace(
        person, shoulder=35, waist=27, hip=31, lean=0, angles=((24, 16),) * 2, poses=("open",) * 2
    )
    zoom, middle = {"dress": (1.3, 160), "raincoat": (1.1, 128), "poncho": (1.35, 146)}.get(
        person.garment.kind, (1.35, 138)
    )
    canvas = Canvas(size, (246, 246, 246), zoom=zoom, shift=(0, FRAME[1] / 2 - middle))
    wear = Wear(canvas, flat)
    wear.behind()
    wear.body()
    wear.neckline(mix(wear.base, BLACK, 0.4), wear.label)
    for name in "rl":
        wear.sleeve(_arm_joints(flat, name), cast=1)
    return canvas.finished(), canvas.coverage()


def keypoints(person: Person, size: tuple[int, int]) -> list[float]:
    """Return OpenPose's 25 body points as (x, y, score), in pixels; 0, 0, 0 out of the frame."""
    canvas = Canvas(size, person.ground, shift=person.shift)
    joints = person.skeleton()
    x, y = joints["head"]
    at = {
        0: np.array([x, y + 5]),
        1: (joints["r_shoulder"] + joints["l_shoulder"]) / 2,
        8: joints["hips"],
    }
    for first, name in ((2, "r"), (5, "l")):
        for step, joint in enumerate(("shoulder", "elbow", "wrist")):
            at[first + step] = joints[f"{name}_{joint}"]
    at |= {9: joints["r_hip"], 12: joints["l_hip"]}
    eye, ear = 6 * person.head, 15 * person.head
    for number, dx, dy in ((15, -eye, 0), (16, eye, 0), (17, -ear, 2), (18, ear, 2)):
        at[number] = np.array([x + dx, y + dy])
    values: list[float] = []
    for number in range(25):
        x, y = (
            canvas.pixels([at[number]])[0] / (canvas.picture.width / size[0])
            if number in at
            else (-1, -1)
        )
        inside = 0 <= x < size[0] and 0 <= y < size[1]
        values += [round(float(x), 2), round(float(y), 2), 0.9] if inside else [0.0, 0.0, 0.0]
    return values


def _before_wall(canvas: Canvas, person: Person) -> Image.Image:
    """Set the figure before a softly lit wall on which it throws a faint shadow."""
    width, height = canvas.size
    cover = canvas.coverage()
    small = cover.reduce(4).filter(ImageFilter.GaussianBlur(height / 110))
    soft = Image.new("L", cover.size, 0)
    soft.paste(small.resize(cover.size, Image.Resampling.BILINEAR), (width // 28, height // 50))
    shadow = 1 - np.asarray(soft, dtype=np.float32) * np.float32(0.16 / 255)
    wall = np.array(person.ground, dtype=np.float32) * (_light(width, height) * shadow)[..., None]
    behind = Image.fromarray(np.minimum(wall + 0.5, 255).astype(np.uint8))
    picture = Image.composite(canvas.finished(), behind, cover)
    return picture.point([min(255, round(person.gain * value)) for value in range(256)] * 3)


@lru_cache(maxsize=8)
def _light(width: int, height: int) -> np.ndarray:
    """Return the lamp's brightness on the wall, (height, width)."""
    y, x = np.ogrid[0:height, 0:width]
    away = ((x / width - 0.42) ** 2 + (y / height - 0.35) ** 2) / 0.81
    return (1.035 - 0.10 * away).astype(np.float32)


def _arm_joints(person: Person, name: str) -> np.ndarray:
    joints = person.skeleton()
    return np.array([joints[f"{name}_{joint}"] for joint in ("shoulder", "elbow", "wrist")])


def _arm(canvas: Canvas, person: Person, wear: Wear, name: str) -> None:
    joints = _arm_joints(person, name)
    forearm = joints[2] - joints[1]
    hand = joints[2] + forearm / np.hypot(*forearm) * 5
    shapes = [*limb(joints, [8.4, 6.8, 4.8]), *limb(np.array([joints[2], hand]), [4.8, 5.4])]
    if person.garment.kind == "poncho":
        shapes = limb(np.array([joints[1] + forearm * 0.5, joints[2], hand]), [5.5, 4.8, 5.4])
    canvas.part(shapes, person.skin, ARMS[name], shade=2, cast=2)
    wear.sleeve(joints)


def _lower_body(canvas: Canvas, person: Person) -> None:
    x, hip, colour = 96.0, person.hip, person.lower_colour
    bare = person.garment.kind == "dress" or person.lower != "trousers"
    for side, name in ((-1, "r"), (1, "l")):
        leg = np.array([(x + side * hip * 0.5, 188), (x + side * hip * 0.52, 275)])
        radii = [hip * 0.5 + 1, hip * 0.42]
        if bare:
            canvas.part(limb(leg, radii), person.skin, LEGS[name], shade=4)
        else:
            canvas.part(limb(leg, [r + 2 for r in radii]), colour, TROUSERS, shade=4)
    if person.garment.kind == "dress":
        return
    top = [(person.waist, 160), (hip + 1, 186)]
    if person.lower == "skirt":
        canvas.part([mirrored(smooth([*top, (hip + 7, 226)]), x)], colour, SKIRT, shade=5)
    elif person.lower == "shorts":
        canvas.part(
            [mirrored(smooth([*top, (hip + 4, 218), (3, 220), (0, 206)]), x)],
            colour,
            TROUSERS,
            shade=5,
        )
    else:
        canvas.part([mirrored(smooth([*top, (hip, 204), (0, 214)]), x)], colour, TROUSERS, shade=5)
        canvas.stroke([(x, 196), (x, 262)], BLACK, 1.4, 0.3)


def _head(canvas: Canvas, person: Person) -> None:
    x, y = person.skeleton()["head"]
    k = person.head
    skin, dark = person.skin, mix(person.skin, BLACK, 0.5)
    for side in (-1, 1):
        canvas.part([ellipse(x + side * 15.2 * k, y + 2, 3, 4.6)], skin, FACE, shade=1)
    face = smooth([(0, -20), (11, -16.5), (15.4, -4), (13.6, 9), (7.5, 18), (0, 20.5)])
    canvas.part([mirrored(shifted(face * k, 0, y), x)], skin, FACE, shade=3)

    def at(dx: float, dy: float) -> tuple[float, float]:
        return (x + dx * k, y + dy * k)

    if person.beard:
        chin = [(14.6, 2), (13.4, 10), (7.5, 18.6), (0, 21), (0, 14.5), (6, 11), (11, 4)]
        beard = np.array(chin) * k
        canvas.spot(mirrored(shifted(beard, 0, y), x), mix(person.hair, skin, 0.15), 0.9)
    for side in (-1, 1):
        canvas.spot(ellipse(*at(side * 6, 0), 2.5 * k, 1.8 * k, steps=16), (252, 252, 250))
        canvas.spot(ellipse(*at(side * 6, 0.1), 1.5 * k, 1.7 * k, steps=14), (46, 32, 28))
        brow = [at(side * 3.2, -4.2), at(side * 6, -5.4), at(side * 9, -4.4)]
        brows = mix(person.hair, BLACK, 0.25) if person.style != "scarf" else dark
        canvas.stroke(brow, brows, 1.2, 0.9)
        canvas.spot(ellipse(*at(side * 8.2, 6), 3 * k, 2.1 * k, steps=16), (224, 92, 84), 0.18)
        if person.glasses:
            ring = ellipse(*at(side * 6, 0.2), 4.6 * k, 3.9 * k, steps=24)
            canvas.stroke(np.vstack([ring, ring[:1]]), (40, 36, 44), 1.0)
    if person.glasses:
        canvas.stroke([at(-1.4, -0.4), at(1.4, -0.4)], (40, 36, 44), 1.0)
    canvas.stroke(smooth([at(0.6, 0), at(1.8, 5), at(-0.8, 5.6)]), dark, 1.0, 0.55)
    mouth = smooth([at(-4.6, 10), at(0, 10 + person.smile), at(4.6, 10)])
    lips = mix((176, 52, 60), skin, 0.25)
    canvas.spot(np.vstack([mouth, shifted(mouth[::-1], 0, 1.6)]), lips)
    _hair_before(canvas, person)


def _hair_behind(canvas: Canvas, person: Person) -> None:
    x, y = person.skeleton()["head"]
    k, colour = person.head, mix(person.hair, BLACK, 0.16)
    if person.garment.kind == "raincoat":
        return
    if person.style == "long":
        half = smooth([(0, -22), (13, -19), (19, -4), (20, 18), (23, 42), (19, 58), (6, 60)])
        canvas.part([mirrored(shifted(half * k, 0, y), x)], colour, HAIR)
    elif person.style == "bob":
        half = smooth([(0, -22), (13, -19), (19.5, -4), (21.5, 12), (18, 23), (8, 24)])
        canvas.part([mirrored(shifted(half * k, 0, y), x)], colour, HAIR)
    elif person.style == "ponytail":
        tail = smooth(
            [(8, -20), (22, -20), (30, -4), (29, 22), (23, 40), (20, 20), (18, 2)], closed=True
        )
        canvas.part([shifted(tail * k, x, y)], colour, HAIR)
    elif person.style == "bun":
        canvas.part([ellipse(x, y - 24 * k, 9 * k, 8 * k)], colour, HAIR)
    elif person.style == "curly":
        canvas.part(_curls(x, y, k), colour, HAIR)
    elif person.style == "scarf":
        half = smooth([(0, -24), (14, -21), (20, -4), (19, 16), (24, 34), (0, 44)])
        canvas.part([mirrored(shifted(half * k, 0, y), x)], mix(person.accent, BLACK, 0.12), HAT)


def _curls(x: float, y: float, k: float) -> list[np.ndarray]:
    ring = [math.radians(angle) for angle in range(150, 395, 22)]
    balls = [
        ellipse(x + 18 * k * math.cos(a), y - 4 + 17 * k * math.sin(a), 8.5, 8.5, steps=18)
        for a in ring
    ]
    return [ellipse(x, y - 6, 20 * k, 20 * k), *balls]


def _hair_before(canvas: Canvas, person: Person) -> None:
    x, y = person.skeleton()["head"]
    k, colour, style = person.head, person.hair, person.style
    if style == "scarf":
        # The scarf's front leaves the face free: an outline with a hole, cut at the crown.
        outer = smooth([(0, -24), (14, -21), (20, -4), (18, 15), (10, 26), (0, 28)])
        inner = smooth([(0, -13), (8, -11), (12, -2), (11, 8), (6, 17), (0, 19)])
        for side in (-1, 1):
            ring = shifted(np.vstack([outer, inner[::-1]]) * (side * k, k), x, y)
            canvas.part([ring], person.accent, HAT, shade=1 if side > 0 else 0)
        return
    if style == "beanie":
        cap = smooth([(0, -29), (11, -26), (17, -14), (17, -7)])
        canvas.part([mirrored(shifted(cap * k, 0, y), x)], person.accent, HAT)
        band = shifted(np.array([(17.5, -13), (18, -6), (0, -6)]) * k, 0, y)
        canvas.part([mirrored(band, x)], mix(person.accent, BLACK, 0.2), HAT, shade=1)
        return
    if style == "bald":
        canvas.spot(ellipse(x - 5 * k, y - 14 * k, 4, 2.4, steps=16), (255, 255, 255), 0.25)
        return
    if style == "buzz":
        colour = mix(colour, person.skin, 0.3)
    low = {"short": 2.0, "buzz": -1.0, "long": 14.0, "bob": 12.0}.get(style, 4.0)
    lift = {"buzz": -1.5, "curly": 4.0, "short": 2.5}.get(style, 1.0)
    part = -5.0 if style in ("short", "bob", "ponytail") else 0.0
    fringe = -8.0 if style == "bob" else -12.5
    crown = -18 - lift * 0.6
    cap = [
        (-15.4, low), (-17.6, -6), (-12, crown), (0, -21.5 - lift), (12, crown), (17.6, -6),
        (15.4, low), (14, -3), (9.5, fringe + 2), (part + 2, fringe - 1.5), (part, fringe - 2.5),
        (-10, fringe + 2), (-14, -3),
    ]  # fmt: skip
    outline = shifted(smooth(cap, closed=True) * k, x, y)
    canvas.part([outline], colour, HAIR, shade=2.5)
    glow = [(-9, -17 - lift * 0.4), (-2, -19 - lift * 0.6), (5, -18.5 - lift * 0.5)]
    shine = shifted(smooth(glow) * k, x, y)
    canvas.stroke(shine, mix(colour, (255, 255, 255), 0.5), 1.5, 0.45)
