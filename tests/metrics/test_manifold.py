"""Every field of the pass against brute force by the definitions."""

import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.metrics import density_coverage, precision_recall
from curadiff.metrics.manifold import manifold


def by_definition(real, generated, brute, k, density_k, rule, density_rule):
    rr, gg, rg = brute(real, real), brute(generated, generated), brute(real, generated)
    np.fill_diagonal(rr, np.inf)
    np.fill_diagonal(gg, np.inf)
    radius = np.sort(rr, axis=1)[:, k - 1]
    wide = np.sort(rr, axis=1)[:, density_k - 1]
    other = np.sort(gg, axis=1)[:, k - 1]
    inside = {"<=": np.less_equal, "<": np.less}
    within = inside[rule](rg, radius[:, None])
    broad = inside[density_rule](rg, wide[:, None])
    narrow = (radius <= np.median(radius)) & (radius > 0)
    with np.errstate(divide="ignore"):
        ratio = radius[narrow, None] / rg[narrow]
    return {
        "in_manifold": within.any(0),
        "realism": np.minimum(ratio.max(0, initial=0), 1000),
        "rarity": np.where(within.any(0), np.where(within, radius[:, None], np.inf).min(0), np.nan),
        "density_count": broad.sum(0),
        "nearest": rg.argmin(0),
        "nearest_distance": rg.min(0),
        "knn_radius": radius,
        "recalled": inside[rule](rg, other[None]).any(1),
        "covered": broad.any(1),
        "n_generated_in_ball": broad.sum(1),
        "nearest_generated": rg.argmin(1),
        "nearest_generated_distance": rg.min(1),
    }


def agree(real, generated, brute, k=3, density_k=5, rule="<=", density_rule="<"):
    found = manifold(
        real=real, generated=generated, k=k, density_k=density_k, rule=rule,
        density_rule=density_rule,
    )._asdict()  # fmt: skip
    expected = by_definition(real, generated, brute, k, density_k, rule, density_rule)
    assert found.keys() == expected.keys()
    rg = brute(real, generated)
    for name, value in expected.items():
        if name == "nearest":  # of equally near images any will do
            np.testing.assert_allclose(rg[found[name], np.arange(len(generated))], rg.min(0))
        elif name == "nearest_generated":
            np.testing.assert_allclose(rg[np.arange(len(real)), found[name]], rg.min(1))
        elif value.dtype == np.float64:
            np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.fixture(params=[64, 2048])
def block(request, monkeypatch):
    """Blocks much smaller than the sets, and blocks that hold all of them."""
    monkeypatch.setattr("curadiff.common.knn.points.BLOCK", request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_field_is_what_the_definitions_say(rng, brute, dtype):
    real = rng.standard_normal((230, 12)).astype(dtype)
    generated = (0.2 + 0.8 * rng.standard_normal((170, 12))).astype(dtype)
    agree(real, generated, brute)
    agree(real, generated, brute, k=1, density_k=1, rule="<", density_rule="<=")
    agree(real, generated, brute, k=7, density_k=2)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("rule", ["<=", "<"])
def test_ties_are_decided_by_the_rule(rng, brute, rule):
    # Points of a small lattice: most distances occur many times, many are zero.
    real = rng.integers(0, 3, (150, 4)).astype(np.float32)
    generated = rng.integers(0, 4, (130, 4)).astype(np.float32)
    agree(real, generated, brute, rule=rule, density_rule=rule)


@pytest.mark.usefixtures("block")
def test_tight_clusters_far_away_keep_their_digits(rng, brute):
    # Squared distances are 1e-10 of the squared norms: products alone see noise.
    centers = 1000 * rng.standard_normal((4, 16))
    real = centers[rng.integers(0, 4, 160)] + 0.05 * rng.standard_normal((160, 16))
    generated = centers[rng.integers(0, 3, 140)] + 0.05 * rng.standard_normal((140, 16))
    agree(real, generated, brute)


@pytest.mark.usefixtures("block")
def test_copies_and_repeated_images(rng, brute):
    real = rng.standard_normal((120, 8))
    real[:10] = real[0]  # more copies than k: radius 0
    generated = np.concatenate([real[:30], rng.standard_normal((60, 8))])
    agree(real, generated, brute)
    fields = manifold(real=real, generated=generated)._asdict()
    assert fields["realism"].max() == 1000  # a copy's: finite, so that one can sort by it
    assert all(np.isfinite(fields[name]).all() for name in fields if name != "rarity")


def test_identical_sets_are_perfect(rng):
    x = rng.standard_normal((50, 5))
    assert precision_recall(real=x, generated=x) == {"precision": 1.0, "recall": 1.0}
    assert density_coverage(real=x, generated=x)["coverage"] == 1.0


def test_sets_far_apart_share_nothing(rng):
    x, y = rng.standard_normal((50, 5)), 100 + rng.standard_normal((50, 5))
    assert precision_recall(real=x, generated=y) == {"precision": 0.0, "recall": 0.0}
    assert density_coverage(real=x, generated=y) == {"density": 0.0, "coverage": 0.0}


def test_recall_and_coverage_fall_when_the_model_drops_half_of_the_data(rng):
    real = np.concatenate([rng.standard_normal((100, 6)), 30 + rng.standard_normal((100, 6))])
    generated = rng.standard_normal((200, 6))
    shares = precision_recall(real=real, generated=generated)
    assert shares["precision"] > 0.8
    assert shares["recall"] <= 0.5
    assert density_coverage(real=real, generated=generated)["coverage"] <= 0.5


def test_precision_falls_when_the_model_adds_what_is_not_there(rng):
    real = rng.standard_normal((200, 6))
    generated = np.concatenate([rng.standard_normal((100, 6)), 30 + rng.standard_normal((100, 6))])
    shares = precision_recall(real=real, generated=generated)
    assert shares["precision"] <= 0.5
    assert shares["recall"] > 0.6


@pytest.mark.parametrize("function", [precision_recall, density_coverage])
def test_too_few_images_for_k_is_said(rng, function):
    x = rng.standard_normal((4, 3))
    with pytest.raises(DataError, match="k = 4 needs at least 5 images and real has 4"):
        function(real=x, generated=x, k=4)
    with pytest.raises(DataError, match="k must be >= 1, got 0"):
        function(real=x, generated=x, k=0)
