"""Does the preset small-data pay? The presets' recipes at equal images seen, without FiftyOne.

    python benchmarks/recipe.py make-fashion IMAGES LABELS fashion.npz     official idx files
    python benchmarks/recipe.py make-photographs FOLDER TABLE photos.npz   TABLE: file, sender_id
    python benchmarks/recipe.py draw fashion.npz photos.npz --out drawings [--seconds 150]
    python benchmarks/recipe.py judge fashion.npz drawings --out FILE [--classifier IMAGES LABELS]

The first two commands make the data: arrays ``train`` and ``held_out`` of 32 px. ``draw`` needs
nothing else, on a CPU or a GPU. It trains every recipe with the same network and batch size,
stops at each number of images seen and draws. All recipes reach one number before any goes on to
the next, so that whatever time ends, they can be compared; the same command goes on. ``judge``
computes Frechet distance and memorization, and writes them as JSON, a table and curves,
beside the first drawings of each recipe.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import math
import os
import platform
import runpy
import sys
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
if importlib.util.find_spec("curadiff") is None:
    runpy.run_path(str(ROOT / "runs" / "bootstrap.py"), run_name="bootstrap")["introduce"]()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

SIZE = 32
RECIPES = {  # settings of each; the first four are the presets
    "small-data": {"preset": "small-data"},
    "fast": {"preset": "fast"},
    "lightly-2023": {"preset": "lightly-2023"},
    "cpu-small": {"preset": "cpu-small"},
    "augmented": {  # with the schedule, weighting and average of lightly-2023
        "augment": 0.12,
        "dropout": 0.1,
        "learning_rate": 2e-4,
        "warmup": 500,
        "min_snr": 5.0,
    },
    # in a training of few steps, which the preset's warm-up would fill: as cpu-small rises
    "small-data-quick": {"preset": "small-data", "learning_rate": 7e-4, "warmup": 50},
    "without-dropout": {"preset": "small-data", "dropout": 0.0},
    "without-augment": {"preset": "small-data", "augment": 0.0},
}
PRESETS = 5  # of the recipes; the presets and one more come first
IMAGES = (100_000, 200_000, 400_000, 800_000)
ARCHIVE_BYTES = 15 * 2**20  # drawings go on in another archive then
COLUMNS = 40  # of the sheets that drawings are kept as


class Cell(NamedTuple):
    """One training: a recipe on a data set, with a seed."""

    data: str
    recipe: str
    seed: int
    mirrored: bool  # whether half of the training images are mirrored

    @property
    def name(self) -> str:
        """Name of its run."""
        return f"{self.data}-{self.recipe}-seed{self.seed}"


class Archives:
    """Drawings in zip files that are whole after every one; ``NAME-IMAGES.webp`` by cell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def paths(self) -> list[Path]:
        """List the zip files in order."""
        return sorted(self.folder.glob("drawings-*.zip"))

    def add(self, name: str, content: bytes) -> None:
        """Append one file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = self.paths()
        if not paths or paths[-1].stat().st_size + len(content) > ARCHIVE_BYTES:
            paths.append(self.folder / f"drawings-{len(paths):02d}.zip")
        with zipfile.ZipFile(paths[-1], "a") as archive:
            archive.writestr(name, content)

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of every file."""
        for path in self.paths():
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield name, archive.read(name)

    def names(self) -> set[str]:
        """Return the names of all files."""
        names = set()
        for path in self.paths():
            with zipfile.ZipFile(path) as archive:
                names |= set(archive.namelist())
        return names


