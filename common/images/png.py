"""A PNG reduced to what its pixels need.

Text, colour profiles, animation and whatever else a PNG may carry can be damaged or
take gigabytes when they are unpacked, and none of it shows. So they are left out
before the file is decoded, without reading them.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
NOTE_SIZE = 2**20  # bytes; an orientation stands in fewer
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
GRAY_ALPHA, RGB, RGBA = 4, 2, 6  # colour types
ORIENTED = (b"Raw profile type exif\x00", b"XML:com.adobe.xmp\x00")  # texts that may turn the image


@dataclass(frozen=True)
class Header:
    """What a PNG says about its pixels.

    Attributes:
        depth: Bits of a sample.
        colour: Colour type: 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA.
        significant: Bits that a sample had before it was stored in ``depth`` bits, where
            the file says so (sBIT).
    """

    depth: int
    colour: int
    significant: int | None = None


class Damaged(Exception):
    """The file's pixels cannot be decoded."""


def essentials(
    file: BinaryIO, *, as_bytes: bool = False
) -> tuple[io.BufferedReader, Header, list[bytes]]:
    """Return a PNG file without what does not bear on its pixels.

    Args:
        file: The PNG; it is read from while the result is.
        as_bytes: Declare 16-bit gray with alpha as 8-bit RGBA, so that its four bytes a
            pixel come out as they are.

    Returns:
        The reduced file, its header, and the chunks that may say how the image is turned.

    Raises:
        Damaged: The header or the palette is damaged, or there is no pixel data.
    """
    file.seek(0, io.SEEK_END)
    end = file.tell()
    file.seek(len(SIGNATURE))
    parts: list[bytes | tuple[int, int]] = [SIGNATURE]
    header: Header | None = None
    turning: list[bytes] = []
    pixels = 0
    while file.tell() + 8 <= end:
        size, name = struct.unpack(">I4s", file.read(8))
        at = file.tell()
        if name == b"IEND" or not name.isalpha():
            break
        if name in (b"IHDR", b"PLTE"):
            data = file.read(min(size, 1024))
            if file.read(4) != _checksum(name, data):
                raise Damaged(f"wrong checksum in {name.decode()}")
            if name == b"IHDR":
                header = _header(data)
                if as_bytes:
                    data = data[:8] + bytes([8, RGBA]) + data[10:]
            parts.append(_chunk(name, data))
        elif name == b"IDAT":
            size = min(size, end - at)
            pixels += size
            parts += [struct.pack(">I4s", size, name), (at, size), bytes(4)]  # Pillow skips it
        elif header and size <= NOTE_SIZE:
            data = file.read(size)
            if name == b"sBIT" and data:
                header = Header(header.depth, header.colour, max(data))
            elif name == b"tRNS" and not as_bytes and _fits(header, data):
                parts.append(_chunk(name, _transparent(header, data)))
            elif name == b"eXIf" or (name in (b"tEXt", b"zTXt", b"iTXt") and _turns(data)):
                turning.append(_chunk(name, data))
        file.seek(at + size + 4)
    if header is None or not pixels:
        raise Damaged("no pixel data")
    parts.append(_chunk(b"IEND", b""))
    return io.BufferedReader(_Spliced(file, parts)), header, turning


def turned(chunks: list[bytes]) -> BinaryIO:
    """Make a one-pixel PNG of the chunks that may say how an image is turned."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = _chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    return io.BytesIO(
        b"".join([SIGNATURE, _chunk(b"IHDR", header), *chunks, pixels, _chunk(b"IEND", b"")])
    )


def _header(data: bytes) -> Header:
    if len(data) < 13 or data[9] not in CHANNELS:
        raise Damaged("unknown header")
    return Header(data[8], data[9])


def _fits(header: Header, transparency: bytes) -> bool:
    lengths = {0: (2,), 2: (6,), 3: range(1, 257)}.get(header.colour, ())
    return len(transparency) in lengths


def _transparent(header: Header, data: bytes) -> bytes:
    """Give a transparent gray of 2 or 4 bits in eight, as Pillow compares it."""
    if header.colour == 0 and header.depth in (2, 4):
        return struct.pack(">H", min(data[1] * 255 // (2**header.depth - 1), 255))
    return data


def _turns(text: bytes) -> bool:
    """Tell whether a text may hold an orientation, and does not unpack to a great size."""
    key = next((key for key in ORIENTED if text.startswith(key)), None)
    if key is None:
        return False
    for start in range(len(key), min(len(text), len(key) + 64)):  # where a packed text begins
        if text[start : start + 1] == b"\x78":
            try:
                unpacker = zlib.decompressobj()
                unpacker.decompress(text[start:], NOTE_SIZE)
            except zlib.error:
                continue
            return unpacker.eof
    return True


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + _checksum(name, data)


def _checksum(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(name + data))


class _Spliced(io.RawIOBase):
    """A file made of bytes and of stretches of another file, in their order."""

    def __init__(self, file: BinaryIO, parts: list[bytes | tuple[int, int]]) -> None:
        self._file, self._place, self._current = file, 0, 0
        self._parts: list[tuple[int, int, bytes | int]] = []  # from, to, bytes or offset
        end = 0
        for part in parts:
            length = len(part) if isinstance(part, bytes) else part[1]
            if length:
                data = part if isinstance(part, bytes) else part[0]
                self._parts.append((end, end + length, data))
            end += length
        self._end = end

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._end}[whence]
        self._place = max(base + offset, 0)
        self._current = 0
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        while self._current < len(self._parts) and self._parts[self._current][1] <= self._place:
            self._current += 1
        if self._current == len(self._parts):
            return 0
        begin, end, source = self._parts[self._current]
        length = min(len(buffer), end - self._place)
        if isinstance(source, bytes):
            data = source[self._place - begin :][:length]
        else:
            self._file.seek(source + self._place - begin)
            data = self._file.read(length)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)
