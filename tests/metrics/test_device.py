"""The same values on a GPU: bounds come from another device, settled values do not."""

import numpy as np
import pytest
import torch
from curadiff.common.errors import EnvironmentFault
from curadiff.metrics import cmmd, evaluate, kernel_distance


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_counts_and_values(rng):
    real = rng.standard_normal((3000, 256)).astype(np.float32)
    generated = (0.1 + rng.standard_normal((2500, 256))).astype(np.float32)
    sets = {"real": real, "generated": generated, "train": real[:500]}
    here = evaluate(**sets, counts="unequal", null_draws=0, bootstrap=0)
    there = evaluate(**sets, counts="unequal", null_draws=0, bootstrap=0, device="cuda")
    for name, value in here.values.items():
        assert there.values[name] == pytest.approx(value, rel=1e-5), name
    for name in ("in_manifold", "density_count", "nearest", "nearest_train"):
        np.testing.assert_array_equal(there.generated[name], here.generated[name])
    two = {"real": real, "generated": generated}
    for function in (kernel_distance, cmmd):
        assert function(**two, device="cuda") == pytest.approx(function(**two), rel=1e-5)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_missing_gpu_is_said_in_one_sentence(rng):
    x = rng.standard_normal((9, 3))
    with pytest.raises(EnvironmentFault, match=r"device is cuda, .* no such device here.*cpu"):
        evaluate(real=x, generated=x, device="cuda")
