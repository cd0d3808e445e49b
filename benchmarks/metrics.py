"""How long the metrics take beside the libraries that are used for them today.

    python benchmarks/metrics.py                     10,000 x 10,000 images, 1,024 features
    python benchmarks/metrics.py --images 2000       a quick look
    python benchmarks/metrics.py --large 50000       one pass over 50,000 x 50,000, memory shown

Everything runs in this one process on one thread. Ours and theirs take turns, CPU
time is counted (so that a busy machine disturbs less), medians are compared. The
bar is the ratio that must not be exceeded.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import scipy.linalg
import torch
from curadiff.common.gaussians import gaussian_distance, gaussian_from_moments
from curadiff.metrics import frechet_distance
from curadiff.metrics.manifold import manifold

torch.set_num_threads(1)


def features(seed, count, width, shift=0.0):
    """Features with 64 strong directions and noise in all others, about as a network has."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(0).standard_normal((64, width)).astype(np.float32)
    rows = rng.standard_normal((count, 64)).astype(np.float32) @ mix
    return rows * 0.3 + 0.5 * rng.standard_normal((count, width)).astype(np.float32) + shift


def race(rounds, **runners):
    """Let the runners take turns; return the median CPU seconds of each."""
    seconds = {name: [] for name in runners}
    for _ in range(rounds):
        for name, run in runners.items():
            start = time.process_time()
            with contextlib.redirect_stdout(io.StringIO()):
                run()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def show(title, seconds, bars):
    ours = seconds.pop("ours")
    print(f"\n{title}\n  {'ours':28s}{ours:9.2f} s")
    for name, theirs in seconds.items():
        ratio = ours / theirs
        verdict = "" if name not in bars else "  within" if ratio <= bars[name] else "  ABOVE"
        bar = f"{verdict} the bar of {bars[name]:.2f}" if verdict else ""
        print(f"  {name:28s}{theirs:9.2f} s   ratio {ratio:5.2f}{bar}", flush=True)


def frechet(images, width, rounds):
    import torch_fidelity.metric_fid as fidelity
    from torchmetrics.image.fid import FrechetInceptionDistance

    real, generated = features(1, images, width), features(2, images, width, 0.05)
    tensors = torch.from_numpy(real), torch.from_numpy(generated)
    identity = torch.nn.Identity()
    identity.num_features = width

    def by_fidelity():
        found = [fidelity.fid_features_to_statistics(x.double()) for x in tensors]
        return fidelity.fid_statistics_to_metric(*found, verbose=False)

    def by_torchmetrics():
        metric = FrechetInceptionDistance(feature=identity)
        for x, is_real in zip(tensors, (True, False), strict=True):
            for batch in x.split(512):
                metric.update(batch, real=is_real)
        return metric.compute()

    seconds = race(
        rounds,
        ours=lambda: frechet_distance(real=real, generated=generated),
        torch_fidelity=by_fidelity,
        torchmetrics=by_torchmetrics,
    )
    title = f"Frechet distance, features to value, {images:,} images each, {width:,} features"
    show(title, seconds, {"torch_fidelity": 0.70, "torchmetrics": 0.50})


def roots(width, rounds):
    real, generated = features(1, 2 * width, width), features(2, 2 * width, width, 0.05)
    moments = [(x.mean(0, dtype=np.float64), np.cov(x, rowvar=False)) for x in (real, generated)]

    def by_sqrtm():
        (mu, a), (nu, b) = moments
        root = scipy.linalg.sqrtm(a @ b)
        return (mu - nu) @ (mu - nu) + np.trace(a) + np.trace(b) - 2 * np.trace(root).real

    seconds = race(
        rounds,
        ours=lambda: gaussian_distance(*(gaussian_from_moments(*each) for each in moments)),
        scipy_sqrtm=by_sqrtm,
    )
    show(f"Frechet distance, moments to value, {width:,} features", seconds, {"scipy_sqrtm": 0.35})


def prdc_race(images, width, rounds):
    from prdc import compute_prdc

    real, generated = features(1, images, width), features(2, images, width, 0.05)

    def products():
        for a, b in ((real, real), (generated, generated), (real, generated)):
            for start in range(0, images, 2048):
                a[start : start + 2048] @ b.T

    seconds = race(
        rounds,
        ours=lambda: manifold(real=real, generated=generated, k=5, density_k=5),
        prdc=lambda: compute_prdc(real, generated, 5),
        three_products=products,
    )
    title = f"precision, recall, density, coverage, {images:,} x {images:,} x {width:,}"
    show(f"{title} (ours with all fields)", seconds, {"prdc": 0.45, "three_products": 1.35})
    extra = {
        "ours": peak(lambda: manifold(real=real, generated=generated)),
        "prdc": peak(lambda: compute_prdc(real, generated, 5)),
    }
    print(f"  memory beyond the features: ours {extra['ours']:.0f} MB, prdc {extra['prdc']:.0f} MB")


def large(images, width):
    real, generated = features(1, images, width), features(2, images, width, 0.05)
    start = time.process_time()
    extra = peak(lambda: manifold(real=real, generated=generated))
    seconds = time.process_time() - start
    size = (real.nbytes + generated.nbytes) / 1e6
    print(f"\n{images:,} x {images:,} x {width:,} with all fields: {seconds:.0f} s of CPU")
    print(f"  memory beyond the features ({size:.0f} MB): {extra:.0f} MB")


def peak(run):
    """Run something; return by how many MB the resident memory rose at most (Linux)."""
    status = Path("/proc/self/status")
    Path("/proc/self/clear_refs").write_text("5")
    before = _kilobytes(status, "VmRSS")
    with contextlib.redirect_stdout(io.StringIO()):
        run()
    return (_kilobytes(status, "VmHWM") - before) / 1000


def _kilobytes(status, key):
    line = next(line for line in status.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, help="one pass over this many images on each side")
    given = parser.parse_args()
    if given.large:
        large(given.large, given.features)
    else:
        frechet(given.images, given.features, given.rounds)
        roots(2 * given.features, given.rounds)
        prdc_race(given.images, given.features, given.rounds)
