"""Herding against plain greedy over the whole kernel matrix, and what it is for."""

import numpy as np
from curadiff.selectors import select
from curadiff.selectors.herding import kernel_width


def gaussian_kernel(u):
    square = ((u[:, None] - u) ** 2).sum(2)
    return np.exp(-square / (2 * kernel_width(u) ** 2))


def greedy(kernel, share, budget, chosen=()):
    chosen = list(chosen)
    begun = len(chosen)
    while len(chosen) < begun + budget:
        gain = (len(chosen) + 1) * (kernel @ share) - kernel[:, chosen].sum(1)
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
    return chosen[begun:]


def test_it_equals_greedy_over_the_whole_kernel(clusters, unit):
    x, _ = clusters(n=250)
    kernel = gaussian_kernel(unit(x))
    expected = greedy(kernel, np.full(250, 1 / 250), 40)
    assert select(x, 40, method="herding").indices.tolist() == expected


def test_weights_and_preselected_enter_the_same_objective(clusters, unit):
    x, _ = clusters(n=250)
    weights = np.random.default_rng(0).random(250) + 0.1
    expected = greedy(gaussian_kernel(unit(x)), weights / weights.sum(), 20, [7, 100])
    picked = select(x, 20, method="herding", weights=weights, preselected=[7, 100])
    assert picked.indices.tolist() == expected


def test_its_mean_in_feature_space_is_nearer_to_the_pools_than_that_of_random_subsets(
    clusters, unit
):
    x, _ = clusters()
    kernel = gaussian_kernel(unit(x))

    def discrepancy(rows):
        return kernel[np.ix_(rows, rows)].mean() - 2 * kernel[rows].mean() + kernel.mean()

    own = discrepancy(select(x, 30, method="herding").indices)
    others = [discrepancy(select(x, 30, method="random", seed=s).indices) for s in range(20)]
    assert own < 0.5 * min(others)


def test_the_width_is_half_of_the_median_distance(clusters, unit):
    u = unit(clusters()[0])
    gap = np.linalg.norm(u[:, None] - u, axis=2)[np.triu_indices(300, 1)]
    assert np.isclose(kernel_width(u), np.median(gap) / 2, rtol=1e-6)
