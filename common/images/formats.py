"""What a file is, told from its first bytes; its name and ending decide nothing.

Pillow opens more than photographs: PostScript is handed to another program, and
Windows metafiles to the system. Here only raster formats are opened that Pillow
decodes by itself, and each file only as the format that its signature names.
"""

from __future__ import annotations

import os
import re
import stat
from functools import cache
from pathlib import Path

from PIL import features

from ..errors import DataError

HEAD = 4096  # bytes that decide what a file is

# Formats by Pillow's names, with what Pillow needs to have been built with.
NEEDS = {
    "JPEG": "jpg",
    "PNG": "zlib",
    "WEBP": "webp",
    "TIFF": None,
    "GIF": None,
    "BMP": None,
    "PPM": None,
    "AVIF": "avif",
    "JPEG2000": "jpg_2000",
}
ENDINGS = {
    "JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif", "GIF": "gif", "BMP": "bmp",
    "PPM": "ppm", "AVIF": "avif", "JPEG2000": "jp2",
}  # fmt: skip
NAMES = {"JPEG2000": "JPEG 2000", "PPM": "PPM (Netpbm)", "WEBP": "WebP"}

# Pictures that are recognized, so that they can be counted and named, but never opened.
NOT_READ = (
    (rb"\x00\x00\x00\x0cJXL |\xff\x0a", "JPEG XL"),
    (rb"%!|\xc5\xd0\xd3\xc6", "PostScript"),
    (rb"%PDF-", "PDF"),
    (rb"\xd7\xcd\xc6\x9a|\x01\x00\x09\x00\x00\x03", "WMF"),
    (rb"\x01\x00\x00\x00.{36} EMF", "EMF"),
    (rb"8BPS", "Photoshop"),
    (rb"\x00\x00[\x01\x02]\x00[^\x00]\x00", "Windows icon"),
    (rb"icns", "Apple icon"),
    (rb"\x76\x2f\x31\x01", "OpenEXR"),
    (rb"#\?(RADIANCE|RGBE)", "Radiance HDR"),
    (rb"DDS ", "DDS"),
    (rb"qoif", "QOI"),
    (rb"SIMPLE  =", "FITS"),
    (rb"gimp xcf", "GIMP"),
    (rb"AT&TFORM", "DjVu"),
    (rb"\xd0\xcf\x11\xe0.{0,2000}F\x00P\x00X", "FPX"),
    (rb"II\*\x00.{4}CR|FUJIFILMCCD-RAW|IIU\x00|II(RO|RS)\x08", "camera raw"),
    (rb"\s*(<\?xml[^>]*>\s*)?(<!--.{0,2000}?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]", "SVG"),
)
BRANDS = {
    b"avif": "AVIF", b"avis": "AVIF",
    b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"hevx": "HEIC", b"heim": "HEIC",
    b"heis": "HEIC", b"crx ": "camera raw", b"jp2 ": "JPEG2000", b"jpx ": "JPEG2000",
}  # fmt: skip
"""What a file in a container of the ISO base format is; the first known brand decides."""


@cache
def readable() -> tuple[str, ...]:
    """Return the formats, by Pillow's names, that the Pillow installed here can decode."""
    return tuple(name for name, need in NEEDS.items() if need is None or features.check(need))


def label(kind: str) -> str:
    """Return the name of a format as a reader knows it."""
    return NAMES.get(kind, kind)


def kind_of(head: bytes) -> str | None:
    """Return the format of a file from its first bytes.

    Args:
        head: The first `HEAD` bytes, or all that there are.

    Returns:
        A key of `NEEDS` for a format that can be read; the name of a picture format
        that cannot; None for whatever is no picture.
    """
    for signature, name in (
        (b"\xff\xd8\xff", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF87a", "GIF"),
        (b"GIF89a", "GIF"),
        (b"\xff\x4f\xff\x51", "JPEG2000"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    ):
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    for pattern, name in NOT_READ:
        if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
            return name
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "TIFF"
    if head[:2] == b"BM" and head[6:10] == bytes(4) and head[14:18] in _BMP_HEADERS:
        return "BMP"
    if re.match(rb"P[1-6fF]\s+(#[^\n]*\n\s*)*\d|P7\nWIDTH", head):
        return "PPM"
    return _brand(head)


_BMP_HEADERS = [size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124)]


def _brand(head: bytes) -> str | None:
    if head[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))]
    if brands[0] in (b"mif1", b"msf1"):  # some image; the others say which
        return next((BRANDS[brand] for brand in brands if brand in BRANDS), "HEIF")
    return BRANDS.get(brands[0])


def sniff(path: str | Path) -> str | None:
    """Return the format of a file by its content, as `kind_of` does.

    Raises:
        DataError: It is missing, a folder, empty, or may not be read; or it is no file
            at all, such as a pipe, on which reading would wait for ever.
    """
    try:
        head = _head(path)
    except OSError as fault:
        raise unopened(path, fault) from None
    if not head:
        raise DataError(f"{path} is empty; replace it or remove its sample.")
    return kind_of(head)


def _head(path: str | Path) -> bytes:
    # Without waiting: whoever opens a pipe that nobody writes to never comes back.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(21, "Is a directory", str(path))
        if not stat.S_ISREG(mode):
            raise OSError(22, "not a regular file", str(path))
        return os.read(descriptor, HEAD)
    finally:
        os.close(descriptor)


def unopened(path: str | Path, fault: OSError) -> DataError:
    """Say why a file cannot be opened, and what to do."""
    if isinstance(fault, FileNotFoundError):
        return DataError(f"{path} does not exist; restore it or remove its sample.")
    if isinstance(fault, IsADirectoryError):
        return DataError(f"{path} is a folder; give the path of an image file.")
    if isinstance(fault, PermissionError):
        return DataError(f"{path} may not be read by this user; change its permissions.")
    return DataError(f"{path} cannot be read: {fault.strerror or fault}.")
