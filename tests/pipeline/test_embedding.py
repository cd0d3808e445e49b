"""Number format and cache reach the encoder from the settings of ``embed``."""

from __future__ import annotations

import curadiff
import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.encoders import cache

NETWORK = """
import torch

class Lines(torch.nn.Module):
    input_size = 16

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.line = torch.nn.Linear(768, 12)

    def forward(self, x):
        return self.line(x.flatten(1))

def load(weights):
    return Lines()
"""


@pytest.fixture
def encoder(tmp_path):
    (tmp_path / "lines.py").write_text(NETWORK)
    return f"python:{tmp_path / 'lines.py'}:load"


def test_the_number_format_is_used_kept_apart_and_its_error_said(dataset, home, encoder):
    plain = curadiff.embed(dataset, encoder=encoder, field="plain", progress=False)
    assert plain.error == 0
    assert "number format" not in str(plain)
    low = {"encoder": encoder, "dtype": "bfloat16", "progress": False}
    found = curadiff.embed(dataset, field="low", **low)
    assert 0 < found.error < 0.05
    assert f"up to {found.error:.2%}" in str(found)
    dataset.reload()
    gap = np.linalg.norm(
        np.array(dataset.values("low")) - np.array(dataset.values("plain")), axis=1
    )
    assert 0 < gap.max() < 0.05  # of vectors of length 1
    with pytest.raises(DataError, match=r"another encoder .*float32.* now .*bfloat16"):
        curadiff.embed(dataset, field="plain", **low)


def test_without_the_cache_nothing_is_kept(dataset, home, encoder):
    curadiff.embed(dataset, encoder=encoder, field="x", cache=False, progress=False)
    assert cache.info().images == {}
    curadiff.embed(dataset, encoder=encoder, field="y", progress=False)
    assert list(cache.info().images.values()) == [len(dataset)]
    dataset.reload()
    np.testing.assert_allclose(dataset.values("x"), dataset.values("y"), atol=1e-6)
