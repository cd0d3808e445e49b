"""Who is drawn: skin, hair, build and pose, and what is worn, drawn at random."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from .canvas import Colour

SKINS: tuple[Colour, ...] = (
    (250, 220, 198), (241, 202, 172), (228, 182, 144), (208, 156, 115),
    (182, 128, 88), (150, 100, 66), (115, 74, 49), (84, 54, 38),
)  # fmt: skip
HAIRS: dict[str, tuple[Colour, float]] = {
    "black": ((36, 30, 32), 5),
    "brown": ((86, 54, 34), 5),
    "chestnut": ((128, 72, 40), 3),
    "blond": ((222, 184, 108), 3),
    "red": ((184, 80, 34), 2),
    "grey": ((172, 170, 170), 1.5),
    "pink": ((226, 118, 160), 0.5),
}
STYLES = {
    "short": 4, "long": 4, "bob": 3, "bun": 2, "ponytail": 2, "curly": 2.5,
    "buzz": 1, "bald": 0.6, "beanie": 0.7, "scarf": 0.7,
}  # fmt: skip
GROUNDS: tuple[Colour, ...] = (
    (240, 240, 240), (236, 232, 226), (226, 233, 238), (240, 228, 224), (229, 235, 226),
    (234, 229, 238),
)  # fmt: skip
COLOURS: dict[str, Colour] = {
    "red": (208, 44, 48),
    "orange": (238, 124, 38),
    "yellow": (246, 200, 50),
    "green": (46, 146, 84),
    "teal": (24, 142, 150),
    "blue": (44, 104, 206),
    "navy": (34, 46, 96),
    "purple": (120, 66, 160),
    "pink": (240, 132, 166),
    "white": (250, 250, 248),
    "black": (42, 42, 48),
    "grey": (140, 144, 152),
    "beige": (212, 188, 152),
}
LOWER: tuple[Colour, ...] = (
    (52, 70, 112), (92, 122, 168), (44, 44, 50), (112, 104, 96), (190, 174, 148), (88, 96, 70),
    (226, 224, 220),
)  # fmt: skip

# Garment classes with their shares; the last three are rare on purpose.
SHARES = {
    "tshirt": 0.36, "longsleeve": 0.22, "dress": 0.14, "shirt": 0.11, "hoodie": 0.08,
    "tank_top": 0.05, "puffer_vest": 0.016, "raincoat": 0.013, "poncho": 0.011,
}  # fmt: skip
RARE = ("puffer_vest", "raincoat", "poncho")
PATTERNS = {
    "tshirt": ("plain", "plain", "logo", "logo", "stripes", "dots", "block", "raglan"),
    "longsleeve": ("plain", "plain", "stripes", "stripes", "dots", "block", "raglan", "logo"),
    "dress": ("plain", "plain", "dots", "stripes", "checks", "block"),
    "shirt": ("plain", "plain", "checks", "pinstripes"),
    "hoodie": ("plain", "plain", "logo", "block", "raglan"),
    "tank_top": ("plain", "stripes", "logo", "dots"),
    "puffer_vest": ("plain",),
    "raincoat": ("plain",),
    "poncho": ("zigzag",),
}
# Angles of upper arm and forearm from hanging straight down, outward, in degrees.
POSES = {
    "hanging": ((7, 13), (2, 8), 6),
    "open": ((22, 34), (12, 26), 3),
    "hip": ((40, 50), (-50, -42), 3),
    "belly": ((10, 16), (-72, -60), 1.5),
    "behind": ((14, 20), (-20, -12), 1.5),
    "wave": ((62, 80), (150, 166), 1),
}


@dataclass(frozen=True)
class Garment:
    """What is worn: its class, colours, pattern and cut."""

    kind: str
    colour: str
    second: str
    pattern: str
    neck: str
    sleeve: float  # length, as a share of the arm
    loose: float  # ease around the body, in units
    seed: int


@dataclass(frozen=True)
class Person:
    """Everything that decides a picture. Lengths in units, angles in degrees."""

    garment: Garment
    skin: Colour
    hair: Colour
    style: str
    beard: bool
    glasses: bool
    smile: float
    shoulder: float
    waist: float
    hip: float
    head: float
    lean: float
    poses: tuple[str, str]
    angles: tuple[tuple[float, float], tuple[float, float]]
    lower: str
    lower_colour: Colour
    accent: Colour
    ground: Colour
    shift: tuple[float, float] = (0.0, 0.0)
    gain: float = 1.0

    def skeleton(self) -> dict[str, np.ndarray]:
        """Place the joints, in units; ``r`` is the person's right, the picture's left."""
        x, top = 96.0, 94.0
        joints = {
            "head": (x + self.lean, 56), "neck": (x + self.lean * 0.5, 88),
            "hips": (x, 188), "r_hip": (x - self.hip * 0.55, 188),
            "l_hip": (x + self.hip * 0.55, 188),
        }  # fmt: skip
        for side, name, (upper, lower) in zip((-1, 1), "rl", self.angles, strict=True):
            start = np.array([x + self.lean * 0.4 + side * (self.shoulder - 5), top + 3])
            upper, lower = np.radians(upper), np.radians(lower)
            elbow = start + 43 * np.array([side * np.sin(upper), np.cos(upper)])
            wrist = elbow + 40 * np.array([side * np.sin(lower), np.cos(lower)])
            joints |= {f"{name}_shoulder": start, f"{name}_elbow": elbow, f"{name}_wrist": wrist}
        return {name: np.asarray(point, dtype=np.float64) for name, point in joints.items()}


def draw_garment(kind: str, rng: random.Random) -> Garment:
    """Draw a garment of a class at random."""
    names = list(COLOURS)
    colour = rng.choice(names)
    if kind == "raincoat":
        colour = rng.choice(("yellow", "yellow", "orange", "red"))
    second = rng.choice([name for name in names if _contrast(name, colour) > 190])
    sleeve = {"tshirt": (0.2, 0.34), "dress": (0.0, 0.36), "tank_top": (0.0, 0.0)}.get(kind, (1, 1))
    if kind == "shirt" and rng.random() < 0.3:
        sleeve = (0.3, 0.45)
    length = rng.uniform(*sleeve)
    return Garment(
        kind=kind,
        colour=colour,
        second=second,
        pattern=rng.choice(PATTERNS[kind]),
        neck=rng.choice(("crew", "crew", "vee", "scoop")),
        sleeve=0.0 if length < 0.12 else length,
        loose=rng.uniform(1.5, 6.0) + (3 if kind in ("hoodie", "raincoat") else 0),
        seed=rng.randrange(2**31),
    )


def draw_person(kind: str, rng: random.Random) -> Person:
    """Draw somebody at random who wears a garment of a class."""
    garment = draw_garment(kind, rng)
    broad = rng.uniform(-1, 1)
    names = list(POSES)
    weights = [POSES[name][2] for name in names]
    first = rng.choices(names, weights)[0]
    second = first if rng.random() < 0.6 and first != "wave" else rng.choices(names, weights)[0]
    if first == second == "wave":
        second = "hanging"
    angles = [(rng.uniform(*POSES[n][0]), rng.uniform(*POSES[n][1])) for n in (first, second)]
    style = rng.choices(list(STYLES), list(STYLES.values()))[0]
    hairs = list(HAIRS.values())
    lowers = [colour for colour in LOWER if _distance(colour, COLOURS[garment.colour]) > 90]
    return Person(
        garment=garment,
        skin=rng.choice(SKINS),
        hair=rng.choices([c for c, _ in hairs], [w for _, w in hairs])[0],
        style=style,
        beard=style in ("short", "buzz", "bald", "beanie") and rng.random() < 0.4,
        glasses=rng.random() < 0.15,
        smile=rng.uniform(0.4, 2.2),
        shoulder=34 + 3.0 * broad + rng.uniform(-1.5, 1.5),
        waist=25 + 5.0 * broad + rng.uniform(-2.5, 2.5),
        hip=30 + 3.5 * broad + rng.uniform(-2, 3),
        head=rng.uniform(0.94, 1.06),
        lean=rng.uniform(-3, 3),
        poses=(first, second),
        angles=(angles[0], angles[1]),
        lower=rng.choices(("trousers", "skirt", "shorts"), (6, 2, 1))[0],
        lower_colour=rng.choice(lowers),
        accent=COLOURS[rng.choice(list(COLOURS))],
        ground=rng.choice(GROUNDS),
        shift=(rng.uniform(-3, 3), rng.uniform(5, 10)),
    )


def _distance(one: Colour, other: Colour) -> float:
    return sum(abs(p - q) for p, q in zip(one, other, strict=True))


def _contrast(one: str, other: str) -> float:
    return _distance(COLOURS[one], COLOURS[other])
