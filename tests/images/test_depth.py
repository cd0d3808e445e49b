"""Values of any depth become the right shade: worked out from the arrays that the tests write."""

import numpy as np
import pytest
import tifffile
from curadiff.common.errors import DataError
from curadiff.common.images import open_rgb
from PIL import Image


def ramp(top, height=6, width=64, dtype=np.uint16):
    return np.linspace(0, top, height * width).reshape(height, width).astype(dtype)


def assert_shades(path, values, white, black=0):
    """What is read is the values between black and white, in 0-255, to rounding."""
    notes = []
    read = np.asarray(open_rgb(path, notes)).astype(float)
    want = (np.asarray(values, float) - black) / (white - black) * 255
    want = want[..., None].repeat(3, -1) if want.ndim == 2 else want[..., :3]
    assert np.abs(read - np.clip(want, 0, 255)).max() <= 0.51
    return notes


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_fewer_bits_in_a_16_bit_gray_file_are_not_black(tmp_path, bits, kind):
    values = ramp(2**bits - 1)
    Image.fromarray(values).save(tmp_path / f"a.{kind}")
    (note,) = assert_shades(tmp_path / f"a.{kind}", values, 2**bits - 1)
    assert f"a.{kind} holds {bits}-bit values in 16 bits (up to {2**bits - 1:,})" in note


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_fewer_bits_in_a_16_bit_colour_png_are_not_black(tmp_path, png, channels):
    values = np.stack([ramp(4095), ramp(4095)[::-1], ramp(2000), ramp(4095)], -1)[..., :channels]
    if channels in (2, 4):
        values[..., -1] = 65535  # opaque
    (note,) = assert_shades(
        png(tmp_path / "a.png", values),
        values if channels > 2 else values[..., 0],
        4095,
    )
    assert "12-bit values in 16 bits" in note


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_fewer_bits_in_a_16_bit_colour_tiff_are_not_black(tmp_path, compression, byteorder):
    values = np.stack([ramp(4095), ramp(4095)[::-1], ramp(2000)], -1)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, photometric="rgb", compression=compression, byteorder=byteorder)
    (note,) = assert_shades(path, values, 4095)
    assert "12-bit" in note


def test_full_16_bits_need_no_note(tmp_path, png):
    gray, colour = ramp(65535), np.stack([ramp(65535)] * 3, -1)
    assert assert_shades(png(tmp_path / "gray.png", gray), gray, 65535) == []
    notes = []
    read = np.asarray(open_rgb(png(tmp_path / "rgb.png", colour), notes))
    assert notes == []
    np.testing.assert_array_equal(read, colour >> 8)  # Pillow's upper byte, as ever


@pytest.mark.parametrize("tag", [281, 341])
def test_a_tiff_says_what_white_is(tmp_path, tag):
    values = ramp(3000)
    code = "H"
    tifffile.imwrite(tmp_path / "a.tif", values, extratags=[(tag, code, 1, 4095, True)])
    assert assert_shades(tmp_path / "a.tif", values, 4095) == []


def test_what_a_png_says_of_its_depth_is_believed_where_it_fits(tmp_path, png):
    twelve = png.chunk(b"sBIT", bytes([12]))
    plain = ramp(3000)  # below 4096 and not shifted: the writer forgot to
    assert assert_shades(png(tmp_path / "a.png", plain, extra=[twelve]), plain, 4095) == []
    dark = ramp(200) << 4  # shifted as the standard has it, and dark
    assert assert_shades(png(tmp_path / "b.png", dark, extra=[twelve]), dark, 65535) == []


def test_a_tiff_of_12_packed_bits(tmp_path):
    values = ramp(2000, height=4)
    flat = values.reshape(-1, 2).astype(np.uint32)
    packed = np.stack(
        [flat[:, 0] >> 4, (flat[:, 0] & 15) << 4 | flat[:, 1] >> 8, flat[:, 1] & 255], -1
    ).astype(np.uint8)
    ifd = [
        (256, 64), (257, 4), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 4),
        (279, packed.size),
    ]  # fmt: skip
    entries = b"".join(
        tag.to_bytes(2, "little") + b"\x04\x00\x01\x00\x00\x00" + value.to_bytes(4, "little")
        for tag, value in ifd
    )
    (tmp_path / "a.tif").write_bytes(
        b"II*\x00"
        + (8 + packed.size).to_bytes(4, "little")
        + packed.tobytes()
        + len(ifd).to_bytes(2, "little")
        + entries
        + bytes(4)
    )
    assert assert_shades(tmp_path / "a.tif", values, 4095) == []


