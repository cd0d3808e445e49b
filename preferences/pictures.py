"""Images as raters get them: of one size and one kind of file, without name or metadata."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from pathlib import Path

from PIL import Image

from ..common.images import open_rgb
from ..common.preparation import square

KEPT = 64 * 2**20  # bytes of encoded images that are kept for the next rater


def encoded(path: str | Path, size: int) -> bytes:
    """Read an image and encode it anew as a PNG of ``size`` x ``size`` pixels.

    The central square is taken. Larger images are scaled down smoothly. Smaller ones are
    enlarged by whole pixels where that fits, so that no sharpness is made up, else smoothly.

    Raises:
        DataError: The file cannot be read as an image.
    """
    image = open_rgb(path)
    side = min(image.size)
    if side < size and size % side == 0:
        image = square(image, side).resize((size, size), Image.Resampling.NEAREST)
    else:
        image = square(image, size)
    buffer = io.BytesIO()
    Image.frombytes("RGB", image.size, image.tobytes()).save(buffer, "PNG", optimize=False)
    return buffer.getvalue()


class Pictures:
    """Encoded images, the latest kept in memory.

    Args:
        size: Side in pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, path: str) -> bytes:
        """Return one image's PNG.

        Raises:
            DataError: The file cannot be read as an image.
        """
        with self._lock:
            if path in self._kept:
                self._kept.move_to_end(path)
                return self._kept[path]
        content = encoded(path, self.size)
        with self._lock:
            if path not in self._kept:
                self._kept[path] = content
                self._bytes += len(content)
            while self._bytes > KEPT and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= len(oldest)
        return content
