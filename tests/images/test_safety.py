"""A file is opened as what its content says, as a raster image, and within a limit of memory."""

import os
import struct
import subprocess
import sys
import threading
import time
import zlib

import numpy as np
import pytest
from curadiff.common.errors import DataError, SettingsError
from curadiff.common.images import formats, memory, open_rgb, readable, size_of, sniff
from PIL import Image, ImageFile, PngImagePlugin


def picture(width=48, height=32):
    image = Image.new("RGB", (width, height), (220, 30, 40))
    image.paste((20, 190, 60), (width // 2, 0, width, height))
    return image


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("jfif", "JPEG"), ("jpe", "JPEG"), ("jpg", "JPEG"), ("", "JPEG"), ("png", "JPEG"),
        ("txt", "PNG"), ("avif", "AVIF"), ("jp2", "JPEG2000"), ("j2k", "JPEG2000"),
        ("mpo", "MPO"), ("ppm", "PPM"), ("webp", "WEBP"), ("tif", "TIFF"), ("bmp", "BMP"),
        ("gif", "GIF"), ("pgm", "PPM"),
    ],
)  # fmt: skip
def test_content_decides_not_the_ending(tmp_path, ending, kind):
    path = tmp_path / f"a.{ending}".rstrip(".")
    options = {"save_all": True, "append_images": [picture()]} if kind == "MPO" else {}
    picture().save(path, format=kind, **options)
    assert sniff(path) == ("JPEG" if kind == "MPO" else kind)
    gap = np.asarray(open_rgb(path)).astype(int) - np.asarray(picture())
    assert np.abs(gap).mean() < 6
    assert size_of(path) == (48, 32)


OTHERS = {
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n",
    "PDF": b"%PDF-1.4\n",
    "WMF": b"\xd7\xcd\xc6\x9a" + bytes(40),
    "EMF": b"\x01\x00\x00\x00" + bytes(36) + b" EMF" + bytes(60),
    "Photoshop": b"8BPS\x00\x01" + bytes(40),
    "HEIC": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(30),
    "JPEG XL": b"\xff\x0a" + bytes(30),
    "camera raw": b"II*\x00\x10\x00\x00\x00CR\x02\x00" + bytes(30),
    "Windows icon": b"\x00\x00\x01\x00\x01\x00\x10\x10" + bytes(30),
    "SVG": b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg xmlns="x"></svg>',
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("ending", ["png", "eps"])
def test_other_pictures_are_named_and_never_opened(tmp_path, monkeypatch, kind, ending):
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    (tmp_path / f"a.{ending}").write_bytes(OTHERS[kind])
    with pytest.raises(DataError, match=f"a picture of the format {kind}, which is not read here"):
        open_rgb(tmp_path / f"a.{ending}")


@pytest.mark.parametrize(
    "head",
    [b"BMW is a car", b"P3 is the third", b"hello", b"\x00\x00\x00\x18ftypisom", b"RIFF....WAVE"],
)
def test_what_is_no_picture_is_not_taken_for_one(head):
    assert formats.kind_of(head) is None


def test_no_format_that_is_read_starts_a_program():
    assert {"EPS", "WMF", "PDF", "FPX", "MIC", "IPTC"}.isdisjoint(readable())
    assert {"JPEG", "PNG", "GIF", "TIFF", "BMP"} <= set(readable())


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="not a regular file"):
        open_rgb(tmp_path / "a.jpg")


def broken_text(path, chunks):
    """Put chunks behind the header of a PNG."""
    data = path.read_bytes()
    path.write_bytes(data[:33] + b"".join(chunks) + data[33:])


def test_notes_beside_the_pixels_do_not_make_a_png_unreadable(tmp_path, png):
    path = tmp_path / "a.png"
    picture().save(path)
    want = np.asarray(picture())
    bomb = zlib.compress(bytes(200 * 2**20), 9)
    chunks = {
        "three megabytes of text": png.chunk(b"tEXt", b"note\x00" + b"x" * 3_000_000),
        "a text bomb": png.chunk(b"zTXt", b"note\x00\x00" + bomb),
        "a profile bomb": png.chunk(b"iCCP", b"p\x00\x00" + bomb),
        "a raw EXIF that is none": png.chunk(b"tEXt", b"Raw profile type exif\x00\nexif\n9\nzz"),
        "an orientation bomb": png.chunk(b"zTXt", b"Raw profile type exif\x00\x00" + bomb),
        "a wrong checksum": png.chunk(b"tEXt", b"note\x00x", checksum=7),
        "bad EXIF": png.chunk(b"eXIf", b"MM\x00*\xff\xff\xff\xff"),
        "transparency of no colour": png.chunk(b"tRNS", b"\x01"),
        "a broken animation": png.chunk(b"acTL", b"\xff"),
    }
    plain = path.read_bytes()
    for what, chunk in chunks.items():
        path.write_bytes(plain)
        broken_text(path, [chunk])
        np.testing.assert_array_equal(np.asarray(open_rgb(path)), want, err_msg=what)
    # Texts of Pillow's own writer, many of them.
    info = PngImagePlugin.PngInfo()
    for number in range(80):
        info.add_text(f"n{number}", "y" * 900_000, zip=True)
    picture().save(path, pnginfo=info)
    np.testing.assert_array_equal(np.asarray(open_rgb(path)), want)


