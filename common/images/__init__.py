"""Image files of any format read as upright 8-bit RGB.

Everything that reads images goes through `open_rgb`, so the encoder, the
diffusion model and the metrics see the same picture of the same file. No other
module opens an image: this one opens raster formats only, each as what its
content says it is, and within a limit of memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from PIL import Image, ImageFile, UnidentifiedImageError

from ..errors import DataError, SettingsError
from . import formats, memory, png, values
from .formats import readable, sniff

__all__ = [
    "DECODING",
    "SEVERAL",
    "content_hash",
    "frames",
    "is_whole_png",
    "open_rgb",
    "png_text",
    "readable",
    "reading",
    "size_of",
    "sniff",
]

DECODING = 2
"""Version of what files become as pixels; raise it whenever a file would give other ones."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings an image upright, by its EXIF orientation (EXIF 2.32, tag 274)."""
SEVERAL = ("GIF", "PNG", "WEBP", "AVIF", "TIFF")  # formats that may hold several pictures
ORIENTATION, NEW_SUBFILE, DNG = 274, 254, 50706  # tags of EXIF, TIFF 6.0 and DNG 1.4


def open_rgb(path: str | Path, notes: list[str] | None = None) -> Image.Image:
    """Read an image file as 8-bit RGB, upright.

    EXIF orientation is applied; of an animation the first frame is taken;
    transparency is laid on white; 16-bit, float, grayscale, palette and CMYK become
    RGB. Colour profiles are not applied. Safe to call from several threads.

    Args:
        path: The file; its content says what it is, not its name.
        notes: Receives a sentence for what a reader should know: values scaled by
            their own range, pixels that are no numbers, a picture of one colour.

    Raises:
        DataError: The file is missing, empty, too large, not an image, or its pixels
            cannot be decoded.
    """
    with reading(path, notes) as image:
        return image


@contextlib.contextmanager
def reading(path: str | Path, notes: list[str] | None = None) -> Iterator[Image.Image]:
    """Read an image as `open_rgb` does, and keep its memory reserved until the block ends.

    Threads that read images share the memory of ``CURADIFF_DECODE_GB`` (by default 1):
    make the image small within the block.
    """
    messages = [] if notes is None else notes
    with contextlib.ExitStack() as held:
        yield _read(path, messages, held)


def _read(path: str | Path, messages: list[str], held: contextlib.ExitStack) -> Image.Image:
    with _decoding(path) as (kind, stream):
        if kind == "PNG":
            reduced, header, turning = png.essentials(stream)
            turn = _turn_of(turning)
        else:
            reduced, header, turn = stream, None, 0
        with _opened(reduced, kind) as file:
            turn = turn or _orientation(file)
            _refuse_raw(path, file)
            needed = memory.needed(
                path, file, stream, values.is_deep_colour(file, header), messages
            )
            held.enter_context(memory.taking(needed))
            image = values.rgb(file, stream, header, lambda text: messages.append(f"{path} {text}"))
        if turn in TURNS:
            image = image.transpose(TURNS[turn])
    extrema = cast(list[tuple[int, int]], image.getextrema())
    if all(low == high for low, high in extrema):
        messages.append(f"{path} is of one colour throughout.")
    return image


def open_rgba(path: str | Path) -> Image.Image:
    """Return a picture with 8 bits per channel, such as a sheet of ours, with its transparency.

    Raises:
        DataError: The file is missing, empty, damaged or not an image.
    """
    with _decoding(path) as (kind, stream), _opened(stream, kind) as file:
        return file.convert("RGBA")


def size_of(path: str | Path) -> tuple[int, int]:
    """Return width and height of an image file, upright, from its header alone.

    Raises:
        DataError: The file is missing, empty or not an image.
    """
    with _decoding(path) as (kind, stream):
        source, _, turning = png.essentials(stream) if kind == "PNG" else (stream, None, [])
        with _opened(source, kind) as file:
            width, height = file.size
            if kind == "TIFF":  # Pillow gives its size upright, that of others as it is stored
                return width, height
            turn = _turn_of(turning) if kind == "PNG" else _orientation(file)
            return (height, width) if turn in (5, 6, 7, 8) else (width, height)


