"""The built-in descriptor against scikit-image's own HOG and Lab."""

import numpy as np
import pytest
from curadiff import encoders
from curadiff.encoders import descriptor
from PIL import Image

skimage = pytest.importorskip("skimage")


@pytest.fixture
def rgb():
    rng = np.random.default_rng(3)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((64, 64), Image.Resampling.BICUBIC))


def test_lab_is_scikit_images(rgb):
    from skimage.color import rgb2lab

    np.testing.assert_allclose(descriptor.lab(rgb), rgb2lab(rgb), atol=5e-3)


def test_hog_is_scikit_images(rgb):
    from skimage.feature import hog

    gray = rgb.mean(axis=2) / 255
    want = hog(gray, orientations=9, pixels_per_cell=(16, 16), cells_per_block=(2, 2))
    np.testing.assert_allclose(descriptor.hog(gray), want, atol=1e-3)


def test_a_plain_picture_has_a_descriptor_too(tmp_path):
    Image.new("L", (50, 70), 0).save(tmp_path / "black.png")
    got = encoders.load("builtin").embed([tmp_path / "black.png"])
    assert got.ok.all()
    np.testing.assert_allclose(np.linalg.norm(got.features), 1, rtol=1e-5)


def test_likeness_follows_shape_and_colour(tmp_path):
    def drawn(name, box, colour):
        image = Image.new("RGB", (100, 120), "white")
        image.paste(colour, box)
        image.save(tmp_path / name)
        return tmp_path / name

    wide, tall = (10, 50, 90, 70), (40, 10, 60, 110)
    paths = [
        drawn("a.png", wide, "red"),
        drawn("b.png", (12, 52, 92, 72), "red"),
        drawn("c.png", wide, "blue"),
        drawn("d.png", tall, "red"),
        drawn("e.png", tall, "blue"),
    ]
    x = encoders.load("builtin").embed(paths, normalize=True).features
    near, colour, shape, both = x[0] @ x[1:].T
    assert near > max(colour, shape) > min(colour, shape) > both
