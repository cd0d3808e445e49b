"""The second built-in descriptor: what it is, and that it is another one than the first."""

import numpy as np
import pytest
from curadiff import encoders
from curadiff.common.errors import SettingsError
from curadiff.encoders import scattering
from PIL import Image


def grating(frequency, angle, phase=0.0):
    """Stripes as a (64, 64, 3) picture; the frequency is in cycles per pixel."""
    y, x = np.mgrid[:64, :64]
    wave = np.sin(2 * np.pi * frequency * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    return np.repeat(np.rint(127.5 + 100 * wave)[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("scale", range(scattering.SCALES))
@pytest.mark.parametrize("number", [0, 2, 5])
def test_stripes_answer_most_at_their_own_scale_and_direction(scale, number):
    angle = np.pi * number / scattering.ANGLES
    found = scattering.describe(grating(0.35 / 2**scale, angle))
    first = found[:384].reshape(scattering.SCALES, scattering.ANGLES, 16).mean(axis=2)
    assert np.unravel_index(first.argmax(), first.shape) == (scale, number)


def test_an_even_surface_gives_nothing_but_its_colour():
    found = scattering.describe(np.full((64, 64, 3), (200, 100, 50), np.uint8))
    assert len(found) == scattering.DIM == 768
    assert np.abs(found[:720]).max() < 1e-2
    luminance = found[720:736] / scattering.WEIGHTS[3]
    np.testing.assert_allclose(luminance, (200 + 100 + 50) / 3 / 255, rtol=1e-5)


def test_moving_stripes_by_less_than_a_cell_changes_little():
    still, moved = (scattering.describe(grating(0.1, 0.5, phase)) for phase in (0, 1.5))
    other = scattering.describe(grating(0.1, 2.0))
    assert np.linalg.norm(still - moved) < 0.2 * np.linalg.norm(still - other)


def test_it_is_an_encoder_without_weights_and_another_one_than_builtin(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(3):
        picture = rng.integers(0, 256, (70, 50, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    encoder = encoders.load("scattering")
    found = encoder.embed(sorted(tmp_path.glob("*.png")))
    assert found.ok.all()
    assert found.features.shape == (3, 768)
    assert encoder.key.split("|")[0] != encoders.load("builtin").key.split("|")[0]
    with pytest.raises(SettingsError, match="encoder scattering takes no weights"):
        encoders.load("scattering", weights="w.pt")
