"""Pixels against the transforms of the libraries whose networks need them."""

import numpy as np
import pytest
import torch
from curadiff.encoders.pixels import IMAGENET_MEAN, IMAGENET_STD, Pixels, scaled
from PIL import Image

SIZES = [(224, 224), (300, 200), (200, 301), (61, 47), (500, 77), (224, 400)]


def photograph(size):
    rng = np.random.default_rng(size[0])
    return Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8))


def ours(pixels, image):
    return pixels.normalized(torch.from_numpy(pixels(image)[None].copy()))[0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["center", "squash", "border"])
@pytest.mark.parametrize("kept", [1.0, 0.875])
def test_timms_transforms(size, mode, kept):
    from timm.data import create_transform

    theirs = create_transform(
        (3, 224, 224),
        interpolation="bicubic",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        crop_pct=kept,
        crop_mode=mode,
    )
    fill = tuple(round(255 * value) for value in IMAGENET_MEAN)
    fit = {"center": "crop", "squash": "squash", "border": "pad"}[mode]
    pixels = Pixels(224, fit, scaled(224, kept), mean=IMAGENET_MEAN, std=IMAGENET_STD, fill=fill)
    image = photograph(size)
    torch.testing.assert_close(ours(pixels, image), theirs(image), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
def test_open_clips_transforms(size, mode):
    from open_clip import transform

    theirs = transform.image_transform(224, is_train=False, resize_mode=mode)
    fit = {"shortest": "crop", "squash": "squash", "longest": "pad"}[mode]
    record = transform.PreprocessCfg()
    pixels = Pixels(224, fit, mean=record.mean, std=record.std)
    image = photograph(size)
    torch.testing.assert_close(ours(pixels, image), theirs(image), rtol=0, atol=1e-6)


def test_the_text_names_whatever_changes_a_pixel():
    different = [
        Pixels(None),
        Pixels(224),
        Pixels(225),
        Pixels(224, "squash"),
        Pixels(224, "pad"),
        Pixels(224, "pad", fill=(1, 2, 3)),
        Pixels(224, scale_to=256),
        Pixels(224, filter="bilinear"),
        Pixels(224, mean=IMAGENET_MEAN),
        Pixels(224, std=IMAGENET_STD),
    ]
    assert len({str(pixels) for pixels in different}) == len(different)
