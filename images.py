"""From an image file to pixels that mean what the photographer meant.

Everything that reads images goes through `open_rgb`, so the encoder, the
diffusion model and the metrics see the same picture of the same file.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import DataError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")


def open_rgb(path: str | Path) -> Image.Image:
    """Read an image file as 8-bit RGB, upright.

    EXIF orientation is applied; of an animation the first frame is taken;
    transparency is laid on white; 16-bit, grayscale, palette and CMYK become RGB.

    Raises:
        DataError: The file is missing, empty, truncated or not an image.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", message="Palette images with Transparency")
            with Image.open(path) as file:
                file.seek(0)
                file.load()
                return _rgb(ImageOps.exif_transpose(file))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; restore it or remove its sample.") from None
    except UnidentifiedImageError:
        what = "empty" if path.stat().st_size == 0 else "not an image that Pillow can read"
        raise DataError(f"{path} is {what}; replace it or remove its sample.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        raise DataError(f"{path} is too large to decode safely: {fault}") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as fault:
        raise DataError(f"{path} is damaged ({fault}); replace it or remove its sample.") from None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        # Pillow clips deeper pixels at 255 when it converts; scale them instead.
        values = np.asarray(image).astype(np.float64)
        deep = image.mode.startswith("I;16") or values.max(initial=0) > 255
        scaled = values / 257 if deep else values
        image = Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def square(image: Image.Image, size: int) -> Image.Image:
    """Cut the central square, then resize it to ``size`` x ``size``, antialiased.

    Cropping first keeps shapes: a circle in a portrait photograph stays a circle.
    """
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.LANCZOS, box=box, reducing_gap=None)


def content_hash(path: str | Path) -> str:
    """Return the sha256 of a file's bytes, as hex.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror}.") from None
