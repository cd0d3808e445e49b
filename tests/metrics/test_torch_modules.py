"""The classes give what the functions give, in batches and over processes."""

import doctest

import numpy as np
import pytest
import torch
from curadiff import metrics
from curadiff.common.errors import DataError

D = 6
CLASSES = {
    "FrechetDistance": ({"features": D}, metrics.frechet_distance),
    "KernelDistance": ({}, metrics.kernel_distance),
    "CMMD": ({}, metrics.cmmd),
    "MongeDistance": ({"projections": 20, "seed": 2}, metrics.mind),
    "PrecisionRecall": ({"k": 2, "rule": "<"}, metrics.precision_recall),
    "DensityCoverage": ({"k": 3}, metrics.density_coverage),
    "ClippedDensityCoverage": ({"k": 3}, metrics.clipped_density_coverage),
}


@pytest.fixture
def sets(rng):
    """Far from 0, where careless sums of squares lose their digits."""
    mixing = rng.standard_normal((D, D))
    real = 1000 + rng.standard_normal((90, D)) @ mixing
    return real, 1000.4 + 1.1 * rng.standard_normal((70, D)) @ mixing


def feed(metric, real, generated, size=32):
    for rows, is_real in ((real, True), (generated, False)):
        for start in range(0, len(rows), size):
            metric.update(torch.from_numpy(rows[start : start + size]), real=is_real)
    return metric


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize("name", CLASSES)
def test_batches_give_the_value_of_the_function(name, sets):
    real, generated = sets
    settings, function = CLASSES[name]
    metric = feed(getattr(metrics, name)(**settings), real, generated)
    settings = {key: value for key, value in settings.items() if key != "features"}
    expected = function(real=real, generated=generated, **settings)
    value = metric.compute()
    if isinstance(expected, dict):
        assert {key: one.item() for key, one in value.items()} == pytest.approx(expected, rel=1e-10)
    else:
        assert value.item() == pytest.approx(expected, rel=1e-10)
        assert value.dtype == torch.float64
    metric.reset()
    with pytest.raises(DataError, match=r"real has (no|0) images"):
        metric.compute()


def test_generated_images_alone_have_a_vendi_score(sets):
    generated = sets[1]
    for order in (0.5, 1.0, 2.0):
        metric = metrics.VendiScore(features=D, order=order)
        for start in range(0, 70, 16):
            metric.update(torch.from_numpy(generated[start : start + 16]))
        expected = metrics.vendi(generated=generated)[order]
        assert metric.compute().item() == pytest.approx(expected, rel=1e-10)


def test_the_retrieval_score_comes_with_its_bound(sets):
    real, generated = sets
    expected = metrics.retrieval_score(real=real, generated=generated)
    value = feed(metrics.ImageRetrievalScore(), real, generated).compute()
    assert value["retrieval_score"].item() == expected.value
    assert (value["low"].item(), value["high"].item()) == expected.bound


def test_a_model_in_half_precision_keeps_the_moments_in_double(sets):
    real, generated = sets
    metric = metrics.FrechetDistance(features=D).half()
    value = feed(metric, real, generated).compute().item()
    expected = metrics.frechet_distance(real=real, generated=generated)
    assert value == pytest.approx(expected, rel=1e-10)


def test_batches_that_do_not_fit_get_one_sentence():
    metric = metrics.FrechetDistance(features=3)
    with pytest.raises(DataError, match=r"must be \(images, 3\), got shape \(2, 4\)"):
        metric.update(torch.zeros(2, 4), real=True)
    with pytest.raises(DataError, match="NaN or infinity"):
        metric.update(torch.full((2, 3), torch.nan), real=True)
    with pytest.raises(DataError, match="features must be >= 1, got 0"):
        metrics.FrechetDistance(features=0)


def test_the_example_of_the_module_runs():
    from curadiff.metrics import torch_modules

    result = doctest.testmod(torch_modules)
    assert result.attempted >= 5
    assert result.failed == 0


def of_a_share(rank):
    """What a process says that has seen its unequal part of the images."""
    x = np.random.default_rng(5).standard_normal((2, 80, 5)) + 100
    x[1] *= 1.01
    share = slice(0, 30) if rank == 0 else slice(30, 80)
    made = {
        "frechet": metrics.FrechetDistance(features=5),
        "kernel": metrics.KernelDistance(),
        "shares": metrics.PrecisionRecall(),
    }
    for metric in made.values():
        metric.update(torch.from_numpy(x[0][share]), real=True)
        metric.update(torch.from_numpy(x[1][share]), real=False)
    vendi = metrics.VendiScore(features=5)
    vendi.update(torch.from_numpy(x[1][share]))
    values = {name: metric.compute() for name, metric in made.items()}
    return {
        "frechet": values["frechet"].item(),
        "kernel": values["kernel"].item(),
        "precision": values["shares"]["precision"].item(),
        "recall": values["shares"]["recall"].item(),
        "vendi": vendi.compute().item(),
    }


def test_two_processes_give_the_value_of_all_images_together(two_ranks):
    found = two_ranks(of_a_share)
    x = np.random.default_rng(5).standard_normal((2, 80, 5)) + 100
    x[1] *= 1.01
    sides = {"real": x[0], "generated": x[1]}
    expected = {
        "frechet": metrics.frechet_distance(**sides),
        "kernel": metrics.kernel_distance(**sides),
        **metrics.precision_recall(**sides),
        "vendi": metrics.vendi(generated=x[1])[1.0],
    }
    for values in found:
        assert values == pytest.approx(expected, rel=1e-10)
