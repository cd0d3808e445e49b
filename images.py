"""From an image file to pixels that mean what the photographer meant.

Everything that reads images goes through `open_rgb`, so the encoder, the
diffusion model and the metrics see the same picture of the same file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import DataError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MAX_PIXELS = 89_478_485  # a quarter of a gigabyte as RGB; Pillow warns from here on


def open_rgb(path: str | Path) -> Image.Image:
    """Read an image file as 8-bit RGB, upright.

    EXIF orientation is applied; of an animation the first frame is taken;
    transparency is laid on white; 16-bit, grayscale, palette and CMYK become RGB.
    Colour profiles are not applied. Safe to call from several threads.

    Raises:
        DataError: The file is missing, empty, truncated, too large or not an image.
    """
    path = Path(path)
    try:
        with Image.open(path) as file:
            if file.width * file.height > MAX_PIXELS:
                raise _too_large(path, f"{file.width} x {file.height} pixels")
            file.seek(0)
            file.load()
            ImageOps.exif_transpose(file, in_place=True)
            return _rgb(file)
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; restore it or remove its sample.") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder; give the path of an image file.") from None
    except PermissionError:
        raise DataError(f"{path} may not be read by this user; change its permissions.") from None
    except UnidentifiedImageError:
        what = "empty" if path.stat().st_size == 0 else "not an image that Pillow can read"
        raise DataError(f"{path} is {what}; replace it or remove its sample.") from None
    except Image.DecompressionBombError:
        raise _too_large(path, "over 178 million pixels") from None
    except Exception as fault:  # Pillow's decoders meet damage with errors of any kind
        said = str(fault) or type(fault).__name__
        raise DataError(f"{path} is damaged ({said}); replace it or remove its sample.") from fault


def _too_large(path: Path, size: str) -> DataError:
    return DataError(
        f"{path} claims {size}, more than the {MAX_PIXELS // 10**6} million that are decoded "
        "safely; scale it down or remove its sample."
    )


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = Image.fromarray(_eight_bits(np.asarray(image), deep=image.mode.startswith("I;16")))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _eight_bits(values: np.ndarray, *, deep: bool) -> np.ndarray:
    """Scale one deep channel to 0-255; Pillow would clip it at 255.

    Files with 32 bits don't say what white is: values up to 1, 255 and 65535 are
    taken for fractions, bytes and 16-bit values.
    """
    top = values.max(initial=0)
    fraction = values.dtype.kind == "f" and top <= 1
    scale = 255 if fraction else 1 / 257 if deep or top > 255 else 1
    return np.clip(np.rint(values.astype(np.float64) * scale), 0, 255).astype(np.uint8)


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