def packed(pictures):
    """Drawings (n, 32, 32, 3) uint8 as one lossless WebP sheet."""
    rows = -(-len(pictures) // COLUMNS)
    sheet = np.zeros((rows * COLUMNS, SIZE, SIZE, 3), np.uint8)
    sheet[: len(pictures)] = pictures
    sheet = sheet.reshape(rows, COLUMNS, SIZE, SIZE, 3).transpose(0, 2, 1, 3, 4)
    file = io.BytesIO()
    image = Image.fromarray(sheet.reshape(rows * SIZE, COLUMNS * SIZE, 3))
    image.save(file, "WEBP", lossless=True, quality=60, method=4)
    return file.getvalue()


def unpacked(content, count):
    """The drawings of `packed`."""
    sheet = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    rows = len(sheet) // SIZE
    cut = sheet.reshape(rows, SIZE, COLUMNS, SIZE, 3).transpose(0, 2, 1, 3, 4)
    return cut.reshape(-1, SIZE, SIZE, 3)[:count]


def settings_of(cell, given):
    """A recipe's settings, at the batch size of all.

    What counts steps covers as many images as in the preset, and the learning rate follows
    the root of the batch size (Malladi et al. 2022, arXiv:2205.10287).
    """
    from curadiff.config import TrainSettings

    own = RECIPES[cell.recipe]
    preset = TrainSettings(**own)
    times = given.batch_size / preset.batch_size
    steps = max(given.images) // given.batch_size
    common = {
        "network": given.network,
        "image_size": SIZE,
        "base_channels": given.base_channels,
        "multipliers": given.multipliers,
        "layers": 2 if given.network == "lucidrains" else 1,
        "batch_size": given.batch_size,
        "steps": steps,
        "learning_rate": preset.learning_rate * math.sqrt(times),
        "warmup": round(preset.warmup / times),
        "cooldown": round(steps * preset.cooldown / preset.steps),
        "ema_decay": preset.ema_decay**times,
        "ema_warmup": round(preset.ema_warmup / times),
        "horizontal_flip": cell.mirrored,
        "checkpoint_every": steps,
        "keep_checkpoints": 1,
        "grid_every": 10**9,
        "compile": given.compile,
        "device": given.device,
        "seed": cell.seed,
    }
    return TrainSettings(**{**own, **common})


def train_and_draw(cell, images, paths, given):
    """Go on with a training up to so many images seen; returns drawings and what it took."""
    from curadiff import runs
    from curadiff.common.devices import choose_device
    from curadiff.diffusion import prepare, schedules
    from curadiff.diffusion.sampling import batch, generate
    from curadiff.diffusion.train import checkpoint, engine
    from curadiff.diffusion.train.worker import train_run

    torch.set_num_threads(given.threads)
    settings = settings_of(cell, given)
    begin = time.perf_counter()
    folder = runs.home() / "runs" / cell.name
    if folder.exists():
        run = runs.open_run(cell.name)
    else:
        run = runs.create("train", settings.model_dump(), name=cell.name)
        prepare(run, ids=[path.name for path in paths], paths=paths, settings=settings)
    step = images // given.batch_size
    done = (checkpoint.saved_steps(run.path) or [0])[-1]
    calls = iter(range(done + 1, step + 1))
    if done < step:
        train_run(run, lambda: next(calls) >= step)  # asked after every step
    trained = time.perf_counter()
    device = choose_device(given.device)
    model = generate.load_network(run, settings, step=step, weights="ema", device=device)
    count = given.count
    rows = min(count, 250)
    pictures = batch.sample_images(
        model,
        range(-(-count // rows) * rows),
        size=SIZE,
        alpha_bar=schedules.alpha_bar(settings.schedule, settings.timesteps).tolist(),
        prediction=settings.prediction,
        sampler="ddim",
        evaluations=given.evaluations,
        device=device,
        autocast=engine.drawing_precision(settings.mixed_precision, device),
        rows=rows,
    )[:count]
    with Image.open(paths[0]) as first:
        if first.mode == "L":
            pictures[:] = np.rint(pictures.mean(3, keepdims=True)).astype(np.uint8)
    took = {
        "training_seconds": round(trained - begin, 2),
        "drawing_seconds": round(time.perf_counter() - trained, 2),
        "steps": step - done,
    }
    return packed(pictures), took


def draw(given):
    """Train and draw until everything is done or the seconds are over."""
    deadline = time.monotonic() + given.seconds
    work = given.work or given.out / "work"
    work.mkdir(parents=True, exist_ok=True)
    os.environ["CURADIFF_HOME"] = str(work.resolve() / "home")
    os.environ["OMP_NUM_THREADS"] = str(given.threads)
    archives = Archives(given.out)
    paths = {path.stem: written(path, work / path.stem) for path in given.data}
    mirrored = {path.stem: bool(np.load(path)["mirrored"]) for path in given.data}
    cells = [
        Cell(data, recipe, seed, mirrored[data])
        for seed in range(given.seeds)
        for recipe in given.recipes
        for data in paths
    ]
    names = archives.names()

    def file_of(cell, images):
        return f"{cell.name}-{images}.webp"

    todo = [  # presets first, each number of images for all before the next one
        (cell, images)
        for recipes in (list(RECIPES)[:PRESETS], list(RECIPES)[PRESETS:])
        for images in given.images
        for cell in cells
        if cell.recipe in recipes and file_of(cell, images) not in names
    ]
    running: dict[Future, tuple[Cell, int]] = {}
    failed = []
    with ExitStack() as stack:
        pool = None
        if given.parallel > 1:
            pool = ProcessPoolExecutor(given.parallel, mp_context=get_context("spawn"))
            stack.enter_context(pool)
        while todo or running:
            busy = {cell for cell, _ in running.values()}
            ready = (one for one in todo if one[0] not in busy)  # in order for each cell
            one = next(ready, None) if len(running) < given.parallel else None
            if one is not None and time.monotonic() < deadline:
                todo.remove(one)
                running[start(pool, *one, paths[one[0].data], given)] = one
                continue
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell, images = running.pop(future)
                fault = future.exception()
                if fault is not None:
                    failed.append(f"{cell.name} at {images}: {type(fault).__name__}: {fault}")
                    todo = [other for other in todo if other[0] != cell]
                    print(failed[-1], flush=True)
                    continue
                content, took = future.result()
                about = {"device": given.card, "count": given.count, **took}
                about |= {"settings": settings_of(cell, given).model_dump(mode="json")}
                archives.add(file_of(cell, images), content)
                archives.add(f"{cell.name}-{images}.json", json.dumps(about).encode())
                print(f"{cell.name} at {images:,}: {took}", flush=True)
    print(f"{len(todo)} were left out as the time was over" if todo else "all is drawn", flush=True)
    return 1 if failed else 0


def start(pool, cell, images, paths, given):
    """Begin in another process, or without a pool do it here."""
    if pool is not None:
        return pool.submit(train_and_draw, cell, images, paths, given)
    future = Future()
    try:
        future.set_result(train_and_draw(cell, images, paths, given))
    except Exception as fault:
        future.set_exception(fault)
    return future


def written(data, folder):
    """The training images as files, which is what a training takes."""
    folder.mkdir(exist_ok=True)
    pictures = np.load(data)["train"]
    paths = [folder / f"{number:06d}.png" for number in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        if not path.exists():
            Image.fromarray(picture).save(path)
    return paths


def make_fashion(given):
    from recipe_data import make_fashion

    return make_fashion(given)


def make_photographs(given):
    from recipe_data import make_photographs

    return make_photographs(given)


def judge(given):
    from recipe_judge import judge

    return judge(given)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    fashion = verbs.add_parser("make-fashion")
    fashion.add_argument("images", type=Path)
    fashion.add_argument("labels", type=Path)
    fashion.add_argument("out", type=Path)
    fashion.add_argument("--count", type=int, default=1000)
    photographs = verbs.add_parser("make-photographs")
    for name in ("folder", "table", "out"):
        photographs.add_argument(name, type=Path)
    drawn = verbs.add_parser("draw")
    drawn.add_argument("data", type=Path, nargs="+")
    drawn.add_argument("--out", type=Path, required=True, help="folder for the drawings")
    drawn.add_argument("--work", type=Path, help="folder for the trainings; by default in --out")
    drawn.add_argument("--recipes", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    drawn.add_argument("--images", type=int, nargs="+", default=list(IMAGES), help="seen")
    drawn.add_argument("--seeds", type=int, default=2)
    drawn.add_argument("--count", type=int, default=500, help="drawings each time")
    drawn.add_argument("--evaluations", type=int, default=50)
    drawn.add_argument("--batch-size", type=int, default=128)
    drawn.add_argument("--network", choices=("unet2d", "lucidrains"), default="unet2d")
    drawn.add_argument("--base-channels", type=int, default=32)
    drawn.add_argument("--multipliers", default="1-2-4")
    drawn.add_argument("--compile", choices=("graphs", "yes", "no"), default="graphs")
    drawn.add_argument("--device", default="auto")
    drawn.add_argument("--parallel", type=int, default=1, help="trainings at once")
    drawn.add_argument("--threads", type=int, default=1, help="of the processor, each")
    drawn.add_argument(
        "--seconds", type=float, default=math.inf, help="after them nothing new begins"
    )
    judged = verbs.add_parser("judge")
    judged.add_argument("data", type=Path)
    judged.add_argument("drawings", type=Path, nargs="+", help="folders of draw")
    judged.add_argument(
        "--out", type=Path, required=True, help="PREFIX of .json, .md, .svg and .jpg"
    )
    judged.add_argument("--classifier", type=Path, nargs=2, metavar=("IMAGES", "LABELS"))
    judged.add_argument("--encoder", default="builtin")
    judged.add_argument("--weights")
    judged.add_argument("--note", help="what a reader of the values must know")
    given = parser.parse_args()
    if given.verb == "draw":
        given.images = sorted(given.images)
        cuda = torch.cuda.is_available() and given.device in ("auto", "cuda")
        given.card = torch.cuda.get_device_name() if cuda else platform.machine()
    return VERBS[given.verb](given)


VERBS = {
    "make-fashion": make_fashion,
    "make-photographs": make_photographs,
    "draw": draw,
    "judge": judge,
}


if __name__ == "__main__":
    sys.exit(main())
