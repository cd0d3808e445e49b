"""The same numbers as the libraries that papers were written with."""

import math

import numpy as np
import pytest
import torch
from curadiff.common.gaussians import gaussian_distance, gaussian_from_moments
from curadiff.metrics import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
    vendi,
)

fid = pytest.importorskip("torch_fidelity.metric_fid")
kid = pytest.importorskip("torch_fidelity.metric_kid")
prc = pytest.importorskip("torch_fidelity.metric_prc")
prdc = pytest.importorskip("prdc")
vendi_score = pytest.importorskip("vendi_score.vendi")
torchmetrics_fid = pytest.importorskip("torchmetrics.image.fid")


def features(rng, n, d, shift=0.0):
    """Correlated, skewed, partly dead: more like a network's than white noise."""
    mixed = rng.standard_normal((n, d)) @ (rng.standard_normal((d, d)) / math.sqrt(d))
    return np.maximum(mixed + shift, -0.5) * np.geomspace(3, 0.1, d)


@pytest.fixture(params=["continuous", "lattice"])
def sets(request, rng):
    """Real and generated; on the lattice, ties and copies are everywhere."""
    if request.param == "lattice":
        # Whole numbers this small are exact in every library's arithmetic.
        return rng.integers(0, 3, (300, 6)) * 1.0, rng.integers(0, 3, (250, 6)) * 1.0
    return features(rng, 500, 24), features(rng, 400, 24, 0.1)


def test_frechet_equals_torch_fidelity_given_float64_statistics(rng):
    a, b = features(rng, 900, 96), features(rng, 700, 96, 0.2)
    statistics = [{"mu": x.mean(0), "sigma": np.cov(x, rowvar=False)} for x in (a, b)]
    theirs = fid.fid_statistics_to_metric(*statistics, False)[fid.KEY_METRIC_FID]
    ours = gaussian_distance(*(gaussian_from_moments(s["mu"], s["sigma"]) for s in statistics))
    assert ours == pytest.approx(theirs, rel=1e-9)
    assert frechet_distance(real=a, generated=b) == pytest.approx(theirs, rel=1e-9)


def test_frechet_equals_torchmetrics_end_to_end(rng):
    a, b = features(rng, 600, 64).astype(np.float32), features(rng, 500, 64, 0.2).astype(np.float32)
    identity = torch.nn.Identity()
    identity.num_features = 64
    metric = torchmetrics_fid.FrechetInceptionDistance(feature=identity)
    metric.update(torch.from_numpy(a), real=True)
    metric.update(torch.from_numpy(b), real=False)
    theirs = metric.compute().item()
    assert frechet_distance(real=a, generated=b) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_counts_equal_those_of_prdc(sets, k):
    real, generated = sets
    theirs = prdc.compute_prdc(real, generated, k)
    ours = precision_recall(real=real, generated=generated, k=k, rule="<")
    ours |= density_coverage(real=real, generated=generated, k=k, rule="<")
    n, m = len(real), len(generated)
    for name, units in (("precision", m), ("recall", n), ("density", m * k), ("coverage", n)):
        assert round(ours[name] * units) == round(theirs[name] * units), name


@pytest.mark.parametrize("k", [1, 3, 5])
def test_counts_equal_those_of_torch_fidelity(sets, k):
    real, generated = sets
    theirs = prc.prc_features_to_metric(
        torch.from_numpy(generated), torch.from_numpy(real),
        prc_neighborhood=k, prc_batch_size=128, save_cpu_ram=True, verbose=False,
    )  # fmt: skip
    ours = precision_recall(real=real, generated=generated, k=k, rule="<=")
    for name, units in (("precision", len(generated)), ("recall", len(real))):
        assert round(ours[name] * units) == round(theirs[name] * units), name


def test_kernel_distance_equals_torch_fidelity_on_the_full_set(rng):
    a, b = features(rng, 300, 48), features(rng, 300, 48, 0.1)
    theirs = kid.kid_features_to_metric(
        torch.from_numpy(a), torch.from_numpy(b),
        kid_subsets=1, kid_subset_size=300, kid_degree=3, verbose=False,
    )  # fmt: skip
    ours = kernel_distance(real=a, generated=b)
    assert ours == pytest.approx(theirs[kid.KEY_METRIC_KID_MEAN], rel=1e-5)


def test_vendi_equals_the_authors_code(rng):
    x = features(rng, 200, 32)
    ours = vendi(generated=x)
    for order in (0.5, 1, 2):
        assert ours[order] == pytest.approx(vendi_score.score_dual(x, q=order), rel=1e-9)
    assert ours[math.inf] == pytest.approx(vendi_score.score_dual(x, q="inf"), rel=1e-9)
