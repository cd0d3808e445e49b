"""What every method in the registry must hold."""

import typing

import numpy as np
import pytest
from curadiff.config import SelectSettings, choices
from curadiff.selectors import METHODS, options_of, select

NEED_VALUES = ("top", "difficulty", "preview-harm")
EVERY = pytest.mark.parametrize("method", METHODS)


@pytest.fixture
def weights():
    """Weights for the methods that cannot do without, None for all others."""

    def make(method, n):
        return np.random.default_rng(9).random(n) + 0.1 if method in NEED_VALUES else None

    return make


@EVERY
def test_picks_are_unique_in_range_and_as_many_as_asked(method, clusters, weights):
    x, _ = clusters()
    picked = select(x, 40, method=method, weights=weights(method, 300))
    assert picked.indices.dtype == np.int64
    assert len(set(picked.indices.tolist())) == 40 == len(picked.scores)
    assert picked.indices.min() >= 0
    assert picked.indices.max() < 300
    assert np.isfinite(picked.scores).all()
    assert picked.shortfall == 0
    assert "reached" in picked.stop_reason


@EVERY
def test_row_order_changes_nothing(method, clusters, weights):
    x, _ = clusters(copies=10)
    ids = np.array([f"image-{i:04d}" for i in range(300)])
    w = weights(method, 300)
    turn = np.random.default_rng(5).permutation(300)
    straight = select(x, 30, method=method, ids=ids, weights=w, seed=3)
    turned = select(
        x[turn], 30, method=method, ids=ids[turn], weights=None if w is None else w[turn], seed=3
    )
    assert ids[straight.indices].tolist() == ids[turn][turned.indices].tolist()
    np.testing.assert_array_equal(straight.density[turn], turned.density)
    np.testing.assert_array_equal(straight.flagged[turn], turned.flagged)


@EVERY
def test_the_same_call_gives_the_same_picks(method, clusters, weights):
    x, _ = clusters()
    w = weights(method, 300)
    first = select(x, 25, method=method, seed=7, weights=w)
    again = select(x, 25, method=method, seed=7, weights=w)
    np.testing.assert_array_equal(first.indices, again.indices)


@EVERY
def test_excluded_and_preselected_are_not_picked(method, clusters, weights):
    x, _ = clusters()
    taken, out = np.arange(0, 20), np.arange(100, 200)
    picked = select(
        x, 50, method=method, preselected=taken, exclude=out, weights=weights(method, 300)
    )
    assert not set(picked.indices) & (set(taken) | set(out))
    assert len(picked.indices) == 50
    assert set(picked.nearest_pick) <= set(picked.indices) | set(taken)


@EVERY
def test_quotas_are_met_exactly(method, clusters, weights):
    x, labels = clusters()
    picked = select(
        x,
        30,
        method=method,
        groups=labels,
        quotas={0: 3, 1: 12, 2: 5},
        weights=weights(method, 300),
    )
    counts = np.bincount(labels[picked.indices], minlength=6)
    assert counts[:3].tolist() == [3, 12, 5]
    assert counts[3:].sum() == 10


@EVERY
def test_balanced_quotas_share_evenly(method, clusters, weights):
    x, labels = clusters(n=400)
    picked = select(
        x, 30, method=method, groups=labels, quotas="balanced", weights=weights(method, 400)
    )
    assert np.bincount(labels[picked.indices], minlength=6).tolist() == [5] * 6


@EVERY
def test_explanations_have_one_value_per_row(method, clusters, weights):
    x, _ = clusters(n=120)
    picked = select(x, 10, method=method, weights=weights(method, 120))
    gaps = np.linalg.norm(_unit(x)[:, None] - _unit(x)[picked.indices], axis=2)
    np.testing.assert_allclose(picked.nearest_pick_distance, gaps.min(1), atol=1e-6)
    np.testing.assert_allclose(
        picked.coverage_radius, np.minimum.accumulate(gaps, 1).max(0), atol=1e-6
    )
    for name in ("density", "outlier_score", "flagged", "nearest_pick", "representative"):
        assert getattr(picked, name).shape == (120,), name
    assert set(picked.nearest_pick) <= set(picked.indices)


@EVERY
@pytest.mark.parametrize("n", [1, 2, 5])
def test_tiny_pools_work(method, n, clusters, weights):
    x, _ = clusters(n=n)
    picked = select(x, n, method=method, weights=weights(method, n))
    assert len(picked.indices) + picked.shortfall == n
    assert len(picked.indices) >= 1
    assert picked.stop_reason
    assert picked.coverage_radius.shape == (len(picked.indices),)
    assert picked.density.shape == (n,)


@EVERY
def test_identical_rows_end_in_a_sentence_not_a_crash(method, weights):
    picked = select(np.ones((40, 8)), 5, method=method, weights=weights(method, 40))
    assert len(picked.indices) + picked.shortfall == 5
    assert picked.stop_reason
    assert not picked.flagged.any()


@EVERY
@pytest.mark.parametrize("kind", ["float16", "float64", "strided", "fortran", "mapped"])
def test_any_storage_gives_the_same_picks(method, kind, clusters, weights, tmp_path):
    x, _ = clusters()
    x = x.astype(np.float16).astype(np.float32)  # so that every kind holds the same numbers
    wide = np.zeros((600, 32), np.float32)
    wide[::2, ::2] = x
    np.save(tmp_path / "x.npy", x)
    given = {
        "float16": lambda: x.astype(np.float16),
        "float64": lambda: x.astype(np.float64),
        "strided": lambda: wide[::2, ::2],
        "fortran": lambda: np.asfortranarray(x),
        "mapped": lambda: np.load(tmp_path / "x.npy", mmap_mode="r"),
    }[kind]()
    w = weights(method, 300)
    expected = select(x, 20, method=method, weights=w).indices
    np.testing.assert_array_equal(select(given, 20, method=method, weights=w).indices, expected)


@EVERY
def test_the_settings_model_offers_every_option(method):
    settings = SelectSettings(method=method)
    options = options_of(settings)
    assert set(options) <= set(SelectSettings.model_fields)


def test_methods_in_settings_are_the_registry():
    assert choices(SelectSettings.model_fields["method"]) == list(METHODS)
    assert typing.get_type_hints(SelectSettings)["budget"] is int


def test_settings_lead_to_a_selection(clusters):
    x, _ = clusters()
    settings = SelectSettings(budget=20, alpha=0.5)
    picked = select(x, settings.budget, method=settings.method, **options_of(settings))
    assert picked.settings["alpha"] == 0.5
    assert picked.settings["min_distance"] > 0


def _unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)
