"""How long sorting a large data set takes, and how much memory reading its embeddings.

    python benchmarks/large_datasets.py --samples 100000 --dimensions 64 sort
    python benchmarks/large_datasets.py --samples 200000 --dimensions 512 read

``--out FILE`` adds the figures to a JSON file.
Both make a data set of random values in the database that FiftyOne uses, and delete it again.
``sort`` compares a field with an index, as `curadiff.datasets.writing.set_numbers` makes it,
with the same values in a field without one. ``read`` compares the peak memory of
`curadiff.datasets.reading.read_embeddings` with that of FiftyOne's ``values`` in a process each.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

PART = 5000  # samples added at a time
FIRST = 100  # samples that the App shows at first


def made(samples, dimensions):
    """Make a data set; return it with the ids of its samples."""
    import fiftyone as fo
    from bson import Binary, ObjectId
    from fiftyone.core.utils import serialize_numpy_array

    dataset = fo.Dataset(persistent=True)
    dataset.add_sample(fo.Sample(filepath="/first.png"))
    dataset.add_sample_field("vector", fo.VectorField)
    template = dataset._sample_collection.find_one({})
    rng = np.random.default_rng(0)
    dataset._sample_collection.delete_many({})
    for start in range(0, samples, PART):
        count = min(PART, samples - start)
        vectors = rng.standard_normal((count, dimensions)).astype(np.float32)
        documents = [
            {
                **template,
                "_id": ObjectId(),
                "filepath": f"/{start + row}.png",
                "vector": Binary(serialize_numpy_array(vector)),
            }
            for row, vector in enumerate(vectors)
        ]
        dataset._sample_collection.insert_many(documents)
    return dataset


def sort(args):
    """Print how long the first samples of a sorted data set take, and all of their ids."""
    from curadiff.datasets.writing import set_numbers

    dataset = made(args.samples, args.dimensions)
    try:
        ids = dataset.values("id")
        values = np.random.default_rng(1).random(len(ids))
        set_numbers(dataset, {"eight_rank": (ids, values), "plain": (ids, values)})
        for field in ("eight_rank", "plain"):
            for what, count in (("first", FIRST), ("all", None)):
                seconds = []
                for _ in range(args.rounds):
                    began = time.perf_counter()
                    view = dataset.sort_by(field, reverse=True)
                    (view.limit(count) if count else view).values("id")
                    seconds.append(time.perf_counter() - began)
                median = statistics.median(seconds)
                how = "an index" if field == "eight_rank" else "no index"
                print(f"{how}: {what} ids sorted in {median:.3f} s (median)")
                keep(args, f"sort {what} ids with {how}", seconds=round(median, 4))
        covered(dataset, args)
    finally:
        dataset.delete()


def covered(dataset, args):
    """Print how long MongoDB takes to sort all ids, without FiftyOne's reading one by one."""
    samples = dataset._sample_collection
    samples.create_index([("eight_rank", 1), ("_id", 1)], name="covered")
    stages = [
        {"$sort": {"eight_rank": -1}},
        {"$project": {"_id": 1}},
        {"$group": {"_id": None, "ids": {"$push": "$_id"}}},
    ]
    seconds = []
    for _ in range(args.rounds):
        began = time.perf_counter()
        ids = next(iter(samples.aggregate(stages, hint="covered")))["ids"]
        seconds.append(time.perf_counter() - began)
    assert [str(one) for one in ids] == dataset.sort_by("eight_rank", reverse=True).values("id")
    print(f"one answer of a covering index: all ids sorted in {statistics.median(seconds):.3f} s")
    keep(args, "sort all ids in one answer", seconds=round(statistics.median(seconds), 4))


def keep(args, what, **figures):
    """Add figures to the file of results, where one was given."""
    if args.out is None:
        return
    known = json.loads(args.out.read_text()) if args.out.exists() else {}
    known[what] = {"samples": args.samples, "dimensions": args.dimensions, **figures}
    args.out.write_text(json.dumps(known, indent=1) + "\n")


def read(args):
    """Print the memory that reading takes, as a multiple of the vectors."""
    dataset = made(args.samples, args.dimensions)
    size = args.samples * args.dimensions * 4
    try:
        for how in ("curadiff", "values"):
            words = [sys.executable, __file__, "one", how, dataset.name]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            peak, seconds = map(float, done.stdout.split()[-2:])
            print(f"{how}: {peak / size:.2f} times the vectors ({size / 2**20:.0f} MiB) at most,")
            print(f"  {seconds:.1f} s")
            figures = {"peak_of_the_vectors": round(peak / size, 2), "seconds": round(seconds, 1)}
            keep(args, f"read by {how}", **figures)
    finally:
        dataset.delete()


def one(args):
    """Read a data set in this process and print the bytes by which its memory grew at most."""
    import resource

    import fiftyone as fo
    from curadiff.datasets import reading

    view = fo.load_dataset(args.dataset).view()
    view.limit(10).values(["id", "vector"])  # what is loaded once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    if args.how == "curadiff":
        x = reading.read_embeddings(view, "vector").x
    else:
        view.values(["id", "filepath"])
        x = np.asarray(view.values("vector"), dtype=np.float32)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert x.dtype == np.float32
    print(peak * 1024, seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    verbs = parser.add_subparsers(required=True)
    for function in (sort, read):
        verbs.add_parser(function.__name__, help=function.__doc__).set_defaults(run=function)
    inner = verbs.add_parser("one")
    inner.add_argument("how")
    inner.add_argument("dataset")
    inner.set_defaults(run=one)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