def frames(path: str | Path) -> int:
    """Count the frames of an animation or the pages of a file, of which the first is read.

    Returns:
        1 for every other file, and where the count cannot be read.
    """
    try:
        with _decoding(path) as (kind, stream):
            if kind not in SEVERAL:
                return 1
            with _opened(stream, kind) as file:
                return getattr(file, "n_frames", 1)
    except DataError:  # decoding will say what is wrong
        return 1


def png_text(path: str | Path, keyword: str) -> str | None:
    """Return a text that a PNG file carries beside its pixels, None where it has none.

    Raises:
        DataError: The file is missing, empty, or no readable PNG.
    """
    with _decoding(path) as (kind, stream), _opened(stream, "PNG") as file:
        return file.text.get(keyword) if kind == "PNG" else None


def is_whole_png(path: str | Path) -> bool:
    """Tell whether every part of a PNG file has its checksum."""
    try:
        with _decoding(path) as (_, stream), _opened(stream, "PNG") as file:
            file.verify()
    except DataError:
        return False
    return True


@contextlib.contextmanager
def _decoding(path: str | Path) -> Iterator[tuple[str, BinaryIO]]:
    """Open a file that holds an image; whatever goes wrong with it is a `DataError`."""
    kind = sniff(path)
    if kind is None:
        raise DataError(
            f"{path} is not an image that Pillow can read; replace it or remove its sample."
        )
    if kind not in readable():
        raise DataError(
            f"{path} is a picture of the format {formats.label(kind)}, which is not read here; "
            "convert it to JPEG or PNG, or remove its sample."
        )
    try:
        with Path(path).open("rb") as stream, _strict():
            yield kind, stream
    except (DataError, SettingsError):
        raise
    except Image.DecompressionBombError:
        raise DataError(
            f"{path} claims over 178 million pixels, more than the {memory.pixels() // 10**6} "
            "million that are decoded safely; scale it down or remove its sample."
        ) from None
    except PermissionError as fault:
        raise formats.unopened(path, fault) from None
    except Exception as fault:  # Pillow's decoders meet damage with errors of any kind
        reason = "its header cannot be read" if isinstance(fault, UnidentifiedImageError) else fault
        reason = str(reason) or type(fault).__name__
        raise DataError(
            f"{path} is damaged ({reason}); replace it or remove its sample."
        ) from fault


@contextlib.contextmanager
def _strict() -> Iterator[None]:
    """Refuse cut files even where another library told Pillow to fill them with gray."""
    global _reading, _lenient
    with _lock:
        if _reading == 0:
            _lenient = ImageFile.LOAD_TRUNCATED_IMAGES
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        _reading += 1
    try:
        yield
    finally:
        with _lock:
            _reading -= 1
            if _reading == 0:
                ImageFile.LOAD_TRUNCATED_IMAGES = _lenient


_lock = threading.Lock()
_reading, _lenient = 0, False


@contextlib.contextmanager
def _opened(stream: BinaryIO, kind: str) -> Iterator[Any]:
    with Image.open(stream, formats=(kind,)) as file:
        yield file


def _orientation(file: Any) -> int:
    """Read how an image is turned; what cannot be read turns nothing."""
    try:
        return int(file.getexif().get(ORIENTATION, 1))
    except Exception:  # a damaged note beside the pixels does not make them unreadable
        return 1


def _turn_of(chunks: list[bytes]) -> int:
    """Read how a PNG is turned from the chunks that may say it."""
    if not chunks:
        return 1
    try:
        with _opened(png.turned(chunks), "PNG") as note:
            note.load()
            return _orientation(note)
    except Exception:  # as in _orientation
        return 1


def _refuse_raw(path: str | Path, file: Any) -> None:
    tags = getattr(file, "tag_v2", {})
    if DNG in tags or int(tags.get(NEW_SUBFILE, 0)) & 1:
        raise DataError(
            f"{path} is a camera raw file, of which only a preview could be read; develop it to "
            "JPEG, PNG or TIFF, or remove its sample."
        )


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
