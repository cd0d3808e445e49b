"""Antialiased flat drawing, with a label for every pixel.

Shapes are given in *units*: a person stands in a frame 192 wide and 256 high,
whatever the size of the picture. Everything is drawn `FINE` times too large and
reduced at the end. What is drawn on the picture is drawn on the label map too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw

FRAME = (192, 256)
FINE = 2
DARK = (16, 10, 40)  # the colour of shadows
CAST, SHADE = 43, 38  # their opacity of 255: thrown on something, on the thing itself

Colour = tuple[int, int, int]
Points = np.ndarray  # (n, 2), in units


class Canvas:
    """A picture and its label map.

    Args:
        size: Width and height of the finished picture, in pixels.
        ground: Colour of the empty picture.
        zoom: Magnification about the centre of the frame.
        shift: Where the frame's centre lies relative to the picture's, in units.
    """

    def __init__(
        self,
        size: tuple[int, int],
        ground: Colour,
        *,
        zoom: float = 1.0,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.size = size
        self.scale = FINE * zoom * size[1] / FRAME[1]
        centre = np.array(size) * FINE / 2
        self.origin = centre - (np.array(FRAME) / 2 - np.array(shift)) * self.scale
        big = (size[0] * FINE, size[1] * FINE)
        self.picture = Image.new("RGB", big, ground)
        self.label_map = Image.new("L", big, 0)
        self.occupied = Image.new("L", big, 0)  # CAST where anything is

    def pixels(self, points: Points | Sequence[Sequence[float]]) -> np.ndarray:
        """Convert units to pixels of the enlarged picture."""
        return np.asarray(points, dtype=np.float64) * self.scale + self.origin

    def part(
        self,
        shapes: Sequence[Points],
        fill: Colour | Image.Image,
        label: int,
        *,
        shade: float = 2.5,
        cast: float = 0.0,
    ) -> None:
        """Draw the union of some polygons as one body.

        Args:
            shapes: The polygons.
            fill: A colour, or a texture of the enlarged picture's size.
            label: What the pixels belong to.
            shade: Width of the shadow along the right edge, in units.
            cast: How far it throws a shadow onto what lies behind it, in units.
        """
        outlines = [self.pixels(shape) for shape in shapes]
        points = np.concatenate(outlines)
        margin = int(max(shade, cast) * self.scale) + 2
        left, top = np.floor(points.min(axis=0)).astype(int) - margin
        right, bottom = np.ceil(points.max(axis=0)).astype(int) + margin
        box = (int(left), int(top), int(right), int(bottom))
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
        draw = ImageDraw.Draw(mask)
        for outline in outlines:
            draw.polygon([tuple(point) for point in (outline - (left, top)).tolist()], fill=255)
        if cast:
            thrown = ImageChops.offset(
                mask, round(cast * 0.6 * self.scale), round(cast * self.scale)
            )
            opacity = ImageChops.darker(thrown, self.occupied.crop(box))
            self.picture.paste(DARK, box, opacity)
        source = fill.crop(box) if isinstance(fill, Image.Image) else fill
        self.picture.paste(source, box, mask)
        for layer, value in ((self.label_map, label), (self.occupied, CAST)):
            draw = ImageDraw.Draw(layer)
            for outline in outlines:
                draw.polygon([tuple(point) for point in outline.tolist()], fill=value)
        if shade:
            # The margin is wider than any offset, so nothing comes round the edge.
            lit = ImageChops.offset(
                mask, -round(shade * self.scale), -round(0.3 * shade * self.scale)
            )
            opacity = ImageChops.subtract(mask, lit, scale=255 / SHADE)
            self.picture.paste(DARK, box, opacity)

    def stroke(
        self,
        points: Points | Sequence[Sequence[float]],
        colour: Colour,
        width: float = 1.0,
        opacity: float = 1.0,
    ) -> None:
        """Draw a line of some width (units) on the picture alone."""
        draw = ImageDraw.Draw(self.picture, "RGBA")
        line = [tuple(point) for point in self.pixels(points).tolist()]
        fill = (*colour, round(255 * opacity))
        draw.line(line, fill=fill, width=max(1, round(width * self.scale)), joint="curve")

    def spot(self, shape: Points, colour: Colour, opacity: float = 1.0) -> None:
        """Fill a polygon on the picture alone."""
        draw = ImageDraw.Draw(self.picture, "RGBA")
        outline = [tuple(point) for point in self.pixels(shape).tolist()]
        draw.polygon(outline, fill=(*colour, round(255 * opacity)))

    def finished(self) -> Image.Image:
        """Return the picture at its final size."""
        return self.picture.reduce(FINE)

    def labels(self) -> Image.Image:
        """Return the label map at its final size: each pixel's middle sample."""
        fine = np.asarray(self.label_map)
        return Image.fromarray(np.ascontiguousarray(fine[FINE // 2 :: FINE, FINE // 2 :: FINE]))

    def coverage(self) -> Image.Image:
        """Return how much of each pixel is covered by anything, 0..255."""
        return self.occupied.point([255 * (value > 0) for value in range(256)]).reduce(FINE)


def smooth(
    points: Points | Sequence[Sequence[float]], *, closed: bool = False, steps: int = 6
) -> Points:
    """Draw a Catmull-Rom curve through points: (n, 2) -> (about n * steps, 2)."""
    p = np.asarray(points, dtype=np.float64)
    p = np.vstack([p[-1], p, p[:2]]) if closed else np.vstack([p[0], p, p[-1]])
    a, b, c, d = p[:-3, None], p[1:-2, None], p[2:-1, None], p[3:, None]
    t = (np.arange(steps) / steps)[None, :, None]
    curve = 2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
    curve = 0.5 * (curve + (3 * b - a - 3 * c + d) * t**3)
    return np.vstack([curve.reshape(-1, 2), p[-2]]) if not closed else curve.reshape(-1, 2)


def ellipse(x: float, y: float, rx: float, ry: float, *, steps: int = 28) -> Points:
    """Return the outline of an ellipse."""
    angle = np.arange(steps) * (2 * np.pi / steps)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


def shifted(points: Points | Sequence[Sequence[float]], dx: float, dy: float) -> Points:
    """Move points."""
    return np.asarray(points, dtype=np.float64) + np.array([dx, dy])


def mirrored(half: Points, x: float) -> Points:
    """Complete a symmetric outline from its right half, given as (distance from x, y)."""
    half = np.asarray(half, dtype=np.float64)
    right = half * (1, 1) + (x, 0)
    left = half[::-1] * (-1, 1) + (x, 0)
    return np.vstack([right, left])


def limb(joints: Points, radii: Sequence[float], *, blunt: bool = False) -> list[Points]:
    """Return a limb of changing thickness along its joints, as polygons; blunt: cut straight."""
    shapes = [ellipse(x, y, r, r, steps=20) for (x, y), r in zip(joints, radii, strict=True)]
    shapes = shapes[:-1] if blunt else shapes
    for start, end, r, q in zip(joints, joints[1:], radii, radii[1:], strict=False):
        along = np.asarray(end) - start
        across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
        shapes.append(
            np.array([start + across * r, end + across * q, end - across * q, start - across * r])
        )
    return shapes


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Blend two colours; ``share`` of the other one."""
    r, g, b = (round(p * (1 - share) + q * share) for p, q in zip(colour, other, strict=True))
    return (r, g, b)
