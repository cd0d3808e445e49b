"""The garments, on a person or alone: body, sleeves, collar, trimmings."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .canvas import Canvas, Colour, Points, ellipse, limb, mirrored, mix, shifted, smooth
from .patterns import print_logo, texture
from .people import COLOURS, Person

UPPER, DRESS, COAT = 5, 6, 7
BLACK = (20, 16, 30)


def label_of(kind: str) -> int:
    """Return the LIP label of a garment class."""
    return {"dress": DRESS, "raincoat": COAT, "puffer_vest": COAT}.get(kind, UPPER)


class Wear:
    """One garment fitted to one person, drawn piece by piece in body order."""

    def __init__(self, canvas: Canvas, person: Person) -> None:
        self.canvas, self.person, self.garment = canvas, person, person.garment
        self.kind = person.garment.kind
        self.label = label_of(self.kind)
        self.base = COLOURS[person.garment.colour]
        self.other = COLOURS[person.garment.second]
        self.x = float(person.skeleton()["neck"][0])
        self.fill = texture(canvas, person.garment)

    def behind(self) -> None:
        """Draw what lies behind the neck and head: hoods."""
        if self.kind == "hoodie":
            hood = smooth([(0, 73), (15, 76), (22, 86), (20, 97), (0, 100)])
            self.canvas.part([mirrored(hood, self.x)], mix(self.base, BLACK, 0.18), self.label)
        elif self.kind == "raincoat":
            x, y = self.person.skeleton()["head"]
            hood = smooth([(0, y - 30), (15, y - 27), (24, y - 10), (24, y + 12), (17, y + 36)])
            self.canvas.part([mirrored(hood, x)], self.base, self.label)
            inner = smooth([(0, y - 24), (12, y - 21), (18.5, y - 8), (18, y + 12), (12, y + 30)])
            self.canvas.part([mirrored(inner, x)], mix(self.base, BLACK, 0.35), self.label, shade=0)

    def sleeve(self, joints: Points, *, cast: float = 2.0) -> None:
        """Draw the sleeve along shoulder, elbow and wrist."""
        kind, share = self.kind, self.garment.sleeve
        if share == 0 or kind == "poncho":
            return
        plain = self.other if self.garment.pattern == "raglan" or kind == "puffer_vest" else None
        fill: Colour | Image.Image = self.fill if plain is None else plain
        path, along = _part_of(joints, share)
        radii = np.interp(along, [0, 0.5, 1], [8.2, 7.4, 5.4])
        radii += (1.0 + 0.35 * self.garment.loose) * np.interp(along, [0, 0.25], [0.2, 1.0])
        shapes = limb(path, list(radii), blunt=True)
        self.canvas.part(shapes, fill, self.label, shade=2.4, cast=cast)
        if kind in ("hoodie", "longsleeve", "raincoat"):
            end, back = path[-1], path[-1] - path[-2]
            cuff = np.array([end - back / np.hypot(*back) * 5, end])
            shapes = limb(cuff, [radii[-1] + 0.3] * 2, blunt=True)[1:]
            self.canvas.part(shapes, mix(plain or self.base, BLACK, 0.16), self.label, shade=1.4)

    def body(self) -> None:
        """Draw the part around the torso."""
        if self.kind == "poncho":
            outline = [(9, 84), (26, 90), (44, 112), (60, 150), (66, 168), (34, 190), (0, 206)]
            self._torso(smooth(outline))
            return
        self._torso(self._profile())
        {
            "dress": self._waistband,
            "shirt": self._buttons,
            "hoodie": self._pocket,
            "puffer_vest": self._quilting,
            "raincoat": self._closure,
        }.get(self.kind, self._folds)()
        if self.garment.pattern == "logo":
            print_logo(self.canvas, self.garment, self.x)

    def neckline(self, inside: Colour, label: int) -> None:
        """Cut the neck opening, through which the skin or the garment's back shows."""
        if self.kind == "raincoat":
            return
        deep, wide = {"crew": (6, 10), "vee": (19, 11), "scoop": (14, 14)}[self.garment.neck]
        if self.kind in ("hoodie", "puffer_vest", "poncho"):
            deep, wide = 7, 10
        if self.kind == "shirt":
            deep, wide = 13, 8.5
        curve = [(wide, 84), (wide * 0.78, 86 + deep * 0.55), (0, 87 + deep)]
        pointed = self.garment.neck == "vee" or self.kind == "shirt"
        half = np.array(curve) if pointed else smooth(curve)
        trim = mix(self.base, BLACK, 0.16)
        if self.garment.pattern == "raglan":
            trim = self.other
        outline = mirrored(half, self.x)
        self.canvas.part([outline], inside, label, shade=0)
        if self.kind != "tank_top":
            self.canvas.stroke(outline, trim, 2.6)
        if self.kind == "shirt":
            self._collar()
        elif self.kind == "hoodie":
            for side in (-1, 1):
                rim = smooth([(self.x + side * 19, 88), (self.x + side * 12, 97), (self.x, 101)])
                self.canvas.stroke(rim, mix(self.base, BLACK, 0.2), 4.5)
                cord = [(self.x + side * 5, 100), (self.x + side * 6, 118)]
                self.canvas.stroke(cord, (245, 245, 240), 1.6)
        elif self.kind == "puffer_vest":
            for side in (-1, 1):
                flap = [(0, 96), (5, 82), (13, 80), (14, 91)]
                self.canvas.spot(np.array(flap) * (side, 1) + (self.x, 0), self.base)

    def _profile(self) -> Points:
        """Return the right half of the body's outline, as (distance from the middle, y)."""
        p, ease = self.person, self.garment.loose
        shoulder = p.shoulder + (1 if self.garment.sleeve else -1)
        top = [(8, 84), (shoulder * 0.62, 88), (shoulder - 1, 94), (shoulder + 0.5, 101)]
        if self.kind == "tank_top" or (self.kind == "dress" and not self.garment.sleeve):
            top = [(11, 86), (16, 86.5), (19, 96), (shoulder - 9, 110)]
        sides = [(p.shoulder - 4 + ease * 0.4, 117), (p.waist + ease, 148)]
        if self.kind == "dress":
            return smooth([*top, sides[0], (p.waist + 1, 146), (p.hip + 9, 186), (p.hip + 19, 236)])
        if self.kind == "raincoat":
            return smooth([*top, (p.shoulder + 2, 122), (p.hip + 7, 170), (p.hip + 13, 226)])
        if self.kind == "puffer_vest":
            return smooth([*top, (p.shoulder + 4, 120), (p.hip + 9, 152), (p.hip + 7, 188)])
        hem = {"hoodie": 194, "tank_top": 186}.get(self.kind, 190)
        return smooth([*top, *sides, (p.hip + ease * 0.7, 182), (p.hip + ease * 0.6, hem)])

    def _torso(self, half: Points) -> None:
        self.canvas.part([mirrored(half, self.x)], self.fill, self.label, shade=6, cast=2)
        if self.kind in ("tshirt", "longsleeve", "tank_top", "hoodie"):
            width, bottom = half[-1]
            hem = [(self.x - width, bottom - 4), (self.x + width, bottom - 4)]
            self.canvas.stroke(hem, BLACK, 1.0, 0.2)
        if self.kind == "poncho":
            edge = smooth([(-66, 168), (-34, 190), (0, 206), (34, 190), (66, 168)], steps=8)
            for px, py in edge[::2]:
                tassel = [(self.x + px, py), (self.x + px * 1.01, py + 6)]
                self.canvas.stroke(tassel, self.other, 1.6)

    def _folds(self) -> None:
        p = self.person
        for side in (-1, 1):
            armpit = [(p.shoulder - 6, 113), (p.shoulder - 13, 121), (p.shoulder - 17, 131)]
            waist = [(p.waist, 158), (p.waist - 8, 162), (p.waist - 15, 161)]
            for fold in (armpit, waist):
                line = smooth(np.array(fold) * (side, 1) + (self.x, 0))
                self.canvas.stroke(line, BLACK, 1.3, 0.16)

    def _waistband(self) -> None:
        width = self.person.waist + 1
        band = np.array([(-width, 143), (width, 143), (width + 0.6, 150), (-width - 0.6, 150)])
        colour = self.other if self.garment.pattern != "block" else mix(self.base, BLACK, 0.3)
        self.canvas.spot(shifted(band, self.x, 0), colour)
        for share in (-0.6, -0.2, 0.25, 0.62):
            fold = [(share * width, 154), (share * (width + 22), 234)]
            self.canvas.stroke(shifted(fold, self.x, 0), BLACK, 1.4, 0.15)

    def _buttons(self) -> None:
        self.canvas.stroke([(self.x + 3.5, 104), (self.x + 3.5, 189)], BLACK, 1.0, 0.3)
        dark = sum(self.base) < 300
        for y in range(108, 188, 15):
            button = ellipse(self.x, y, 1.7, 1.7, steps=12)
            self.canvas.spot(button, (235, 235, 230) if dark else (60, 56, 60))
        self._folds()

    def _collar(self) -> None:
        light = mix(self.base, (255, 255, 255), 0.25)
        for side in (-1, 1):
            flap = np.array([(7, 80), (12, 84), (14, 97), (7, 103), (0.5, 99)])
            flap = flap * (side, 1) + (self.x, 0)
            self.canvas.part([flap], light, self.label, shade=0.8)
            self.canvas.stroke(flap[2:], BLACK, 0.8, 0.35)

    def _pocket(self) -> None:
        half = np.array([(12, 152), (21, 168), (21, 184)])
        self.canvas.spot(mirrored(half, self.x), BLACK, 0.12)
        self.canvas.stroke(mirrored(half, self.x), BLACK, 1.2, 0.3)
        self._folds()

    def _quilting(self) -> None:
        width = self.person.hip + 8
        for y in range(108, 188, 12):
            seam = smooth(
                [(-width, y - 3), (-width / 2, y), (0, y - 2), (width / 2, y), (width, y - 3)]
            )
            clipped = seam[
                np.abs(seam[:, 0]) < np.interp(y, [108, 150], [self.person.shoulder - 1, width])
            ]
            self.canvas.stroke(shifted(clipped, self.x, 0), BLACK, 2.0, 0.28)
        self.canvas.stroke([(self.x, 94), (self.x, 187)], (230, 230, 226), 2.0)

    def _closure(self) -> None:
        self.canvas.stroke([(self.x, 92), (self.x, 226)], mix(self.base, BLACK, 0.4), 2.2)
        for y in range(104, 200, 22):
            self.canvas.spot(ellipse(self.x, y, 2.6, 2.6, steps=14), (60, 56, 60))
        for side in (-1, 1):
            flap = np.array([(13, 172), (30, 169), (30, 176), (13, 179)]) * (side, 1) + (self.x, 0)
            self.canvas.spot(flap, BLACK, 0.22)


def _part_of(joints: Points, share: float) -> tuple[Points, np.ndarray]:
    """Cut a path after a share of its length; also return how far along each point is."""
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(steps)]) / steps.sum()
    at = np.unique(np.concatenate([along[along < share], np.linspace(0, share, 4)]))
    return np.stack([np.interp(at, along, joints[:, axis]) for axis in (0, 1)], axis=1), at
