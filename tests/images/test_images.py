"""Each kind of file that photographs come in, synthesized, and what it must decode to."""

import contextlib
import io
import os
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.common.images import content_hash, open_rgb
from curadiff.common.preparation import square
from PIL import Image, ImageOps

RED, GREEN, BLUE = (220, 30, 40), (20, 190, 60), (30, 50, 200)


def picture(width=48, height=32):
    """Red left, green right, a blue bar on top: no symmetry maps it to itself."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height))
    image.paste(BLUE, (0, 0, width, height // 4))
    return image


def pixel(image, x, y):
    return np.array(image.getpixel((x, y)), dtype=int)


def assert_same_picture(read, want, tolerance=0):
    assert read.mode == "RGB"
    assert read.size == want.size
    gap = np.abs(np.asarray(read, dtype=int) - np.asarray(want.convert("RGB"), dtype=int))
    assert np.median(gap) <= tolerance
    assert gap.mean() <= 2 * tolerance


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff"])
def test_lossless_formats_come_back_unchanged(tmp_path, suffix):
    picture().save(tmp_path / f"a{suffix}")
    assert_same_picture(open_rgb(tmp_path / f"a{suffix}"), picture())


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_come_back_nearly_unchanged(tmp_path, suffix):
    picture().save(tmp_path / f"a{suffix}", quality=95)
    assert_same_picture(open_rgb(str(tmp_path / f"a{suffix}")), picture(), tolerance=4)


@pytest.mark.parametrize("suffix", [".jpg", ".tiff"])
def test_cmyk_becomes_rgb(tmp_path, suffix):
    picture().convert("CMYK").save(tmp_path / f"a{suffix}", quality=95)
    assert_same_picture(open_rgb(tmp_path / f"a{suffix}"), picture(), tolerance=6)


def test_adobe_jpegs_store_cmyk_inverted(tmp_path):
    buffer = io.BytesIO()
    picture().convert("CMYK").save(buffer, "jpeg", quality=95)
    data = buffer.getvalue()
    if b"Adobe" not in data[:64]:  # the marker that says: inverted
        data = data[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00" + data[2:]
    (tmp_path / "a.jpg").write_bytes(data)
    assert_same_picture(open_rgb(tmp_path / "a.jpg"), picture(), tolerance=6)


def test_palette(tmp_path):
    picture().convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "a.png")
    assert_same_picture(open_rgb(tmp_path / "a.png"), picture(), tolerance=2)


@pytest.mark.parametrize("transparency", [0, b"\x00\xff\xff"])
def test_a_transparent_palette_entry_becomes_white(tmp_path, transparency):
    image = Image.new("P", (20, 10), 1)
    image.putpalette([*GREEN, *RED, *BLUE])
    image.paste(0, (10, 0, 20, 10))
    image.save(tmp_path / "a.png", transparency=transparency)
    read = open_rgb(tmp_path / "a.png")
    assert tuple(pixel(read, 2, 2)) == RED
    assert tuple(pixel(read, 15, 2)) == (255, 255, 255)


@pytest.mark.parametrize(("mode", "colour"), [("RGBA", (*RED, 0)), ("LA", (90, 0))])
def test_transparent_pixels_become_white(tmp_path, mode, colour):
    Image.new(mode, (8, 8), colour).save(tmp_path / "a.png")
    assert tuple(pixel(open_rgb(tmp_path / "a.png"), 4, 4)) == (255, 255, 255)


def test_half_transparent_pixels_are_mixed_with_white(tmp_path):
    Image.new("RGBA", (8, 8), (0, 100, 200, 128)).save(tmp_path / "a.png")
    want = np.array([0, 100, 200]) * 128 / 255 + 255 * 127 / 255
    assert np.abs(pixel(open_rgb(tmp_path / "a.png"), 4, 4) - want).max() <= 1


def test_a_transparent_colour_of_an_rgb_png_becomes_white(tmp_path):
    picture().save(tmp_path / "a.png", transparency=RED)
    read = open_rgb(tmp_path / "a.png")
    assert tuple(pixel(read, 2, 30)) == (255, 255, 255)
    assert tuple(pixel(read, 40, 30)) == GREEN


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path, suffix):
    deep = np.linspace(0, 65535, 64).astype(np.uint16)[None].repeat(8, axis=0)
    Image.fromarray(deep).save(tmp_path / f"a{suffix}")
    read = np.asarray(open_rgb(tmp_path / f"a{suffix}"))
    assert np.abs(read[..., 0] - deep / 257).max() <= 0.5
    assert (read[..., 0] == read[..., 2]).all()


def test_sixteen_bits_big_endian(tmp_path):
    deep = Image.fromarray(np.full((4, 4), 32896, dtype=np.uint16))
    deep.save(tmp_path / "little.tiff")
    data = (tmp_path / "little.tiff").read_bytes()
    read = Image.open(io.BytesIO(data))
    big = Image.frombytes("I;16B", (4, 4), np.asarray(read).astype(">u2").tobytes())
    big.save(tmp_path / "big.tiff")
    assert tuple(pixel(open_rgb(tmp_path / "big.tiff"), 1, 1)) == (128, 128, 128)


def test_dark_sixteen_bit_pictures_stay_dark(tmp_path):
    Image.fromarray(np.full((4, 4), 200, dtype=np.uint16)).save(tmp_path / "a.png")
    assert tuple(pixel(open_rgb(tmp_path / "a.png"), 1, 1)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("values", "want"),
    [
        (np.full((4, 4), 0.5, np.float32), 128),
        (np.full((4, 4), 100, np.float32), 100),
        (np.full((4, 4), 100, np.int32), 100),
        (np.full((4, 4), 25700, np.int32), 100),
    ],
)
def test_32_bit_tiffs(tmp_path, values, want):
    Image.fromarray(values).save(tmp_path / "a.tiff")
    assert tuple(pixel(open_rgb(tmp_path / "a.tiff"), 1, 1)) == (want,) * 3


def test_sixteen_bit_rgb_png(tmp_path):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    row = b"\x00" + struct.pack(">HHH", 65535, 32896, 0) * 4
    header = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row * 4))
        + chunk(b"IEND", b"")
    )
    assert tuple(pixel(open_rgb(tmp_path / "a.png"), 2, 2)) == (255, 128, 0)


def test_one_bit_and_grayscale(tmp_path):
    bits = Image.fromarray(np.eye(16, dtype=bool))
    bits.save(tmp_path / "bits.png")
    assert tuple(pixel(open_rgb(tmp_path / "bits.png"), 3, 3)) == (255, 255, 255)
    assert tuple(pixel(open_rgb(tmp_path / "bits.png"), 3, 4)) == (0, 0, 0)
    Image.new("L", (8, 8), 77).save(tmp_path / "gray.png")
    assert tuple(pixel(open_rgb(tmp_path / "gray.png"), 3, 3)) == (77, 77, 77)


# what a camera stores for each orientation, as the undoing of what a viewer does
STORED = {
    1: lambda image: image,
    2: ImageOps.mirror,
    3: lambda image: image.rotate(180),
    4: ImageOps.flip,
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.rotate(90, expand=True),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.rotate(-90, expand=True),
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    STORED[orientation](picture()).save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert_same_picture(open_rgb(tmp_path / "a.jpg"), picture(), tolerance=4)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path, suffix):
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
    frames[0].save(
        tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], duration=50, lossless=True
    )
    assert np.abs(pixel(open_rgb(tmp_path / f"a{suffix}"), 5, 5) - RED).max() <= 3


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".tiff", ".bmp"])
def test_truncated_files_are_refused_by_name(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    data = path.read_bytes()
    for keep in (len(data) // 2, 20, 3):
        path.write_bytes(data[:keep])
        with pytest.raises(DataError, match=f"a{suffix} is (damaged|not an image)"):
            open_rgb(path)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow mentions damaged EXIF
def test_no_damage_raises_anything_but_a_data_error(tmp_path):
    rng = np.random.default_rng(1)
    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix in (".jpg", ".png", ".webp", ".gif", ".tiff", ".bmp", ".avif", ".jp2", ".ppm"):
        path = tmp_path / f"a{suffix}"
        picture().save(path, exif=exif)
        data = bytearray(path.read_bytes())
        for _ in range(60):
            broken = data.copy()
            for place in rng.integers(0, len(data), 6):
                broken[place] = rng.integers(256)
            path.write_bytes(broken)
            with contextlib.suppress(DataError):
                assert open_rgb(path).mode == "RGB"


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(DataError, match=r"a\.jpg is empty; replace it"):
        open_rgb(tmp_path / "a.jpg")


def test_text_is_not_an_image(tmp_path):
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(DataError, match="not an image that Pillow can read"):
        open_rgb(tmp_path / "a.jpg")


def test_missing_files_and_folders_are_told_apart(tmp_path):
    with pytest.raises(DataError, match="does not exist; restore it"):
        open_rgb(tmp_path / "none.jpg")
    with pytest.raises(DataError, match="is a folder; give the path"):
        open_rgb(tmp_path)


def test_an_unreadable_file_says_so(tmp_path, monkeypatch):
    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)  # the tests may run as root
    with pytest.raises(DataError, match="may not be read by this user"):
        open_rgb(tmp_path / "a.jpg")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (12_000, 9_000)])
def test_a_huge_claimed_size_is_refused_before_decoding(tmp_path, width, height):
    picture().save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(DataError, match=r"claims .* pixels, more than the 89 million"):
        open_rgb(tmp_path / "a.png")


def test_many_threads_read_the_same_pixels(tmp_path):
    picture().convert("P").save(tmp_path / "a.png", transparency=0)
    want = np.asarray(open_rgb(tmp_path / "a.png"))
    with ThreadPoolExecutor(8) as pool:
        for read in pool.map(open_rgb, [tmp_path / "a.png"] * 64):
            np.testing.assert_array_equal(np.asarray(read), want)


@pytest.mark.parametrize("size", [(300, 100), (100, 300), (101, 100), (64, 64), (20, 30)])
def test_square_keeps_the_centre_and_its_shapes(size):
    image = Image.new("RGB", size, "white")
    side = min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    image.paste(RED, (left, top, left + side, top + side))
    cut = np.asarray(square(image, 32))
    assert cut.shape == (32, 32, 3)
    assert np.abs(cut.astype(int) - RED).max() <= 1


def test_content_hash_is_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
    assert content_hash(tmp_path / "a") == known
    with pytest.raises(DataError, match="cannot be read"):
        content_hash(tmp_path / "none")


def test_reading_images_needs_neither_fiftyone_nor_torch():
    code = "import sys, curadiff.common.images; print({'fiftyone', 'torch'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
