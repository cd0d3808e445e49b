"""Writers of files that Pillow itself does not write."""

import struct
import zlib

import numpy as np
import pytest

COLOUR = {1: 0, 2: 4, 3: 2, 4: 6}  # a PNG's colour type by channels


def chunk(kind, data, checksum=None):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", checksum or zlib.crc32(body))


@pytest.fixture
def png():
    """Write a PNG of any depth, with further chunks before the pixels."""

    def write(path, values, *, extra=(), bits=None):
        values = np.asarray(values)
        values = values[..., None] if values.ndim == 2 else values
        height, width, channels = values.shape
        bits = bits or 8 * values.dtype.itemsize
        rows = values.astype(values.dtype.newbyteorder(">")).reshape(height, -1)
        data = b"".join(b"\x00" + row.tobytes() for row in rows)
        header = struct.pack(">IIBBBBB", width, height, bits, COLOUR[channels], 0, 0, 0)
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + b"".join(extra)
            + chunk(b"IDAT", zlib.compress(data))
            + chunk(b"IEND", b"")
        )
        return path

    write.chunk = chunk
    return write
