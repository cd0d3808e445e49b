"""Contact sheets: pictures side by side on one, to be looked at together."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from .errors import DataError
from .images import open_rgb, open_rgba
from .preparation import square

GAP = 2  # pixels between two pictures
QUALITY = 82  # of WebP: sheets of small pictures have many edges
TRANSPARENT = (0, 0, 0, 0)

Color = str | tuple[int, int, int, int]


def contact_sheet(
    pictures: Sequence[Image.Image | None],
    *,
    columns: int,
    size: tuple[int, int],
    gap: int = GAP,
    margin: int = 0,
    background: Color = "white",
) -> Image.Image:
    """Return pictures laid out row by row, each centered in a place of one size.

    Args:
        pictures: Pillow images, none larger than a place; None leaves a place empty.
        columns: Places in a row.
        size: Width and height of a place, in pixels.
        gap: Pixels between two places.
        margin: Pixels around all of them.
        background: A color name, or red, green, blue and opacity for a transparent sheet.
    """
    width, height = size
    rows = -(-len(pictures) // columns)
    around = 2 * margin - gap
    whole = (columns * (width + gap) + around, max(rows * (height + gap) + around, 1))
    sheet = Image.new("RGB" if isinstance(background, str) else "RGBA", whole, background)
    for number, picture in enumerate(pictures):
        if picture is None:
            continue
        left = margin + number % columns * (width + gap) + (width - picture.width) // 2
        top = margin + number // columns * (height + gap) + (height - picture.height) // 2
        sheet.paste(picture, (left, top))
    return sheet


def square_grid(paths: Sequence[Path], *, columns: int = 5, side: int = 96) -> Image.Image:
    """Return a transparent sheet of the central squares of image files.

    Args:
        paths: Image files; the first ``columns`` squared are shown. The place of one that
            cannot be read is gray.
        columns: Pictures in a row.
        side: Side of each picture on the sheet, in pixels.
    """
    shown = [_square(path, side) for path in paths[: columns * columns]]
    return contact_sheet(shown, columns=columns, size=(side, side), background=TRANSPARENT)


def whole_pictures(
    paths: Sequence[str | Path], *, columns: int, side: int, gap: int
) -> Image.Image:
    """Return a transparent sheet of image files that keep their shape.

    Args:
        paths: Image files; the place of one that cannot be read stays empty.
        columns: Pictures in a row.
        side: Longer side of each picture on the sheet, in pixels.
        gap: Pixels between two places.
    """
    shown = [_whole(path, side) for path in paths]
    return contact_sheet(shown, columns=columns, size=(side, side), gap=gap, background=TRANSPARENT)


def data_url(image: Image.Image) -> str:
    """Return a picture as a ``data:`` URL, for a page that needs no other file."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=QUALITY, method=4)  # 6: 4 % smaller, many times slower
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def stored_url(path: Path) -> str:
    """Return a stored sheet as a ``data:`` URL; what is transparent stays so."""
    return data_url(open_rgba(path))


def _square(path: Path, side: int) -> Image.Image:
    try:
        picture = open_rgb(path)
    except DataError:
        return Image.new("RGB", (side, side), "lightgray")
    if picture.width != picture.height:
        return square(picture, side)
    return picture.resize((side, side), Image.Resampling.BICUBIC)


def _whole(path: str | Path, side: int) -> Image.Image | None:
    try:
        picture = open_rgb(path)
    except DataError:
        return None
    return ImageOps.contain(picture, (side, side), Image.Resampling.BICUBIC)
