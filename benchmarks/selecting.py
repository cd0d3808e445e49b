"""What `curadiff.select` costs in FiftyOne besides choosing: reading, tags, ranks, view, run.

    python benchmarks/selecting.py --rows 11647

Makes a data set of that many samples with random 512-feature embeddings, selects 1,000, and
takes off what the same choice and its explanations cost on arrays, before and after. The data
set is deleted at the end. Needs no images: none is opened.
"""

from __future__ import annotations

import argparse
import time

import curadiff
import fiftyone as fo
import numpy as np
from curadiff import selectors
from curadiff.workflows.selecting import EXPLAINED


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=11_647)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 512))[rng.integers(0, 60, given.rows)]
    x = (x + 0.8 * rng.standard_normal(x.shape)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    dataset = fo.Dataset(f"curadiff-benchmark-{time.time_ns()}")
    try:
        dataset.add_samples([fo.Sample(filepath=f"/none/{n}.jpg") for n in range(given.rows)])
        dataset.add_sample_field("clip", fo.VectorField)
        dataset.set_values("clip", list(x))
        print(f"{given.rows} samples, 512 features, 1,000 chosen: seconds")
        for method in ("coreset", "typicality"):
            before = _choose(x, method)
            begun = time.perf_counter()
            curadiff.select(dataset, method=method, budget=1000, field="clip")
            whole = time.perf_counter() - begun
            choosing = (before + _choose(x, method)) / 2
            begun = time.perf_counter()
            again = curadiff.select(dataset, method=method, budget=1000, field="clip")
            repeated = time.perf_counter() - begun
            assert again.repeated
            print(f"  {method:12} whole {whole:6.2f}   choosing and explaining {choosing:6.2f}   "
                  f"besides {whole - choosing:6.2f}   the same again {repeated:6.2f}")  # fmt: skip
    finally:
        dataset.delete()


def _choose(x, method):
    begun = time.perf_counter()
    chosen = selectors.select(x, 1000, method=method)
    for name in (*EXPLAINED, "coverage_radius"):
        getattr(chosen, name)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
