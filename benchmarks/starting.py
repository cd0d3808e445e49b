"""How long a training or a job takes until its work begins: started afresh, and forked.

    python benchmarks/starting.py training             # up to the first step
    python benchmarks/starting.py training --network lucidrains
    python benchmarks/starting.py job                  # up to the work; needs FiftyOne's database

Fresh and forked take turns, medians of ``--rounds``. CPU seconds are those of the started
process alone, so that other work on the machine counts less; the imports of the process that
forks are on a line of their own, as they come once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from curadiff import runs
from curadiff.runs import forking

LOOK = 0.01  # seconds between two looks at a status


def begin_training(args, paths, number):
    """Start a tiny training; return its process, its run and what says that it works."""
    from curadiff.config import TrainSettings
    from curadiff.diffusion import prepare, start

    settings = TrainSettings(
        preset="demo", network=args.network, image_size=16, steps=100_000, device="cpu"
    )
    run = runs.create("train", settings.model_dump(mode="json"), name=f"training-{number}")
    prepare(run, ids=[str(path) for path in paths], paths=paths, settings=settings)
    return run, lambda: start(run), lambda status: status.get("images_seen", 0) > 0


def begin_job(args, paths, number):
    """Start a job that embeds pictures."""
    import curadiff
    from curadiff.jobs import jobs

    dataset = curadiff.import_images(paths[0].parent, name=f"starting-{os.getpid()}").dataset
    run = jobs.prepare("embed", {"samples": dataset}, {"encoder": "builtin", "field": f"f{number}"})
    return run, lambda: jobs._start(run), lambda status: status.get("done", 0) > 0


def measured(run, start, works):
    """Return seconds and CPU seconds until a process works, then end it."""
    began = time.monotonic()
    child = start()
    while not works(status := run.status):
        if status["state"] not in runs.ACTIVE and status["state"] != "new":
            raise SystemExit(f"{run.path}: {status}")
        time.sleep(LOOK)
    seconds = time.monotonic() - began
    cpu = cpu_seconds(child.pid)
    child.terminate()
    child.wait()
    return seconds, cpu


def cpu_seconds(pid):
    """Return what a process has used so far; nan when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pictures(folder):
    """Write a few pictures of noise."""
    import numpy as np
    from PIL import Image

    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.png" for number in range(16)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("training", "job"))
    parser.add_argument("--network", choices=("unet2d", "lucidrains"), default="unet2d")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    if args.what == "job":
        from curadiff.jobs.jobs import IMPORTS as imports
    else:
        from curadiff.diffusion.jobs import IMPORTS

        imports = IMPORTS[args.network]
    begin = {"training": begin_training, "job": begin_job}[args.what]
    found = {"fresh": [], "forked": []}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CURADIFF_HOME"] = folder + "/home"
        paths = pictures(Path(folder) / "pictures")
        with forking.kept(imports):
            first = measured(*begin(args, paths, "first"))
            print(f"first, with the imports of the server: {first[0]:.2f} s", flush=True)
            for number in range(args.rounds):
                found["forked"].append(measured(*begin(args, paths, f"forked-{number}")))
                server, forking._kept = forking._kept, None
                found["fresh"].append(measured(*begin(args, paths, f"fresh-{number}")))
                forking._kept = server
    print(f"{'':8} {'seconds':>8} {'CPU s':>8}   medians of {args.rounds}")
    for name, values in found.items():
        seconds, cpu = (statistics.median(column) for column in zip(*values, strict=True))
        print(f"{name:8} {seconds:8.2f} {cpu:8.2f}")


if __name__ == "__main__":
    main()
