"""``trainer: command``: a study's training by a program of the user's.

The selection is written to the run's folder ``images`` (see `workflows.exporting`), the program is
started as a list of words, without a shell, and what it leaves in the run's folder ``images-out``
is judged. It runs in a process of its own, as Curadiff's trainings do, with the same status, log,
stop and resume. Where it goes on after a stop is the program's own affair: it is called again with
the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import runs
from ..common.errors import RunError
from ..common.images import open_rgb
from ..config import StudySettings
from ..datasets import identity, reading, writing
from ..diffusion import manifest
from ..diffusion.sampling import image_folder
from ..runs import Run, launch
from ..workflows.exporting import write_image_folder
from .planning import Cell

KIND = "command"
IMAGES, OUT = "images", "images-out"
MODULE = "curadiff.studies.command_worker"
READ = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


def prepare(
    dataset: Any,
    pool: reading.Samples,
    config: StudySettings,
    cell: Cell,
    *,
    name: str,
    steps: int,
    folder: Path,
) -> Run:
    """Make the run directory of a command: its words, its images and their manifest.

    Args:
        dataset: The real images' data set.
        pool: The images to train on.
        config: The study's settings.
        cell: Which training it is.
        name: Name of the run.
        steps: What ``{steps}`` stands for.
        folder: Where the run is made.

    Raises:
        DataError: An image or a caption is missing.
    """
    texts = None
    if config.captions is not None:
        texts = reading.field_values(dataset, pool.ids, config.captions)
    settings = {
        "command": config.command,
        "seed": cell.seed,
        "steps": steps,
        "batch_size": config.train.batch_size,
        "captions": config.captions,
    }
    with runs.making(KIND, settings, name=name, folder=folder) as run:
        hashes = [digest or "" for digest in manifest.hashes(pool.paths)]
        listed = manifest.make(pool.names, pool.paths, hashes)
        manifest.write(run, listed)
        write_image_folder(run.path / IMAGES, pool, texts)
        (run.path / OUT).mkdir()
        run.add(
            dataset=dataset.name,
            identity=identity.identity(dataset),
            arm=cell.arm_name,
            ids_hash=writing.ids_hash(pool.ids),
            manifest_hash=listed["hash"],
            images=len(pool.ids),
        )
    return run


def words_of(run: Run) -> list[str]:
    """Return the program and its arguments, with what stands in braces filled in."""
    settings = run.settings
    values = {
        "images": str(run.path / IMAGES),
        "out": str(run.path / OUT),
        "seed": str(settings["seed"]),
        "steps": str(settings["steps"]),
    }
    return [_filled(word, values) for word in settings["command"]]


def _filled(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def start(run: Run) -> None:
    """Start the program in a process of its own."""
    launch.start(run, launch.command(MODULE, str(run.path)))


def images_of(run: Run, count: int) -> Path:
    """Return a folder as ``generate`` makes it, with what the program has written.

    Args:
        run: A finished command.
        count: At most so many images, the first ones by name.

    Raises:
        RunError: It has written fewer than two images, or one that cannot be read.
    """
    written = _written(run.path / OUT)[:count]
    if len(written) < 2:
        raise RunError(
            f"the command of {run.id} has left {len(written)} images in {run.path / OUT}, and two "
            f"or more are needed; see its log {run.path / 'output.log'}"
        )
    folder = run.path / "generated" / f"command-n{len(written)}"
    if (folder / image_folder.RECORD).exists() and runs.read_json(folder / image_folder.RECORD).get(
        "complete"
    ):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    seeds = list(range(len(written)))
    record = {
        "run": run.id,
        "run_uid": run.uid,
        "checkpoint": run.settings["steps"],
        "weights": "command",
        "sampler": "command",
        "steps": 0,
        "seed": 0,
        "count": len(written),
        "seeds": seeds,
        "manifest_hash": run.record.get("manifest_hash"),
    }
    for number, path in enumerate(written):
        image_folder.write(folder / image_folder.file_name(number), _pixels(path))
    files = image_folder.checksums(folder, len(written))
    runs.write_json(folder / image_folder.RECORD, {**record, "files": files, "complete": True})
    return folder


def _pixels(path: Path) -> Any:
    import numpy as np

    try:
        return np.asarray(open_rgb(path))
    except (OSError, ValueError) as fault:
        raise RunError(f"the image {path} that the command wrote cannot be read: {fault}") from None


def _written(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in READ)
