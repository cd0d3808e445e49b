"""Conversion of a file that Pillow has opened, of any depth and mode, to 8-bit RGB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from . import depth, png

BAND = 2**20  # pixels that are laid on white at a time

# Tags of TIFF 6.0.
PHOTOMETRIC, SAMPLE_FORMAT, BITS = 262, 339, 258
MAX_SAMPLE, SMIN_SAMPLE, SMAX_SAMPLE = 281, 340, 341

Say = Callable[[str], None]
"""Receives what a reader should know of a file, as the end of a sentence that names it."""


def rgb(file: Any, stream: BinaryIO, header: png.Header | None, say: Say) -> Image.Image:
    """Decode a file to 8-bit RGB; transparency is laid on white.

    Args:
        file: An image that Pillow has opened and not loaded yet.
        stream: The file that it was opened from.
        header: What a PNG says about its pixels, None for other formats.
        say: Is told what was assumed.
    """
    tile = file.tile[0] if is_deep_colour(file, header) else None
    tags = dict(getattr(file, "tag_v2", {}))
    file.load()
    image: Any = file
    if tile is not None:
        image = _deep_colour(file, tile, stream, header, tags, say)
    elif file.mode.startswith("I;16") or file.mode in ("I", "F"):
        image = _deep_gray(file, header, tags, say)
    elif file.mode == "LAB":
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(file, lab, srgb, outputMode="RGB")
    return _on_white(image) if image.has_transparency_data else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    out = Image.new("RGB", image.size)
    rows = max(1, BAND // max(image.width, 1))
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height))).convert("RGBA")
        white = Image.new("RGBA", band.size, "white")
        out.paste(Image.alpha_composite(white, band).convert("RGB"), (0, top))
    return out


def _deep_gray(file: Any, header: png.Header | None, tags: dict[int, Any], say: Say) -> Image.Image:
    """Scale one channel of 16 or 32 bits to 0-255; Pillow would clip it at 255."""
    values = np.asarray(file)
    if file.mode == "I" and _kind(tags) == 1 and _first(tags.get(BITS)) == 32:
        values = values.view(np.uint32)  # Pillow keeps unsigned values in a signed mode
    low, high, mean, odd = depth.spread(depth.bands(values))
    if odd == values.size:
        raise ValueError("no pixel is a number")
    if file.mode == "F":
        black, white = _first(tags.get(SMIN_SAMPLE)), _first(tags.get(SMAX_SAMPLE))
        declared = None if black is None or white is None else (float(black), float(white))
        value_range = depth.of_floats(low, high, mean, declared)
    else:
        value_range = depth.of_integers(
            int(low),
            int(high),
            container=32 if file.mode == "I" and not _is_signed_short(tags) else 16,
            declared=_declared(file, header, tags, values, int(high)),
        )
    if value_range.note:
        say(f"{value_range.note}.")
    if odd:
        say(f"has {odd:,} pixels that are no finite numbers; they were filled.")
    eight = depth.scaled(values, value_range)
    if tags.get(PHOTOMETRIC) == 0:  # white is zero; Pillow inverts only up to eight bits
        eight = 255 - eight
    image = Image.fromarray(eight)
    transparent = file.info.get("transparency")
    if isinstance(transparent, int) and file.mode.startswith("I;16"):
        image.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return image


def is_deep_colour(file: Any, header: png.Header | None) -> bool:
    """Tell whether Pillow is about to cut 16 bits a channel down to their upper eight."""
    if header is not None:
        return header.depth == 16 and header.colour in (png.RGB, png.RGBA, png.GRAY_ALPHA)
    raw = _raw(file.tile[0].args) if len(file.tile) == 1 else ""
    return file.format == "TIFF" and raw[:3] == "RGB" and raw[-4:-1] == ";16"


def _deep_colour(
    file: Any,
    tile: Any,
    stream: BinaryIO,
    header: png.Header | None,
    tags: dict[int, Any],
    say: Say,
) -> Image.Image:
    """Scale colours of 16 bits a channel by the depth that they really have.

    Pillow keeps the upper byte of each value. Where those leave the brightest three
    quarters empty, or one value means transparent, the lower bytes are decoded too.
    """
    upper = np.asarray(file)
    transparent = file.info.get("transparency")
    if upper[..., :3].max(initial=0) >= 64 and transparent is None:
        return file
    if header is not None and header.colour == png.GRAY_ALPHA:
        source, _, _ = png.essentials(stream, as_bytes=True)
        pairs = _load(source, "PNG").astype(np.uint16)  # both bytes of gray, both of alpha
        values = (pairs[..., 0::2] << 8 | pairs[..., 1::2])[..., [0, 0, 0, 1]]
    else:
        source = stream if header is None else png.essentials(stream)[0]
        source.seek(0)
        lower = _load(source, "TIFF" if header is None else "PNG", swapped=_raw(tile.args))
        values = upper.astype(np.uint16) << 8 | lower
    colour = values[..., :3]
    low, high = int(colour.min()), int(colour.max())
    white = _declared(file, header, tags, colour, high)
    value_range = depth.of_integers(low, high, container=16, declared=white)
    if value_range.note:
        say(f"{value_range.note}.")
    image = Image.fromarray(depth.scaled(colour, value_range))
    if values.shape[-1] == 4:
        alpha = values[..., 3]
        full = value_range.white if alpha.max(initial=0) <= value_range.white else 65535
        image.putalpha(Image.fromarray(depth.scaled(alpha, depth.Range(0, full))))
    elif transparent is not None:
        clear = (colour == np.array(transparent, np.uint16)).all(-1)
        image.putalpha(Image.fromarray(np.where(clear, 0, 255).astype(np.uint8)))
    return image


def _load(source: BinaryIO, kind: str, *, swapped: str = "") -> np.ndarray:
    """Decode a file once more; with the other byte order, the upper byte is the lower one."""
    with Image.open(source, formats=(kind,)) as file:
        if swapped:
            tile = file.tile[0]
            raw = swapped[:-1] + ("L" if swapped[-1] == "B" else "B")
            args = (raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw
            file.tile = [tile._replace(args=args)]
        file.load()
        return np.asarray(file)


def _declared(
    file: Any, header: png.Header | None, tags: dict[int, Any], values: np.ndarray, high: int
) -> float | None:
    """Return the value that the file declares white; None for none, or one below its values."""
    if file.format in ("PPM", "JPEG2000"):
        return 65535  # Pillow has scaled these by the depth that they state
    if header is not None:
        bits = header.significant
        if bits is None or not 8 <= bits < 16:
            return None
        shifted = high >= 2**bits or depth.is_shifted(values, bits)
        return 65535 if shifted else 2**bits - 1
    for tag in (SMAX_SAMPLE, MAX_SAMPLE):
        stated = _first(tags.get(tag))
        if stated is not None and stated >= max(high, 1):
            return float(stated)
    bits = _first(tags.get(BITS))
    return 2**bits - 1 if bits in (10, 12, 14) else None


def _is_signed_short(tags: dict[int, Any]) -> bool:
    return _kind(tags) == 2 and _first(tags.get(BITS)) == 16


def _kind(tags: dict[int, Any]) -> Any:
    """Return a TIFF's kind of number: 1 unsigned, 2 signed, 3 float; None for other files."""
    return _first(tags.get(SAMPLE_FORMAT, 1)) if tags else None


def _raw(args: Any) -> str:
    return str(args[0] if isinstance(args, tuple) else args)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and value else value
