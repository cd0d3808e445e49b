"""Contact sheets: the same seeds of every arm, to be looked at side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..images import open_rgb

GAP = 2  # pixels between two pictures


def grid(paths: Sequence[Path], *, columns: int = 5, side: int = 96) -> Image.Image:
    """Lay pictures out on a white sheet, row by row.

    Args:
        paths: Image files, at most ``columns`` squared of them are shown.
        columns: Pictures in a row.
        side: Side of each picture on the sheet, in pixels.
    """
    shown = list(paths)[: columns * columns]
    rows = -(-len(shown) // columns)
    step = side + GAP
    sheet = Image.new("RGB", (columns * step - GAP, max(rows * step - GAP, 1)), "white")
    for number, path in enumerate(shown):
        picture = open_rgb(path).resize((side, side), Image.Resampling.BICUBIC)
        sheet.paste(picture, ((number % columns) * step, (number // columns) * step))
    return sheet


def data_url(image: Image.Image) -> str:
    """Return a picture as a ``data:`` URL, for a page that needs no other file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
