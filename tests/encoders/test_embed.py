"""The loop: order, one bad image, batch sizes, shapes, normalization."""

import sys

import numpy as np
import pytest
import torch
from curadiff import encoders
from curadiff.common.errors import DataError
from curadiff.common.images import open_rgb
from PIL import Image, ImageOps


@pytest.fixture(params=["builtin", "tiny"])
def encoder(request, tiny):
    return encoders.load("builtin" if request.param == "builtin" else f"python:{tiny}:load")


def test_one_row_per_image_in_order(encoder, photographs):
    whole = encoder.embed(photographs)
    assert whole.features.shape == (12, encoder.dim)
    assert whole.features.dtype == np.float32
    assert whole.ok.dtype == bool
    assert whole.ok.all()
    assert whole.faults == {}
    assert whole.key == encoder.key
    backwards = encoder.embed(photographs[::-1])
    np.testing.assert_allclose(backwards.features[::-1], whole.features, rtol=1e-5, atol=1e-6)


def test_features_do_not_depend_on_the_batch_size(encoder, photographs):
    want = encoder.embed(photographs, batch_size=1).features
    for size in (2, 5, 12, 32):
        got = encoder.embed(photographs, batch_size=size).features
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_one_unreadable_image_costs_one_row(encoder, photographs):
    want = encoder.embed(photographs).features
    photographs[5].write_bytes(photographs[5].read_bytes()[:60])
    photographs[7].unlink()
    got = encoder.embed(photographs, batch_size=4)
    assert sorted(got.faults) == sorted(map(str, (photographs[5], photographs[7])))
    assert "damaged" in got.faults[str(photographs[5])]
    assert "does not exist" in got.faults[str(photographs[7])]
    assert np.flatnonzero(~got.ok).tolist() == [5, 7]
    assert np.isnan(got.features[[5, 7]]).all()
    np.testing.assert_allclose(got.features[got.ok], want[got.ok], rtol=1e-5, atol=1e-6)


def test_normalized_rows_have_length_one(encoder, photographs):
    photographs[0].write_bytes(b"")
    rows = encoder.embed(photographs, normalize=True).features
    raw = encoder.embed(photographs).features
    np.testing.assert_allclose(np.linalg.norm(rows[1:], axis=1), 1, rtol=1e-5)
    cosine = (rows[1:] * raw[1:]).sum(axis=1) / np.linalg.norm(raw[1:], axis=1)
    np.testing.assert_allclose(cosine, 1, rtol=1e-5)
    assert np.isnan(rows[0]).all()


def test_progress_counts_to_the_total(encoder, photographs):
    seen = []
    encoder.embed(
        photographs, batch_size=5, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(5, 12), (10, 12), (12, 12)]


def test_nothing_to_embed(encoder):
    nothing = encoder.embed([])
    assert nothing.features.shape == (0, encoder.dim)
    assert nothing.ok.shape == (0,)


def test_a_batch_size_of_zero_is_refused(encoder, photographs):
    with pytest.raises(DataError, match="batch_size must be >= 1, got 0"):
        encoder.embed(photographs, batch_size=0)


def test_features_that_are_not_finite_are_a_fault(tmp_path, photographs):
    (tmp_path / "broken.py").write_text(
        "import torch\n"
        "class Broken(torch.nn.Module):\n"
        "    input_size = 8\n"
        "    def forward(self, x):\n"
        "        return 1 / (x.mean((2, 3)) - 1)  # infinite for white\n"
        "def load(weights):\n"
        "    return Broken()\n"
    )
    Image.new("RGB", (9, 9), "white").save(photographs[2])
    got = encoders.load(f"python:{tmp_path / 'broken.py'}:load").embed(photographs)
    assert np.flatnonzero(~got.ok).tolist() == [2]
    assert "features that are not finite" in got.faults[str(photographs[2])]
    assert np.isnan(got.features[2]).all()


def test_pictures_of_an_encoder_without_a_size_are_batched_by_shape(photographs):
    from curadiff.encoders.network import wrap
    from curadiff.encoders.pixels import Pixels

    class Mean(torch.nn.Module):
        def forward(self, x):
            return x.float().mean((2, 3))

    encoder = wrap(Mean(), Pixels(None), name="mean", identity="mean", device="cpu", scale=False)
    got = encoder.embed(photographs, batch_size=12).features
    want = [np.asarray(Image.open(path)).mean((0, 1)) for path in photographs]
    np.testing.assert_allclose(got, want, rtol=1e-5)


CONVOLUTIONS = """
import torch
class Stack(torch.nn.Module):
    input_size = 32
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.ModuleList(torch.nn.Conv2d(3, 3, 3, padding=1) for _ in range(6))
        self.seen = []
    def forward(self, x):
        self.seen.append(x.is_contiguous(memory_format=torch.channels_last))
        for layer in self.layers:
            x = layer(x)
        return FLATTENED
NETWORKS = []
def load(weights):
    NETWORKS.append(Stack())
    return NETWORKS[-1]
"""


@pytest.mark.parametrize(
    ("flattened", "fast"), [("x.flatten(1)", True), ("x.view(len(x), -1)", False)]
)
def test_a_network_that_cannot_bear_the_fast_layout_gets_the_plain_one(
    tmp_path, photographs, flattened, fast
):
    import importlib.util

    file = tmp_path / "stack.py"
    file.write_text(CONVOLUTIONS.replace("FLATTENED", flattened))
    encoder = encoders.load(f"python:{file}:load", device="cpu")
    got = encoder.embed(photographs).features
    spec = importlib.util.spec_from_file_location("plain_stack", file)
    plain = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain)
    pictures = np.stack([encoder.preprocess(open_rgb(path)) for path in photographs])
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous() / 255
    with torch.inference_mode():
        want = plain.load(None)(x).numpy()
    np.testing.assert_allclose(got, want, atol=1e-5)
    (loaded,) = (m for m in sys.modules.values() if getattr(m, "__file__", None) == str(file))
    assert loaded.NETWORKS[0].seen[-1] is fast


def test_the_mirrored_encoder_sees_the_mirrored_picture(tmp_path):
    rng = np.random.default_rng(0)
    plain, flipped = tmp_path / "plain.png", tmp_path / "flipped.png"
    Image.fromarray(rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)).save(plain)
    ImageOps.mirror(open_rgb(plain)).save(flipped)
    encoder = encoders.load("builtin")
    seen = encoder.mirrored().embed([plain], cache=True).features
    assert np.allclose(seen, encoder.embed([flipped]).features, atol=1e-6)
    assert not np.allclose(seen, encoder.embed([plain], cache=True).features, atol=1e-2)
