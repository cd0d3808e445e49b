import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine without any weights and without a network."""
    for name in ("CURADIFF_HOME", "HF_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "curadiff_home"


@pytest.fixture
def photographs(tmp_path):
    """Twelve different pictures of different sizes, as paths."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photographs"
    folder.mkdir()
    paths = []
    for number in range(12):
        width, height = rng.integers(40, 140, 2)
        coarse = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((int(width), int(height)), Image.Resampling.BICUBIC)
        paths.append(folder / f"{number:02}.png")
        image.save(paths[-1])
    return paths


TINY = """
import torch

class Tiny(torch.nn.Module):
    input_size = 32

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 8, 5, stride=4)

    def forward(self, x):
        assert x.dtype == torch.float32 and x.shape[1:] == (3, 32, 32)
        assert 0 <= x.min() and x.max() <= 1
        return torch.relu(self.conv(x)).flatten(1)

def load(weights):
    network = Tiny()
    if weights is not None:
        network.load_state_dict(torch.load(weights, weights_only=True))
    return network
"""


@pytest.fixture
def tiny(tmp_path):
    """The path of a small encoder that a person might write."""
    (tmp_path / "tiny.py").write_text(TINY)
    return tmp_path / "tiny.py"