def test_an_orientation_in_any_place_of_a_png_is_applied(tmp_path, png):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.png"
    upright = picture().transpose(Image.Transpose.ROTATE_270)
    picture().save(path, exif=exif)
    np.testing.assert_array_equal(np.asarray(open_rgb(path)), np.asarray(upright))
    raw = exif.tobytes()
    text = f"\nexif\n{len(raw):8}\n{raw.hex()}\n".encode()
    xmp = b'<x tiff:Orientation="6"/>'
    for chunk in (
        png.chunk(b"tEXt", b"Raw profile type exif\x00" + text),
        png.chunk(b"zTXt", b"Raw profile type exif\x00\x00" + zlib.compress(text)),
        png.chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp),
    ):
        picture().save(path)
        broken_text(path, [chunk])
        np.testing.assert_array_equal(np.asarray(open_rgb(path)), np.asarray(upright))
        assert size_of(path) == (32, 48)


def test_a_wrong_checksum_of_the_palette_is_damage(tmp_path):
    path = tmp_path / "a.png"
    picture().convert("P").save(path)
    data = bytearray(path.read_bytes())
    data[data.index(b"PLTE") + 5] ^= 255
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"damaged \(wrong checksum in PLTE"):
        open_rgb(path)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_cut_files_stay_damaged_where_pillow_was_told_to_fill_them(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    path = tmp_path / f"a.{ending}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match="is damaged"):
        open_rgb(path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True  # the other library's wish stands


def test_damaged_exif_of_a_jpeg_turns_nothing(tmp_path):
    picture().save(tmp_path / "a.jpg", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff", quality=95)
    assert open_rgb(tmp_path / "a.jpg").size == (48, 32)


def huge(path, width, height):
    """A PNG of zeros, a thousandth of its size on disk."""
    pack = zlib.compressobj(1)
    row = bytes(1 + 4 * width)
    data = b"".join([*(pack.compress(row) for _ in range(height)), pack.flush()])
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, body in chunks:
            crc = zlib.crc32(kind + body)
            file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc))


def test_an_image_above_the_limit_is_named_with_its_size_and_the_limit(tmp_path, monkeypatch):
    picture(1000, 1000).save(tmp_path / "a.png")
    monkeypatch.setenv(memory.VARIABLE, "0.005")
    with pytest.raises(DataError, match=r"a\.png claims 1000 x 1000 pixels.*CURADIFF_DECODE_GB"):
        open_rgb(tmp_path / "a.png")
    monkeypatch.setenv(memory.VARIABLE, "0.02")
    assert open_rgb(tmp_path / "a.png").size == (1000, 1000)
    for wrong in ("much", "0", "-1", "inf", "nan"):
        monkeypatch.setenv(memory.VARIABLE, wrong)
        with pytest.raises(SettingsError, match="CURADIFF_DECODE_GB must be a number above 0"):
            open_rgb(tmp_path / "a.png")


def test_a_large_jpeg_is_read_smaller(tmp_path, monkeypatch):
    picture(1600, 1200).save(tmp_path / "a.jpg", quality=90)
    monkeypatch.setenv(memory.VARIABLE, "0.008")
    notes = []
    read = open_rgb(tmp_path / "a.jpg", notes)
    assert read.size == (800, 600)
    gap = np.asarray(read).astype(int) - np.asarray(picture(800, 600))
    assert np.abs(gap).mean() < 4
    assert "was read at 800 x 600 pixels to save memory" in notes[0]


def test_a_tile_larger_than_its_image_counts(tmp_path):
    import tifffile

    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((32, 32, 3), np.uint8), tile=(16, 16), photometric="rgb")
    data = bytearray(path.read_bytes())
    for tag in (322, 323):
        place = data.index(struct.pack("<H", tag), 8)
        data[place : place + 12] = struct.pack("<HHII", tag, 4, 1, 40_000)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.tif"):
        open_rgb(path)


def test_a_jpeg_of_thousands_of_scans_is_refused(tmp_path):
    picture().save(tmp_path / "a.jpg", progressive=True)
    data = (tmp_path / "a.jpg").read_bytes()
    start = data.index(b"\xff\xda")
    end = data.index(b"\xff", start + 2)
    (tmp_path / "a.jpg").write_bytes(data[:end] + data[start:end] * 1000 + data[end:])
    with pytest.raises(DataError, match=r"a JPEG of 1,0\d\d scans"):
        open_rgb(tmp_path / "a.jpg")


def test_threads_share_the_limit(monkeypatch):
    monkeypatch.setenv(memory.VARIABLE, "1")
    held, most = 0, 0
    lock = threading.Lock()

    def decode():
        nonlocal held, most
        with memory.taking(400 * 2**20):
            with lock:
                held += 1
                most = max(most, held)
            time.sleep(0.02)
            with lock:
                held -= 1

    threads = [threading.Thread(target=decode) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_many_threads_of_hostile_images_stay_within_the_limit(tmp_path):
    huge(tmp_path / "a.png", 6000, 6000)  # 36 million RGBA pixels in 160 kB
    deep = np.zeros((5000, 5000), np.float32)
    Image.fromarray(deep).save(tmp_path / "b.tif", compression="tiff_adobe_deflate")
    assert (tmp_path / "a.png").stat().st_size < 700_000
    code = (
        "import re, sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from curadiff.common.images import reading\n"
        "from curadiff.common.preparation import square\n"
        "def peak():\n"
        "    status = open('/proc/self/status').read()\n"
        "    return int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) >> 10\n"
        "def read(path):\n"
        "    with reading(path) as image: return square(image, 64)\n"
        "before = peak()\n"
        "with ThreadPoolExecutor(8) as pool: list(pool.map(read, sys.argv[1:] * 4))\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(tmp_path / "a.png"), str(tmp_path / "b.tif")],
        capture_output=True, text=True, check=True,
        env={**os.environ, memory.VARIABLE: "0.5"},
    )  # fmt: skip
    # In MB. The allowance is for Pillow itself and for what is converted at a time.
    assert int(done.stdout) <= 512 + 150
