# ruff: noqa: E402 - thread counts must be set before the libraries read them
"""Speed against peers, quality on a pool whose truth is known, and on a real one.

    python benchmarks/selection.py kcenter --rows 11647      # or 100000
    python benchmarks/selection.py neighbors
    python benchmarks/selection.py facility
    python benchmarks/selection.py quality --seeds 3
    python benchmarks/selection.py real --pool EMBEDDINGS.npz
    python benchmarks/selection.py mapped --rows 1000000     # 2 GB on disk for 512 features

Times are CPU seconds of one thread in one process, peers in turn, medians of ``--repeats``.
Peers that are not installed are left out; requirements-dev.txt names them.
"""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["RAYON_NUM_THREADS"] = "1"

import numpy as np
import torch
from curadiff.common.knn import nearest
from curadiff.selectors import METHODS, select
from curadiff.selectors.core.frechet import PoolGaussian
from curadiff.selectors.core.rows import unit_rows
from curadiff.selectors.distributed.in_cells import select_in_cells
from selection_mixture import mixture

CELL = 3000  # rows of a cell at most
NEED_VALUES = ("top", "difficulty", "preview-harm")  # choose by a field, not by embeddings alone


def pool(rows, d=512, seed=0):
    """Draw 60 clusters, in blocks, so that a million rows fit."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(60, d)).astype(np.float32)
    x = np.empty((rows, d), np.float32)
    for start in range(0, rows, 50_000):
        part = x[start : start + 50_000]
        part[:] = centres[rng.integers(0, 60, len(part))]
        part += 0.8 * rng.standard_normal(part.shape, dtype=np.float32)
    return x


def plain(x, budget, first):
    """The loop that everybody writes: one product of all rows with the new centre per pick."""
    x = torch.from_numpy(x)
    near, picked = torch.full((len(x),), 4.0), [first]
    while len(picked) < budget:
        near = torch.minimum(near, 2 - 2 * (x @ x[picked[-1]]))
        near[picked[-1]] = -1
        picked.append(int(near.argmax()))
    return picked


def pairwise(x, budget, first):
    """As in anomalib: torch's pairwise_distance to the new centre per pick."""
    x = torch.from_numpy(x)
    near, picked = torch.full((len(x),), 4.0), [first]
    while len(picked) < budget:
        gap = torch.nn.functional.pairwise_distance(x, x[picked[-1]][None])
        near = torch.minimum(near, gap)
        near[picked[-1]] = -1
        picked.append(int(near.argmax()))
    return picked


def sklearn_loop(x, budget, first):
    """As in the code that came with Sener & Savarese: sklearn's distances per pick."""
    from sklearn.metrics import pairwise_distances

    near, picked = np.full(len(x), 4.0), [first]
    while len(picked) < budget:
        gap = pairwise_distances(x, x[picked[-1] : picked[-1] + 1])[:, 0]
        near = np.minimum(near, gap)
        near[picked[-1]] = -1
        picked.append(int(near.argmax()))
    return picked


def mundig(lists, budget):
    from lightly_mundig import Selection

    engine = Selection()
    engine.add_diversifying_strategy(lists, 1.0)
    return engine.run_selection([], len(lists), budget)


def cpu(work):
    begun = time.process_time()
    work()
    return time.process_time() - begun


def race(runs, repeats):
    """Time each run in turn, several times over; print medians and ratios to the first."""
    taken = {name: [] for name in runs}
    for _ in range(repeats):
        for name, work in runs.items():
            taken[name].append(cpu(work))
    median = {name: statistics.median(times) for name, times in taken.items()}
    own = median[next(iter(median))]
    for name, seconds in median.items():
        print(f"  {name:28} {seconds:8.2f} s  {seconds / own:6.1f}x")


def installed(name):
    try:
        importlib.import_module(name)
    except ImportError:
        print(f"  ({name} is not installed)")
        return False
    return True


def kcenter(given):
    x = pool(given.rows)
    unit = unit_rows(x)
    first = int(select(x, 1, method="coreset").indices[0])
    # Slow peers do the first part of the picks; their cost per pick is constant.
    few = min(given.budget, given.picks)
    print(f"k-center, {given.rows} rows, {given.budget} picks, 512 features")
    runs = {
        "curadiff": lambda: select(x, given.budget, method="coreset", device="cpu"),
        "plain torch loop": lambda: plain(unit, few, first),
        "pairwise_distance loop": lambda: pairwise(unit, few, first),
        "sklearn loop": lambda: sklearn_loop(unit, few, first),
    }
    times = {name: [] for name in runs}
    if installed("lightly_mundig"):
        lists = unit.tolist()
        runs["lightly-mundig"] = lambda: mundig(lists, given.budget)
        times["lightly-mundig"] = []
    for _ in range(given.repeats):
        for name, work in runs.items():
            scale = (given.budget - 1) / (few - 1) if "loop" in name else 1
            times[name].append(scale * cpu(work))
    own = statistics.median(times["curadiff"])
    for name, taken in times.items():
        note = f"  (extrapolated from {few} picks)" if "loop" in name else ""
        print(f"  {name:28} {statistics.median(taken):8.2f} s  "
              f"{statistics.median(taken) / own:6.1f}x{note}")  # fmt: skip


def neighbors(given):
    x = unit_rows(pool(given.rows))
    print(f"20 nearest neighbours, {given.rows} rows, 512 features")
    runs = {"curadiff": lambda: nearest(x, x, 20, exclude_self=True)}
    if installed("faiss"):
        import faiss

        faiss.omp_set_num_threads(1)

        def flat():
            index = faiss.IndexFlatL2(x.shape[1])
            index.add(x)
            index.search(x, 21)

        runs["faiss flat"] = flat
    race(runs, given.repeats)


