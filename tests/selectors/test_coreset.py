import itertools

import numpy as np
import pytest
import torch
from curadiff.selectors import select
from curadiff.selectors.core import greedy


def plain_greedy(x, budget, scale, start):
    """Every row against every new pick, in float64."""
    picked = [start]
    near = ((x - x[start]) ** 2).sum(1)
    while len(picked) < budget:
        value = near * scale**2
        value[picked] = -1
        picked.append(int(value.argmax()))
        near = np.minimum(near, ((x - x[picked[-1]]) ** 2).sum(1))
    return picked


def most_central(x):
    return int((x @ x.mean(0)).argmax())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("copies", [0, 40])
@pytest.mark.parametrize(("width", "core"), [(8, 3), (64, 8), (1024, 128)])
def test_picks_equal_plain_greedy(seed, copies, width, core, clusters, unit, monkeypatch):
    monkeypatch.setattr(greedy, "ROUND", width)
    monkeypatch.setattr(greedy, "CORE", core)
    x, _ = clusters(n=400, seed=seed)
    x[400 - copies :] = x[:copies]
    u = unit(x)
    expected = plain_greedy(u, 120, np.ones(400), most_central(u))
    assert select(x, 120, method="coreset").indices.tolist() == expected


def test_budget_may_be_the_whole_pool(clusters, unit):
    x, _ = clusters(n=150, copies=30)
    x[100:120] = x[0]
    picked = select(x, 150, method="coreset")
    u = unit(x)
    assert picked.indices.tolist() == plain_greedy(u, 150, np.ones(150), most_central(u))
    assert picked.coverage_radius[-1] == 0


def test_weights_scale_distances(clusters, unit):
    x, _ = clusters(n=300)
    w = np.random.default_rng(1).uniform(0.5, 2, 300)
    picked = select(x, 60, method="coreset", weights=w)
    assert picked.indices.tolist() == plain_greedy(unit(x), 60, w, int(w.argmax()))


@pytest.mark.parametrize("width", [4, 1024])
def test_very_large_weights_and_copies_end_like_plain_greedy(width, clusters, unit, monkeypatch):
    monkeypatch.setattr(greedy, "ROUND", width)
    x, _ = clusters(n=80)
    x[40:] = x[:40]
    w = np.random.default_rng(1).uniform(1, 1e5, 80)
    picked = select(x, 80, method="coreset", weights=w).indices.tolist()
    assert picked == plain_greedy(unit(x), 80, w, int(w.argmax()))


def test_ties_on_a_lattice_go_to_the_lowest_row():
    x = np.concatenate([np.eye(12), -np.eye(12)])
    first = select(x, 24, method="coreset").indices
    turn = np.random.default_rng(0).permutation(24)
    turned = select(x[turn], 24, method="coreset", ids=turn).indices
    assert first.tolist() == turn[turned].tolist()
    assert first[:2].tolist() == [0, 12]


def test_radius_is_at_most_twice_the_best_possible():
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=(11, 3))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        gap = np.linalg.norm(x[:, None] - x[None], axis=2)
        best = min(gap[:, list(s)].min(1).max() for s in itertools.combinations(range(11), 3))
        assert select(x, 3, method="coreset").coverage_radius[-1] <= 2 * best + 1e-6


def test_it_continues_from_what_is_preselected(clusters):
    x, _ = clusters()
    whole = select(x, 40, method="coreset").indices
    rest = select(x, 25, method="coreset", preselected=whole[:15]).indices
    assert rest.tolist() == whole[15:].tolist()


def test_thread_count_changes_nothing(clusters):
    x, _ = clusters(n=2000, d=64)
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(select(x, 300, method="coreset").indices.tolist())
    torch.set_num_threads(before)
    assert found[0] == found[1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_picks_the_same(clusters):
    x, _ = clusters(n=5000, d=64, copies=100)
    for method in ("coreset", "typicality"):
        cpu = select(x, 500, method=method, device="cpu").indices
        assert cpu.tolist() == select(x, 500, method=method, device="cuda").indices.tolist()


def test_every_prefix_is_the_smaller_selection(clusters):
    x, _ = clusters()
    for method, options in (("coreset", {}), ("typicality", {"neighbors": 9}), ("random", {})):
        whole = select(x, 50, method=method, **options).indices
        assert select(x, 20, method=method, **options).indices.tolist() == whole[:20].tolist()