@pytest.mark.parametrize(
    ("values", "white", "black", "note"),
    [
        (ramp(1, dtype=np.float32), 1, 0, None),
        (ramp(0.2, dtype=np.float32), 1, 0, None),  # a dark one stays dark
        (ramp(255, dtype=np.float32), 255, 0, None),
        (ramp(200, dtype=np.float32), 255, 0, None),
        (ramp(4095, dtype=np.float32), 4095, 0, "12-bit"),
        (ramp(3.5, dtype=np.float32), 3.5, 0, "own range, 0 to 3.5"),
        (ramp(2, dtype=np.float32) - 1, 1, -1, "own range, -1 to 1"),
        (ramp(1e6, dtype=np.float32), 1e6, 0, "own range, 0 to 1e"),
        (ramp(255, dtype=np.int32), 255, 0, "8-bit values in 32"),
        (ramp(65535, dtype=np.int32), 65535, 0, "16-bit values in 32"),
        (ramp(70_000, dtype=np.int32), 70_000, 0, "own range, 0 to 70,000"),
        (ramp(2000, dtype=np.int32) - 1000, 1000, -1000, "own range, -1,000 to 1,000"),
        (ramp(2000, dtype=np.int16) - 1000, 1000, -1000, "own range, -1,000 to 1,000"),
    ],
)
def test_ranges_of_fractions_and_of_32_bits(tmp_path, values, white, black, note):
    tifffile.imwrite(tmp_path / "a.tif", values)
    notes = assert_shades(tmp_path / "a.tif", values, white, black)
    assert len(notes) == (note is not None)
    assert note is None or note in notes[0]


def test_unsigned_32_bits_are_not_negative(tmp_path):
    values = np.linspace(0, 2**32 - 1, 64).astype(np.uint32).reshape(4, 16)
    tifffile.imwrite(tmp_path / "a.tif", values)
    assert "own range" in assert_shades(tmp_path / "a.tif", values, 2**32 - 1)[0]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_one_odd_pixel_does_not_blacken_a_float_image(tmp_path, odd):
    values = ramp(1, dtype=np.float32)
    values[2, 3] = odd
    tifffile.imwrite(tmp_path / "a.tif", values)
    notes = []
    read = np.asarray(open_rgb(tmp_path / "a.tif", notes)).astype(float)
    gap = np.abs(read[..., 0] - values * 255)
    gap[2, 3] = 0
    assert gap.max() <= 0.51
    filled = {np.inf: 255, -np.inf: 0}.get(odd, np.nanmean(np.delete(values, 131)) * 255)
    assert abs(read[2, 3, 0] - filled) <= 1
    assert "has 1 pixels that are no finite numbers" in notes[0]


def test_an_image_without_a_number_is_damaged(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 4), np.nan, np.float32))
    with pytest.raises(DataError, match=r"a\.tif is damaged \(no pixel is a number\)"):
        open_rgb(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_where_the_file_says_so(tmp_path, dtype):
    top = np.iinfo(dtype).max
    values = ramp(top, dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
    assert_shades(tmp_path / "a.tif", top - values, top)


def test_a_picture_of_one_colour_is_named(tmp_path):
    Image.new("RGB", (4, 4), (10, 200, 30)).save(tmp_path / "a.png")
    notes = []
    open_rgb(tmp_path / "a.png", notes)
    assert notes == [f"{tmp_path / 'a.png'} is of one colour throughout."]


def test_transparency_in_16_bits(tmp_path, png):
    values = np.stack([ramp(65535)] * 3, -1)
    values[0, 0] = values[1, 1] = (300, 301, 302)
    clear = png.chunk(b"tRNS", np.array([300, 301, 302], ">u2").tobytes())
    read = np.asarray(open_rgb(png(tmp_path / "a.png", values, extra=[clear])))
    assert (read[0, 0] == 255).all()
    assert (read[1, 1] == 255).all()
    assert (read[0, 1] < 10).all()
    gray = ramp(65535)
    clear = png.chunk(b"tRNS", np.array([gray[0, 5]], ">u2").tobytes())
    read = np.asarray(open_rgb(png(tmp_path / "b.png", gray, extra=[clear])))
    assert (read[0, 5] == 255).all()
    assert (read[0, 6] < 20).all()


def test_a_transparent_gray_of_few_bits(tmp_path, png):
    packed = np.array([[0x12, 0x34]], np.uint8)  # four pixels of 4 bits: 1, 2, 3, 4
    clear = png.chunk(b"tRNS", b"\x00\x03")
    path = png(tmp_path / "a.png", packed, extra=[clear], bits=4)
    data = bytearray(path.read_bytes())
    data[16:20] = (4).to_bytes(4, "big")
    data[29:33] = __import__("zlib").crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(data)
    assert np.asarray(open_rgb(path))[0, :, 0].tolist() == [17, 34, 255, 68]


def test_lab(tmp_path):
    grey = Image.new("RGB", (4, 4), (119, 119, 119))
    from PIL import ImageCms

    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    ImageCms.profileToProfile(grey, srgb, lab, outputMode="LAB").save(tmp_path / "a.tif")
    assert np.abs(np.asarray(open_rgb(tmp_path / "a.tif")).astype(int) - 119).max() <= 2
