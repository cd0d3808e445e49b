"""What large data sets take on one core, and whether the formulas in docs/scale.md say so.

    python benchmarks/scale.py measure --out benchmarks/results/scale.json
    python benchmarks/scale.py check benchmarks/results/scale.json
    python benchmarks/scale.py project benchmarks/results/scale.json --rows 1000000000

``measure`` runs each verb on shards of random embeddings, every run in a process of its own, and
counts CPU seconds of one thread after the imports; a file that is there is added to. ``check``
fits each formula to the two smaller sizes and compares it with the largest one, which it has not
seen: beyond 30 % it fails.
``project`` says what a size takes, by the formulas fitted to all sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402, which reads the variables when it is loaded

D = 512
SHARD = 16_384  # rows of a file
BUDGET = 1000
TOLERANCE = 0.3
QUICK, ROUNDS = 100_000, 3  # rows up to which a step is repeated, and how often
SIZES = {
    "write": (10_000, 100_000, 1_000_000),
    "read": (10_000, 100_000, 1_000_000),
    "coreset": (10_000, 100_000, 1_000_000),
    "typicality": (10_000, 100_000, 200_000),
    "evaluate": (1_250, 2_500, 5_000),
    "coreset-in-cells": (150_000, 300_000, 1_000_000),
    "typicality-in-cells": (150_000, 300_000, 1_000_000),
}
"""Rows at which each step is measured; typicality compares all pairs."""
LONG = ("typicality", "typicality-in-cells", "evaluate")  # measured once
POWERS = {
    "write": 1,
    "read": 1,
    "coreset": 1,
    "typicality": 2,
    "evaluate": 2,
    "coreset-in-cells": 1,
}
"""Time grows as a + b n, or as a n + b n^2: see `seconds_for`. In cells typicality takes what
their rows take, cell by cell.
"""
MEMORY_OF = ("read", "coreset")  # others' is of the size of blocks or cells at these rows


def write_pool(folder: Path, rows: int, seed: int = 0) -> None:
    """Write shards of rows around 60 centres, which are the same for all seeds."""
    from curadiff.common.shards import write_shard

    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, D)).astype(np.float32)
    rng = np.random.default_rng(seed) if seed else rng
    for start in range(0, rows, SHARD):
        count = min(SHARD, rows - start)
        x = centres[rng.integers(0, 60, count)]
        x += 0.8 * rng.standard_normal(x.shape, dtype=np.float32)
        names = [f"image-{start + row:010}" for row in range(count)]
        write_shard(
            folder / f"{start // SHARD:05}.parquet",
            ids=names,
            uris=[f"s3://bucket/{name}.jpg" for name in names],
            sha256=[rng.bytes(32).hex() for _ in names],
            embeddings=x,
            encoder="random",
        )


def one(args: argparse.Namespace) -> None:
    """Run one step in this process, and print what it took."""
    import curadiff
    import curadiff.selectors
    import pyarrow.parquet  # noqa: F401
    import torch
    from curadiff.common.shards import ShardSet, files_of
    from curadiff.workflows.over_shards import selecting

    torch.set_num_threads(1)
    curadiff.select  # noqa: B018, loads the verb
    folder = args.folder / str(args.rows)
    picks = Path(tempfile.mkdtemp(dir=args.folder))
    folder.mkdir(exist_ok=True)
    steps = {
        "write": lambda: write_pool(folder, args.rows),
        "read": lambda: ShardSet(files_of(folder)).embeddings(),
    }
    method = args.step.removesuffix("-in-cells")
    if args.step == "evaluate":  # one side against another of as many rows
        other = args.folder / f"{args.rows}-generated"
        other.mkdir(exist_ok=True)
        write_pool(other, args.rows, seed=1)
        steps["evaluate"] = partial(curadiff.evaluate, other, folder, progress=False, device="cpu")
    if args.step not in steps:
        # a small selection first: what is loaded or compiled once is not counted
        small = Path(tempfile.mkdtemp(dir=args.folder))
        write_pool(small, 500)
        first = str(Path(tempfile.mkdtemp(dir=args.folder)))
        curadiff.select(small, method=method, budget=5, to_shards=first, device="cpu")
    if method != args.step:
        selecting.MOST = 0
    choose = partial(curadiff.select, method=method, budget=BUDGET, device="cpu")
    steps.setdefault(args.step, partial(choose, folder, to_shards=str(picks)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.perf_counter(), time.process_time()
    steps[args.step]()
    result = {
        "step": args.step,
        "rows": args.rows,
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "wall_seconds": round(time.perf_counter() - began, 3),
        "memory_bytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024,
        "disk_bytes": sum(path.stat().st_size for path in folder.glob("*")),
    }
    if method != args.step:
        record = json.loads((picks / "selection.json").read_text())
        result |= {"cells": record["cells"], "bound": round(record["bound"], 4)}
    print(json.dumps(result))


def measure(args: argparse.Namespace) -> int:
    """Measure every step at every size, the quick ones three times, and keep the medians."""
    report = {
        "command": "python benchmarks/scale.py measure",
        "dimensions": D,
        "budget": BUDGET,
        "threads": 1,
        "results": [],
    }
    if args.out.exists():
        report = json.loads(args.out.read_text())
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for rows in sorted({rows for sizes in SIZES.values() for rows in sizes}):
            if rows > args.most:
                continue
            for step, sizes in SIZES.items():
                if rows not in sizes and step != "write":
                    continue
                quick = rows <= QUICK and step not in LONG
                rounds = [run_one(step, rows, folder) for _ in range(ROUNDS if quick else 1)]
                result = {**rounds[0], "rounds": len(rounds)}
                for what in ("cpu_seconds", "wall_seconds", "memory_bytes", "disk_bytes"):
                    result[what] = statistics.median(one[what] for one in rounds)
                kept = [r for r in report["results"] if (r["step"], r["rows"]) != (step, rows)]
                report["results"] = [*kept, result]
                print(result, flush=True)
                args.out.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def run_one(step: str, rows: int, folder: str) -> dict:
    """Run one step in a process of its own and return what it took."""
    words = [sys.executable, __file__, "one", step, str(rows), folder]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def points(report: dict, step: str, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and values of one step, by rows."""
    sizes = SIZES[step]
    found = sorted(
        (one["rows"], one[what])
        for one in report["results"]
        if one["step"] == step and one["rows"] in sizes
    )
    rows, values = np.array(found, float).T
    return rows, values


