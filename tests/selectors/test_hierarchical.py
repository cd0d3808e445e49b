"""Hierarchical k-means: equal shares of unequal modes."""

import itertools

import numpy as np
from curadiff.selectors import select
from curadiff.selectors.core.rows import unit_rows
from curadiff.selectors.hierarchical import cluster_tree


def modes(shares, n=2000, d=32, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.choice(len(shares), n, p=shares)
    centre = rng.normal(size=(len(shares), d)) / np.sqrt(d)
    return centre[label] + 0.3 * rng.normal(size=(n, d)) / np.sqrt(d), label


def test_a_mode_with_nine_tenths_of_the_pool_gets_about_as_many_picks_as_any_other():
    x, label = modes([0.9, 0.025, 0.025, 0.025, 0.025])
    counts = np.bincount(label[select(x, 100, method="hierarchical-kmeans").indices])
    assert counts.min() >= 10  # in proportion it would be 2 or 3
    assert counts.max() <= 40  # and 90
    plain = np.bincount(label[select(x, 100, method="kmeans").indices])
    assert plain.max() > 60


def test_each_level_is_a_coarsening_of_the_one_below():
    x, _ = modes([0.5, 0.3, 0.2], n=900)
    levels = cluster_tree(unit_rows(x), seed=0)
    assert len(levels) == 2
    for lower, upper in itertools.pairwise(levels):
        for cluster in np.unique(lower):
            assert len(set(upper[lower == cluster])) == 1
        assert len(np.unique(upper)) < len(np.unique(lower))


def test_preselected_samples_use_up_their_modes_share():
    x, label = modes([0.5, 0.5], n=600)
    kept = np.flatnonzero(label == 0)[:150]
    plain = select(x, 40, method="hierarchical-kmeans").indices
    picked = select(x, 40, method="hierarchical-kmeans", preselected=kept).indices
    assert (label[picked] == 0).sum() < 0.6 * (label[plain] == 0).sum()
