"""Pictures stand where rows and columns say, whatever their shape."""

import base64
import io

import numpy as np
from curadiff.common.contact_sheet import (
    contact_sheet,
    square_grid,
    stored_url,
    whole_pictures,
)
from PIL import Image


def plain(color, size=(8, 8)):
    return Image.new("RGB", size, color)


def test_places_are_filled_row_by_row_and_none_leaves_one_empty():
    sheet = contact_sheet([plain("red"), None, plain("blue")], columns=2, size=(8, 8), gap=2)
    assert sheet.size == (18, 18)
    assert sheet.getpixel((0, 0)) == (255, 0, 0)
    assert sheet.getpixel((10, 0)) == (255, 255, 255)
    assert sheet.getpixel((0, 10)) == (0, 0, 255)


def test_a_margin_stands_around_all_pictures():
    sheet = contact_sheet([plain("red", (8, 6))] * 2, columns=2, size=(8, 6), gap=4, margin=4)
    assert sheet.size == (4 + 8 + 4 + 8 + 4, 4 + 6 + 4)
    red = (np.asarray(sheet) == (255, 0, 0)).all(axis=2)
    assert red.sum() == 2 * 8 * 6
    assert red[4:10, 4:12].all()
    assert red[4:10, 16:24].all()


def test_files_that_cannot_be_read_leave_their_place(tmp_path):
    plain("red", (40, 20)).save(tmp_path / "wide.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    paths = [tmp_path / "broken.png", tmp_path / "wide.png"]
    squares = square_grid(paths, columns=2, side=10)
    assert squares.getpixel((5, 5)) == (211, 211, 211, 255)  # light gray
    assert squares.getpixel((12, 0)) == (255, 0, 0, 255)
    assert squares.getpixel((11, 0))[3] == 0  # a gap shows the page behind it, dark or light
    whole = whole_pictures(paths, columns=2, side=10, gap=2)
    assert whole.getpixel((5, 5)) == (0, 0, 0, 0)
    assert whole.getpixel((12, 1)) == (0, 0, 0, 0)  # above the picture, half as high as wide
    assert whole.getpixel((12, 5)) == (255, 0, 0, 255)


def test_a_stored_sheet_keeps_its_empty_places_in_a_page(tmp_path):
    plain("red").save(tmp_path / "one.png")
    square_grid([tmp_path / "one.png"] * 3, columns=2, side=10).save(tmp_path / "sheet.png")
    url = stored_url(tmp_path / "sheet.png")
    shown = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    assert shown.size == (22, 22)
    assert shown.getpixel((17, 17))[3] == 0
    assert shown.getpixel((5, 17))[3] == 255


def test_a_sheet_of_nothing_is_one_pixel_high():
    assert contact_sheet([], columns=3, size=(8, 8)).height == 1