def seconds_for(rows: np.ndarray, values: np.ndarray, power: int, at: float) -> float:
    """Fit ``a n^(p-1) + b n^p`` and return it at a size; errors count by their share of the value.

    A negative coefficient is a measurement's noise: then the other term alone is fitted.
    """
    terms = np.stack([rows ** (power - 1), rows**power], axis=1) / values[:, None]
    ones = np.ones(len(rows))
    weights = np.linalg.lstsq(terms, ones, rcond=None)[0]
    if weights.min() < 0:
        keep = int(weights.argmax())
        weights = np.zeros(2)
        weights[keep] = np.linalg.lstsq(terms[:, [keep]], ones, rcond=None)[0][0]
    return float(weights @ np.array([at ** (power - 1), at**power]))


def check(args: argparse.Namespace) -> int:
    """Compare the formulas, fitted to the smaller sizes, with the largest size."""
    report = json.loads(args.file.read_text())
    wrong = 0
    for step, power in POWERS.items():
        wrong += not compared(report, step, "cpu_seconds", power)
        if step == "write":
            wrong += not compared(report, step, "disk_bytes", 1)
        if step in MEMORY_OF:
            wrong += not compared(report, step, "memory_bytes", 1)
    measured = largest_in_cells(report)
    rows, seconds = measured["rows"], measured["cpu_seconds"]
    expected = seconds_in_cells(report, rows)
    wrong += not within("typicality-in-cells", "cpu_seconds", rows, expected, seconds)
    return int(wrong > 0)


def compared(report: dict, step: str, what: str, power: int) -> bool:
    """Tell whether a formula that is fitted to all sizes but the largest is right about that."""
    rows, values = points(report, step, what)
    expected = seconds_for(rows[:-1], values[:-1], power, rows[-1])
    return within(step, what, rows[-1], expected, values[-1])


def within(step: str, what: str, rows: float, expected: float, measured: float) -> bool:
    """Print what a formula says beside what was measured; tell whether they agree."""
    ratio = expected / measured
    good = abs(ratio - 1) <= TOLERANCE
    print(
        f"{step:19} {what:13} {rows:11,.0f} rows: formula {expected:14,.1f}, measured "
        f"{measured:14,.1f}, ratio {ratio:.2f}{'' if good else '  BEYOND 30 %'}"
    )
    return good


def largest_in_cells(report: dict) -> dict:
    """Return the largest measurement of typicality in cells."""
    results = [one for one in report["results"] if one["step"] == "typicality-in-cells"]
    return max(results, key=lambda one: one["rows"])


def seconds_in_cells(report: dict, rows: float) -> float:
    """Return what typicality takes in cells as large as those measured, one after the other."""
    measured = largest_in_cells(report)
    cell = measured["rows"] / measured["cells"]
    return rows / cell * seconds_for(*points(report, "typicality", "cpu_seconds"), 2, cell)


def project(args: argparse.Namespace) -> int:
    """Say what a size takes."""
    report = json.loads(args.file.read_text())
    seconds = {
        step: seconds_for(*points(report, step, "cpu_seconds"), power, args.rows)
        for step, power in POWERS.items()
    }
    seconds["typicality-in-cells"] = seconds_in_cells(report, args.rows)
    for step, taken in seconds.items():
        print(f"{step:19} {taken:16,.0f} core-seconds = {taken / 3600:14,.2f} core-hours")
    for step, what in (("write", "disk_bytes"), ("coreset", "memory_bytes")):
        size = seconds_for(*points(report, step, what), 1, args.rows)
        print(f"{step:19} {size / 1e9:16,.1f} GB {what.partition('_')[0]}")
    return 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    works = parser.add_subparsers(required=True)
    measuring = works.add_parser("measure", help=measure.__doc__)
    measuring.add_argument("--out", type=Path, required=True)
    measuring.add_argument("--folder", help="where 2.2 GB of shards fit for a while")
    measuring.add_argument("--most", type=int, default=10**7, help="only sizes up to so many rows")
    measuring.set_defaults(run=measure)
    for work in (check, project):
        parser_of_work = works.add_parser(work.__name__, help=work.__doc__)
        parser_of_work.add_argument("file", type=Path)
        parser_of_work.set_defaults(run=work)
    works.choices["project"].add_argument("--rows", type=int, default=10**9)
    single = works.add_parser("one")
    single.add_argument("step", choices=SIZES)
    single.add_argument("rows", type=int)
    single.add_argument("folder", type=Path)
    single.set_defaults(run=one)
    args = parser.parse_args()
    return args.run(args) or 0


if __name__ == "__main__":
    sys.exit(main())
