"""Train the arms and draw from them, several trainings side by side on one GPU.

    python benchmarks/evidence train ARMS.npz OUT --parallel 6 --seconds 230
    python benchmarks/evidence train ARMS.npz OUT --toy --images 16 32   # on the CPU

Needs neither FiftyOne nor an installed Curadiff. Every arm has the same small network and sees
100,000 images, with two training seeds; then the article's four arms go on to 200,000, 400,000 and
640,000, as far as the time goes. After each of these, 1,000 pictures are drawn from the averaged
weights, from the same noise for every model. Drawings are written as they come, to
OUT/drawings-N.npz (arrays ARM/SEED/IMAGES of (1000, 32, 32) uint8, or of (1000, 32, 32, 3) where
the arms' pictures have colours) and OUT/trainings.json; the same command goes on where it was
stopped. ``--small-data`` adds what the preset of that name does against learning by heart.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from arms import ARTICLE, FIRST_SEED, Arms, read_arms, write_json, write_npz
from PIL import Image

IMAGES = (100_000, 200_000, 400_000, 640_000)  # images seen; all arms come to the first
TRAINING_SEEDS = (0, 1)
PER_FILE = 20  # drawings of so many models in one file
NETWORK = {
    "network": "unet2d",
    "image_size": 32,
    "base_channels": 32,
    "multipliers": "1-2-4",
    "layers": 1,
    "batch_size": 128,
    "learning_rate": 1e-3,
    "warmup": 100,
    "schedule": "cosine",
    "weighting": "snr+1",
    "ema_decay": 0.995,
    "ema_every": 1,
    "horizontal_flip": False,
    "compile": "graphs",
    "keep_checkpoints": 1,
}
DRAW = {"sampler": "dpm-solver++", "evaluations": 20}
SMALL = {"base_channels": 16, "batch_size": 16, "mixed_precision": "bf16"}  # for a processor
TINY = {"base_channels": 16, "batch_size": 32, "image_size": 16, "mixed_precision": "no"}
SMALL_DATA = {"augment": 0.12, "dropout": 0.1, "horizontal_flip": True}
TOY = {"base_channels": 16, "multipliers": "1-2", "batch_size": 8}


class Job(NamedTuple):
    """Bring the training of an arm to so many images seen, then draw."""

    arm: str
    seed: int
    images: int

    @property
    def name(self) -> str:
        """Name of its drawings."""
        return f"{self.arm}/{self.seed}/{self.images}"


def all_jobs(arms: list[str], images: Sequence[int]) -> list[Job]:
    """List the jobs, the most important ones first."""
    jobs = [Job(arm, seed, images[0]) for seed in TRAINING_SEEDS for arm in arms]
    longer = [arm for arm in ARTICLE if arm in arms]
    return jobs + [
        Job(arm, seed, count) for count in images[1:] for seed in TRAINING_SEEDS for arm in longer
    ]


def next_job(jobs: list[Job], done: set[Job], begun: set[Job]) -> Job | None:
    """Return the first job that nobody does and that no other training of its run precedes."""
    for job in jobs:
        before = [one for one in jobs if one[:2] == job[:2] and one.images < job.images]
        if job not in done | begun and done.issuperset(before):
            return job
    return None


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("arms", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--parallel", type=int, default=1, help="trainings side by side")
    parser.add_argument("--seconds", type=float, default=230, help="no job begins after these")
    parser.add_argument("--only", nargs="+", help="arms, in this order; by default all")
    parser.add_argument("--images", type=int, nargs="+", default=IMAGES, help="images seen")
    parser.add_argument("--small", action="store_true", help="a smaller network, for a processor")
    parser.add_argument("--tiny", action="store_true", help="the same, and pictures of 16 px")
    parser.add_argument("--small-data", action="store_true", help="augment, drop out, mirror")
    parser.add_argument("--count", type=int, default=1000, help="drawings of each model")
    parser.add_argument("--toy", action="store_true", help="toy size, on the CPU")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--work", type=Path, help="folder of the runs; by default OUT/work")


def main(given: Namespace) -> None:
    """Start the processes, hand out jobs, and write what comes back."""
    begin = time.time()
    arms = read_arms(given.arms)
    given.work = given.work or given.out / "work"
    for folder in (given.out, given.work / "pool", given.work / "drawn"):
        folder.mkdir(parents=True, exist_ok=True)
    os.environ["CURADIFF_HOME"] = str((given.work / "home").absolute())
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    write_pictures(arms.pool, given.work / "pool")
    names = given.only or list(arms.rows)
    jobs = all_jobs(names, given.images)
    book = Book(given.out, given.work / "drawn", jobs, network_of(given))
    context = multiprocessing.get_context("spawn")
    idle: list[Connection] = []
    for _ in range(given.parallel):
        ours, theirs = context.Pipe()
        context.Process(
            target=work, args=(theirs, vars(given), begin + given.seconds), daemon=True
        ).start()
        theirs.close()
        idle.append(ours)
    run_jobs(jobs, book, idle, begin + given.seconds)
    book.write(final=True)
    print(f"{len(book.done)} of {len(jobs)} jobs in {time.time() - begin:.0f} s", flush=True)


def run_jobs(jobs: list[Job], book: Book, idle: list[Connection], deadline: float) -> None:
    """Hand out jobs until all are done or the time is over."""
    busy: dict[Connection, Job] = {}
    while True:
        while idle and time.time() < deadline:
            job = next_job(jobs, book.done, set(busy.values()) | set(book.failed))
            if job is None:
                break
            busy[idle[0]] = job
            idle.pop(0).send(job)
        if not busy:
            return
        for ready in wait(list(busy)):
            job = busy.pop(ready)
            try:
                book.enter(job, ready.recv())
                idle.append(ready)
            except EOFError:
                book.enter(job, {"error": "the process has ended"})


class Book:
    """What has been done, on disk.

    Args:
        out: Folder of the results.
        drawn: Folder of one file of drawings per job.
        jobs: All of them.
        network: Settings of the trainings.
    """

    def __init__(self, out: Path, drawn: Path, jobs: list[Job], network: dict[str, Any]) -> None:
        self.out, self.drawn, self.network = out, drawn, network
        self.done: set[Job] = set()
        self.failed: dict[Job, str] = {}
        self.facts: dict[str, Any] = {}
        self.order: list[Job] = []
        for job in jobs:
            if self._file(job).exists():
                with np.load(self._file(job), allow_pickle=False) as file:
                    facts = {name: file[name].item() for name in file.files if name != "drawn"}
                self._add(job, facts)

    def _file(self, job: Job) -> Path:
        return self.drawn / (job.name.replace("/", "_") + ".npz")

    def _add(self, job: Job, facts: dict[str, Any]) -> None:
        self.done.add(job)
        self.order.append(job)
        self.facts[job.name] = facts

    def enter(self, job: Job, answer: dict[str, Any]) -> None:
        """Note a job's answer; where it has drawings, write them."""
        if "drawn" not in answer:
            self.failed[job] = answer.get("error", "stopped, as the time was over")
            print(f"{job.name}: {self.failed[job]}", flush=True)
        else:
            write_npz(self._file(job), **answer)
            self._add(job, {name: value for name, value in answer.items() if name != "drawn"})
            print(f"{job.name}: {self.facts[job.name]}", flush=True)
        self.write()

    def write(self, *, final: bool = False) -> None:
        """Write the file of drawings that the last job belongs to, or all, and the facts."""
        files = range(-(-len(self.order) // PER_FILE))
        for number in files if final else files[-1:]:
            part = self.order[number * PER_FILE : (number + 1) * PER_FILE]
            arrays = {}
            for job in part:
                with np.load(self._file(job)) as file:
                    arrays[job.name] = file["drawn"]
            write_npz(self.out / f"drawings-{number}.npz", **arrays)
        failed = {job.name: why for job, why in self.failed.items()}
        settings = {"network": self.network, "draw": DRAW, "first_seed": FIRST_SEED}
        write_json(
            self.out / "trainings.json", {**settings, "trainings": self.facts, "not_done": failed}
        )


def network_of(given: Namespace) -> dict[str, Any]:
    """Return the settings of the trainings."""
    chosen = TOY if given.toy else TINY if given.tiny else SMALL if given.small else {}
    return {**NETWORK, **chosen, **(SMALL_DATA if given.small_data else {})}


def write_pictures(pool: np.ndarray, folder: Path) -> None:
    """Write the pool as PNG files, once."""
    for number, picture in enumerate(pool):
        path = folder / f"{number:05d}.png"
        if not path.exists():
            Image.fromarray(picture).save(path, compress_level=1)


def work(parent: Connection, given: dict[str, Any], deadline: float) -> None:
    """Do jobs, one after the other, in a process of its own."""
    arms = read_arms(given["arms"])
    while True:
        try:
            job = parent.recv()
        except EOFError:
            return
        try:
            answer = do(job, arms, Namespace(**given), deadline)
        except Exception:
            answer = {"error": traceback.format_exc()}
        parent.send(answer)


def do(job: Job, arms: Arms, given: Namespace, deadline: float) -> dict[str, Any]:
    """Train and draw with the product's own code."""
    import torch
    from curadiff import runs
    from curadiff.config import TrainSettings
    from curadiff.diffusion import jobs, prepare
    from curadiff.diffusion.train.worker import train_run

    size = network_of(given)
    steps = -(-job.images // size["batch_size"])
    every = {"checkpoint_every": steps, "grid_every": 10**6}
    device = "cpu" if given.toy else given.device
    name = f"{job.arm}-seed{job.seed}"
    path = given.work / "home" / "runs" / name
    if path.exists():
        run = runs.open_run(path)
        jobs.change(run, steps=steps, **every)
    else:
        settings = TrainSettings(**size, **every, steps=steps, seed=job.seed, device=device)
        files = [given.work / "pool" / f"{row:05d}.png" for row in arms.rows[job.arm]]
        run = runs.create("train", settings.model_dump(), name=name)
        prepare(run, ids=[file.stem for file in files], paths=files, settings=settings)
    begin = time.perf_counter()
    before = run.status.get("step", 0)
    if train_run(run, lambda: time.time() > deadline) != "finished":
        return {}
    trained = time.perf_counter()
    drawn = draw(run, steps, 8 if given.toy else given.count, torch.device)
    if arms.pool.ndim == 3:
        drawn = drawn.astype(np.float32).mean(-1).round().astype(np.uint8)
    seconds = trained - begin
    status = run.status
    return {
        "drawn": drawn,
        "images_seen": steps * size["batch_size"],
        "exposures": steps * size["batch_size"] / len(arms.rows[job.arm]),
        "train_seconds": seconds,
        "images_per_second": (steps - before) * size["batch_size"] / seconds,
        "draw_seconds": time.perf_counter() - trained,
        "loss": last_loss(run.path / "log.jsonl"),
        "weights": status["weights"],
        "device": torch.cuda.get_device_name() if status["device"].startswith("cuda") else "cpu",
        "torch": torch.__version__,
        "without_fiftyone": "fiftyone" not in sys.modules,
    }


def draw(run: Any, steps: int, count: int, device: Any) -> np.ndarray:
    """Draw (count, side, side, 3) uint8 pictures from the averaged weights."""
    from curadiff.config import TrainSettings
    from curadiff.diffusion import schedules
    from curadiff.diffusion.sampling import generate
    from curadiff.diffusion.sampling.batch import sample_images
    from curadiff.diffusion.train import engine

    settings = TrainSettings(**run.settings)
    where = device(run.status["device"])
    network = generate.load_network(run, settings, step=steps, weights="ema", device=where)
    rows = min(count, 500 if where.type == "cuda" else 50)
    parts = [
        sample_images(
            network,
            range(at, at + rows),
            size=settings.image_size,
            alpha_bar=schedules.alpha_bar(settings.schedule, settings.timesteps).tolist(),
            prediction=settings.prediction,
            device=where,
            autocast=engine.drawing_precision(settings.mixed_precision, where),
            **DRAW,
        )
        for at in range(FIRST_SEED, FIRST_SEED + count, rows)
    ]
    return np.concatenate(parts)


def last_loss(path: Path) -> float:
    """Return the mean of the last losses that a training has logged."""
    losses = [json.loads(line).get("loss") for line in path.read_text().splitlines()]
    return float(np.mean([loss for loss in losses if loss is not None][-3:]))
