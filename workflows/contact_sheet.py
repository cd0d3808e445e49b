"""Contact sheets: the same seeds of every arm, to be looked at side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..common.errors import DataError
from ..common.images import open_rgb
from ..common.preparation import square

GAP = 2  # pixels between two pictures
QUALITY = 82  # of WebP: sheets of small pictures have many edges


def grid(paths: Sequence[Path], *, columns: int = 5, side: int = 96) -> Image.Image:
    """Lay pictures out on a white sheet, row by row.

    Args:
        paths: Image files, at most ``columns`` squared of them are shown, their central
            squares. The place of one that cannot be read stays gray.
        columns: Pictures in a row.
        side: Side of each picture on the sheet, in pixels.
    """
    shown = list(paths)[: columns * columns]
    rows = -(-len(shown) // columns)
    step = side + GAP
    sheet = Image.new("RGB", (columns * step - GAP, max(rows * step - GAP, 1)), "white")
    for number, path in enumerate(shown):
        place = ((number % columns) * step, (number // columns) * step)
        sheet.paste(_picture(path, side), place)
    return sheet


def _picture(path: Path, side: int) -> Image.Image:
    try:
        picture = open_rgb(path)
    except DataError:
        return Image.new("RGB", (side, side), "lightgray")
    if picture.width != picture.height:
        return square(picture, side)
    return picture.resize((side, side), Image.Resampling.BICUBIC)


def data_url(image: Image.Image) -> str:
    """Return a picture as a ``data:`` URL, for a page that needs no other file."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=QUALITY, method=6)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
