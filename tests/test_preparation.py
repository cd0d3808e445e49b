"""The one way from a photograph to a training image, and that it can be repeated."""

import numpy as np
import pytest
from curadiff import encoders
from curadiff.common.images import open_rgb
from curadiff.common.preparation import cut, identity, sizes, square
from curadiff.diffusion import pixels
from PIL import Image


def noise(width, height, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize("size", [(57, 40), (40, 57), (64, 64), (20, 30), (33, 200)])
def test_a_training_image_written_as_png_is_prepared_to_itself(tmp_path, size):
    noise(*size).save(tmp_path / "photo.png")
    seen = pixels.decode([tmp_path / "photo.png"], 32)[0][0]  # (3, 32, 32), what is trained on
    Image.fromarray(seen.transpose(1, 2, 0)).save(tmp_path / "drawn.png")
    again = np.asarray(square(open_rgb(tmp_path / "drawn.png"), 32))
    np.testing.assert_array_equal(again.transpose(2, 0, 1), seen)
    encoder = encoders.load("builtin").at((32, 32))
    photo, drawn = encoder.embed([tmp_path / "photo.png", tmp_path / "drawn.png"]).features
    np.testing.assert_array_equal(photo, drawn)


@pytest.mark.parametrize("size", [(57, 40), (40, 57), (101, 32)])
def test_mirrored_means_the_mirrored_training_image(tmp_path, size):
    # An odd margin: mirrored first and cut afterwards, it would be another crop.
    noise(*size).save(tmp_path / "photo.png")
    square(noise(*size), 32).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "m.png")
    encoder = encoders.load("builtin").at((32, 32))
    photo = encoder.mirrored().embed([tmp_path / "photo.png"]).features
    np.testing.assert_array_equal(photo, encoder.embed([tmp_path / "m.png"]).features)


@pytest.mark.parametrize(
    ("of", "to", "box"),
    [
        ((90, 60), (30, 30), (15, 0, 75, 60)),
        ((60, 90), (30, 30), (0, 15, 60, 75)),
        ((100, 100), (40, 20), (0, 25, 100, 75)),
        ((100, 100), (20, 40), (25, 0, 75, 100)),
        ((120, 60), (40, 20), (0, 0, 120, 60)),
        ((10, 10), (64, 64), (0, 0, 10, 10)),
    ],
)
def test_the_central_part_of_that_shape_is_kept(of, to, box):
    image = noise(*of)
    want = image.crop(box).resize(to, Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(np.asarray(cut(image, to)), np.asarray(want))


def test_the_preparation_is_part_of_an_encoders_identity(tmp_path, monkeypatch):
    monkeypatch.setenv("CURADIFF_HOME", str(tmp_path / "home"))
    encoder = encoders.load("builtin")
    kinds = [encoder, encoder.at((32, 32)), encoder.at((16, 16)), encoder.at((32, 32)).mirrored()]
    assert len({kind.key for kind in kinds}) == 4
    assert identity((32, 32)) in kinds[1].key
    assert encoder.at(None) is encoder
    noise(57, 40).save(tmp_path / "photo.png")
    found = [kind.embed([tmp_path / "photo.png"], cache=True).features for kind in kinds]
    again = [kind.embed([tmp_path / "photo.png"], cache=True).features for kind in kinds]
    np.testing.assert_array_equal(found, again)  # none took another's out of the cache
    for n, one in enumerate(found):
        assert not any(np.array_equal(one, other) for other in found[:n])
    with pytest.raises(ValueError, match="already"):
        kinds[1].at((16, 16))


def test_sizes_are_those_of_the_upright_picture(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    noise(30, 20).save(tmp_path / "a.jpg", exif=turned)
    noise(30, 20).save(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"no image")
    assert sizes([tmp_path / name for name in ("a.jpg", "b.png", "c.png")]) == [
        (20, 30), (30, 20), None,
    ]  # fmt: skip
    assert open_rgb(tmp_path / "a.jpg").size == (20, 30)
