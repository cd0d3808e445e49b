"""What augmentation does to the training images does not show in what is drawn."""

import numpy as np
import pytest
from curadiff import runs
from curadiff.config import GenerateSettings
from curadiff.diffusion import generate, prepare, train_here
from curadiff.diffusion.train import augmentation
from PIL import Image

SIDE, PICTURES = 8, 12


@pytest.fixture
def upright(tmp_path):
    """Pictures whose upper left quarter is bright and warm, the rest dark: flips and turns show."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(PICTURES):
        picture = np.full((SIDE, SIDE, 3), 20, np.uint8)
        picture[:4, :4] = (230, 160, 60)
        picture[:4, :4] += rng.integers(0, 25, (4, 4, 3), dtype=np.uint8)
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(picture).save(paths[-1])
    return paths


def drawn(name, paths, tiny):
    """Train with strong augmentation, draw with zero labels; images (n, 8, 8, 3) in [0, 1]."""
    settings = tiny(
        image_size=SIDE, base_channels=32, multipliers="1-1", steps=700, batch_size=32,
        learning_rate=3e-3, cooldown=300, prediction="sample", weighting="snr+1", min_snr=5.0,
        schedule="cosine", augment=0.4, checkpoint_every=700, grid_every=9999, ema_decay=0.98,
    )  # fmt: skip
    run = runs.create("train", settings.model_dump(), name=name)
    prepare(run, ids=[str(path) for path in paths], paths=paths, settings=settings)
    train_here(run)
    folder = generate(run, GenerateSettings(count=64, steps=10, device="cpu"))
    pictures = [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))]
    return np.stack(pictures) / 255


def upright_share(pictures):
    """Share of the images whose brightest quarter is the upper left one."""
    gray = pictures.mean(3)
    quarters = [gray[:, y : y + 4, x : x + 4].mean((1, 2)) for y in (0, 4) for x in (0, 4)]
    return (np.argmax(quarters, 0) == 0).mean()


@pytest.mark.slow
def test_flips_turns_and_colours_do_not_leak_where_the_labels_are_told(upright, tiny, monkeypatch):
    told = drawn("told", upright, tiny)
    with monkeypatch.context() as patch:
        labels_of = augmentation.labels_of
        patch.setattr(augmentation, "labels_of", lambda *given: 0 * labels_of(*given))
        untold = drawn("untold", upright, tiny)
    assert upright_share(told) >= 0.95
    assert upright_share(untold) < 0.8  # so that the network could have been fooled
    original = np.stack([np.asarray(Image.open(path)) for path in upright]) / 255
    for y, x in (
        (0, 0),
        (0, 4),
        (4, 0),
        (4, 4),
    ):  # and in its colours
        part = np.s_[:, y : y + 4, x : x + 4]
        off = told[part].mean((0, 1, 2)) - original[part].mean((0, 1, 2))
        assert np.abs(off).max() < 0.06, (y, x, off)