def facility(given):
    x = pool(given.rows)
    unit = unit_rows(x)
    print(f"facility location, {given.rows} rows, {given.budget} picks, 512 features")
    runs = {"curadiff": lambda: select(x, given.budget, method="facility-location", device="cpu")}
    if installed("apricot"):
        from apricot import FacilityLocationSelection

        runs["apricot"] = lambda: FacilityLocationSelection(
            given.budget, metric="cosine", optimizer="lazy"
        ).fit(unit)
    race(runs, given.repeats)


def chosen_by(method, x, budget, seed):
    """Choose by a method; ``typicality-auto`` spends more time, on the search for alpha.

    ``coreset-in-cells`` and ``typicality-in-cells`` compare rows of one cell at a time.
    """
    if method.endswith("-in-cells"):
        with tempfile.TemporaryDirectory() as folder:
            return select_in_cells(
                x,
                budget,
                method=method.removesuffix("-in-cells"),
                rank=np.random.default_rng(seed).permutation(len(x)),
                folder=Path(folder),
                most=CELL,
                device="cpu",
            )
    options = {"alpha": "auto"} if method == "typicality-auto" else {}
    return select(
        x, budget, method=method.removesuffix("-auto"), seed=seed, device="cpu", **options
    )


def quality(given):
    print("method                 outliers  pairs  share distance  Frechet distance x1e3  seconds")
    measured = {}
    for seed in range(given.seeds):
        made = mixture(seed)
        target = PoolGaussian(unit_rows(made.x))
        for method in given.methods.split(","):
            draws = range(10 if method == "random" else 1)
            for draw in draws:
                begun = time.process_time()
                rows = chosen_by(method, made.x, 1000, draw).indices
                seconds = time.process_time() - begun
                measured.setdefault(method, []).append((*_truth(made, rows, target), seconds))
    for method, values in measured.items():
        outliers, pairs, share, distance, seconds = np.mean(values, axis=0)
        print(f"{method:22} {outliers:8.1f} {pairs:6.1f} {share:15.3f} {1e3 * distance:22.2f} "
              f"{seconds:8.1f}")  # fmt: skip


def _truth(made, rows, target):
    good = ~made.outlier
    share = np.bincount(made.cluster[good], minlength=60) / good.sum()
    mine = made.cluster[rows][~made.outlier[rows]]
    gap = np.abs(np.bincount(mine, minlength=60) / len(mine) - share).sum() / 2
    held = set(rows.tolist())
    pairs = sum(a in held and b in held for a, b in made.pairs)
    return made.outlier[rows].sum(), pairs, gap, target.distance(rows)


def real(given):
    stored = np.load(given.pool)
    x = stored["embeddings"].astype(np.float32)
    labels = np.unique(stored["labels"], return_inverse=True)[1]
    unit = unit_rows(x)
    target, share = PoolGaussian(unit), np.bincount(labels) / len(labels)
    print("budget  method                 share distance  Frechet distance x1e3  radius  seconds")
    for budget in (300, 1000):
        for method in given.methods.split(","):
            values = []
            for draw in range(10 if method == "random" else 1):
                begun = time.process_time()
                chosen = chosen_by(method, x, budget, draw)
                seconds = time.process_time() - begun
                here = np.bincount(labels[chosen.indices], minlength=len(share)) / budget
                gap = np.abs(here - share).sum() / 2
                far = nearest(unit, unit[chosen.indices], 1)[0].max()
                values.append((gap, 1e3 * target.distance(chosen.indices), far, seconds))
            gap, distance, far, seconds = np.mean(values, axis=0)
            low, high = np.min(values, axis=0), np.max(values, axis=0)
            band = f"  ({low[0]:.3f} to {high[0]:.3f}; {low[1]:.2f} to {high[1]:.2f})"
            print(f"{budget:6}  {method:22} {gap:14.3f} {distance:22.2f} {far:7.3f} {seconds:8.1f}"
                  f"{band if len(values) > 1 else ''}")  # fmt: skip


def mapped(given):
    """K-center from a memory-mapped file: time, and how much memory it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        if not os.fork():
            np.save(path, pool(given.rows))
            os._exit(0)
        os.wait()
        x = np.load(path, mmap_mode="r")
        room = x.nbytes // 2
        tight = cpu(lambda: select(x, given.budget, method="coreset", device="cpu",
                                   memory_budget=room))  # fmt: skip
        least = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        seconds = cpu(lambda: select(x, given.budget, method="coreset", device="cpu"))
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        unit = unit_rows(x)
        loop = cpu(lambda: plain(unit, 16, 0)) / 15 * (given.budget - 1)
        print(f"k-center, {given.rows} rows from a file, {given.budget} picks")
        for name, took, peak in (("in memory", seconds, most), ("half the bytes", tight, least)):
            print(f"  {name:16} {took:7.1f} s  plain torch loop {loop / took:5.1f}x as long  "
                  f"peak memory {peak / x.nbytes:.2f}x the embeddings")  # fmt: skip
        print("  (the loop is extrapolated from 15 picks; the peak is the whole process's)")


def main():
    works = {work.__name__: work for work in (kcenter, neighbors, facility, quality, real, mapped)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=works)
    parser.add_argument("--rows", type=int, default=11_647)
    parser.add_argument("--budget", type=int, default=1000)
    parser.add_argument("--picks", type=int, default=101, help="how many picks the loops make")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    every = ",".join(name for name in METHODS if name not in NEED_VALUES)
    parser.add_argument(
        "--methods", default=every, help="for quality and real, separated by commas"
    )
    parser.add_argument("--pool", help="npz file with embeddings and labels, for real")
    torch.set_num_threads(1)
    given = parser.parse_args()
    works[given.what](given)


if __name__ == "__main__":
    main()
