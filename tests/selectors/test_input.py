"""Each kind of wrong input gets its own sentence."""

import numpy as np
import pytest
from curadiff.common.errors import DataError, EnvironmentFault, SettingsError
from curadiff.selectors import METHODS, select

X = np.random.default_rng(0).normal(size=(20, 4))


def bad(row, value):
    x = X.copy()
    x[row] = value
    return x


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (bad(3, np.nan), r"NaN or infinity in 1 row \(3\)"),
        (bad([1, 2], np.inf), r"NaN or infinity in 2 rows \(1, 2\)"),
        (bad(slice(None), 0), r"only zeros.* in 20 rows \(0, 1, 2, 3, 4, \.\.\.\)"),
        (X[0], r"matrix \(n, d\)"),
        (X[:0], r"matrix \(n, d\)"),
        (X.astype(complex), "complex128"),
        (np.array([["a", "b"]]), "matrix"),
    ],
)
def test_embeddings_that_cannot_be_used(x, sentence):
    with pytest.raises(DataError, match=sentence):
        select(x, 2, method="coreset")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"ids": ["a"]}, "ids must name each of the 20 rows"),
        ({"ids": ["a"] * 20}, "a occurs more than once"),
        ({"preselected": [20]}, "preselected must be rows between 0 and 19"),
        ({"exclude": [0.5]}, "exclude must be row numbers or a mask"),
        ({"weights": [1.0]}, "weights must be 20 finite numbers"),
        ({"groups": ["a"], "quotas": "balanced"}, "one label for each of 20 rows"),
    ],
)
@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("zcore", "top")])
def test_arrays_that_do_not_fit(given, sentence, method):
    with pytest.raises(DataError, match=sentence):
        select(X, 2, method=method, **given)


OTHER_WEIGHTS = ("zcore", "top", "transport", "difficulty", "preview-harm")  # none, or any value


@pytest.mark.parametrize("method", [name for name in METHODS if name not in OTHER_WEIGHTS])
def test_weights_leave_enough_samples_to_choose(method):
    with pytest.raises(DataError, match="needs weights > 0"):
        select(X, 2, method=method, weights=np.zeros(20))


HALVES = ["a"] * 10 + ["b"] * 10


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"budget": 0}, "budget must be a whole number >= 1, got 0"),
        ({"budget": 2.5}, "budget must be a whole number >= 1, got 2.5"),
        ({"budget": 21}, "budget must be <= 20, the samples that can be chosen, got 21"),
        ({"budget": 16, "exclude": range(5)}, "5 are preselected or excluded"),
        ({"method": "corset"}, "did you mean 'coreset'"),
        ({"alhpa": 1}, "alhpa is not an option of typicality.*did you mean 'alpha'"),
        ({"method": "random", "alpha": 1}, "it has no options"),
        ({"alpha": -1}, "alpha must be a number >= 0 or 'auto', got -1"),
        ({"alpha": "best"}, "alpha must be a number >= 0 or 'auto', got 'best'"),
        ({"neighbors": 0}, "neighbors must be >= 1, got 0"),
        ({"min_distance": -1}, "min_distance must be >= 0, got -1"),
        ({"method": "densest", "neighbors": 0}, "densest needs neighbors >= 1, got 0"),
        ({"method": "typiclust", "neighbors": 0}, "typiclust needs neighbors >= 1"),
        ({"method": "zcore", "weights": np.ones(20)}, "zcore takes no weights"),
        ({"method": "top"}, "none were given; give weights"),
        ({"outlier_rate": 0.7}, "outlier_rate must be between 0 and 0.5"),
        ({"seed": -1}, "seed must be a whole number >= 0"),
        ({"groups": HALVES}, "groups and quotas belong together"),
        ({"quotas": {"a": 1}}, "groups and quotas belong together"),
        ({"groups": HALVES, "quotas": "fair"}, "'balanced', 'proportional' or a dictionary"),
        ({"groups": HALVES, "quotas": {"c": 1}}, "quotas names 'c', which no sample has"),
        ({"groups": HALVES, "quotas": {"a": -1}}, "the quota of 'a' must be a whole number"),
        ({"groups": HALVES, "quotas": {"a": 11}}, "the quota of 'a' is 11, but it has only 10"),
        ({"groups": HALVES, "quotas": {"a": 3, "b": 1}}, "add up to 4"),
    ],
)
def test_settings_that_cannot_be_met(given, sentence):
    with pytest.raises(SettingsError, match=sentence):
        select(X, given.pop("budget", 2), **given)


def test_a_device_that_is_not_here():
    with pytest.raises(EnvironmentFault, match=r"device is abacus, .* choose one of auto, cpu"):
        select(X, 2, device="abacus")
