"""Draw many images from a trained run into a folder, resumably."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..config import GenerateSettings, TrainSettings
from ..errors import RunError, SettingsError
from ..runs import Run, launch, read_json, write_json
from . import checkpoint, draw, engine, network, schedules

RECORD = "generated.json"
DRAWER = "curadiff.diffusion.drawer"
POLL = 0.5  # seconds between two looks at how far the processes are


def generate(
    run: Run,
    settings: GenerateSettings,
    *,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draw images ``000000.png`` ... and describe them in ``generated.json``.

    Image i depends on the checkpoint, the sampler and seed + i alone: not on the batch
    size, the number of processes, or which images are there already. Those are kept, so
    the same call goes on after an interruption.

    Args:
        run: A training with at least one checkpoint; the last one is used.
        settings: How many, and how.
        folder: Where to; by default ``<run>/generated/<name after the settings>``.
        progress: Called with (done, total) after each batch.

    Returns:
        The folder.

    Raises:
        RunError: The run has no checkpoint, or the folder holds images of other settings.
        SettingsError: More steps than the training has noise levels.
    """
    trained = TrainSettings(**run.settings)
    if settings.steps > trained.timesteps * (2 if settings.sampler == "heun" else 1):
        raise SettingsError(
            f"steps must be <= {trained.timesteps}, the noise levels of {run.id}, "
            f"got {settings.steps}."
        )
    known = checkpoint.steps(run.path)
    if not known:
        raise RunError(
            f"{run.id} has no checkpoint yet; train it first: it is {run.status['state']}."
        )
    folder = Path(folder) if folder else run.path / "generated" / name(settings, known[-1])
    folder.mkdir(parents=True, exist_ok=True)
    record = _record(run, settings, known[-1])
    _claim(folder, record)
    missing = absent(folder, settings.count)
    if missing and settings.processes > 1:
        _draw_in_processes(run, settings, folder, progress)
    elif missing:
        draw_missing(run, settings, known[-1], folder, missing, progress)
    write_json(folder / RECORD, {**record, "complete": True})
    if progress is not None:
        progress(settings.count, settings.count)
    return folder


def name(settings: GenerateSettings, step: int) -> str:
    """Name a folder after everything that decides what the images are."""
    s = settings
    return f"{s.sampler}-{s.steps}-{s.weights}-step{step}-seed{s.seed}-n{s.count}"


def file_name(number: int) -> str:
    """Return the file name of an image."""
    return f"{number:06d}.png"


def _record(run: Run, settings: GenerateSettings, step: int) -> dict[str, Any]:
    s = settings
    return {
        "run": run.id,
        "checkpoint": step,
        "weights": s.weights,
        "sampler": s.sampler,
        "steps": s.steps,
        "seed": s.seed,
        "count": s.count,
        "seeds": [s.seed + i for i in range(s.count)],
        "manifest_hash": run.record.get("manifest_hash"),
    }


def _claim(folder: Path, record: dict[str, Any]) -> None:
    """Make sure that the folder is empty or holds images of the same record."""
    path = folder / RECORD
    if path.exists():
        before = read_json(path)
        differ = [key for key, value in record.items() if before.get(key) != value]
        if differ:
            raise RunError(
                f"{folder} holds images with another {', '.join(differ)}; "
                "give another folder or delete it."
            )
        return
    if next(folder.glob("*.png"), None) is not None:
        raise RunError(f"{folder} holds other PNG files; give an empty or new folder.")
    write_json(path, {**record, "complete": False})


def load_network(
    run: Run, settings: TrainSettings, *, step: int, weights: str, device: torch.device
) -> torch.nn.Module:
    """Build a run's network with the weights of a checkpoint, ``ema`` or ``raw``."""
    built = network.build(settings)
    name = {"ema": "ema", "raw": "model"}[weights]
    tensors, _ = checkpoint.load(run.path, step, name)
    network.bare(built).load_state_dict(tensors[name])
    built = built.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return built.to(device).requires_grad_(False)


def rows(image_size: int, device: torch.device) -> int:
    """Say how many images go through the network together, always.

    The seeds ``k * rows`` to ``(k + 1) * rows - 1`` are drawn in one part, also where
    only one of them is wanted. So an image is the same whatever else is drawn.
    """
    usual = 32 if device.type == "cuda" else 16  # at up to 128 pixels
    return max(4, min(usual, usual * 128**2 // image_size**2))


def absent(folder: Path, count: int) -> list[int]:
    """List the numbers of the images that are not there yet."""
    return [i for i in range(count) if not (folder / file_name(i)).exists()]


def _draw_in_processes(
    run: Run,
    settings: GenerateSettings,
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Share the images among processes, and wait for them.

    Raises:
        RunError: One of them failed; its last words are told.
    """
    words = [str(run.path), str(folder), settings.model_dump_json()]
    with tempfile.TemporaryFile("w+") as output:
        children = [
            subprocess.Popen(
                launch.command(DRAWER, *words, str(rank)),
                cwd=run.path,
                env={**os.environ, "PYTHONSAFEPATH": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            for rank in range(settings.processes)
        ]
        try:
            while any(child.poll() is None for child in children):
                if any(child.returncode for child in children):
                    break
                time.sleep(POLL)
                if progress is not None:
                    progress(settings.count - len(absent(folder, settings.count)), settings.count)
        finally:
            for child in children:
                if child.poll() is None:
                    child.terminate()
                child.wait()
        output.seek(0)
        said = output.read().strip().splitlines()
    failed = [child.returncode for child in children if child.returncode]
    if failed:
        last = said[-1] if said else f"exit status {failed[0]}"
        raise RunError(f"drawing into {folder} failed: {last} Run the same command again to go on.")


def draw_missing(
    run: Run,
    settings: GenerateSettings,
    step: int,
    folder: Path,
    missing: list[int],
    progress: Callable[[int, int], None] | None = None,
    *,
    rank: int = 0,
) -> None:
    """Draw the numbered images in this process; files are written while the next are drawn.

    As one of several ``settings.processes`` it draws the parts that are its own.
    """
    trained = TrainSettings(**run.settings)
    device = engine.device_of(settings.device)
    if device.type == "cuda":
        device = torch.device("cuda", rank % torch.cuda.device_count())
    size = rows(trained.image_size, device)
    wanted = {settings.seed + number: number for number in missing}
    parts = sorted({seed // size for seed in wanted})
    parts = [part for part in parts if part % settings.processes == rank]
    if not parts:
        return
    model = load_network(run, trained, step=step, weights=settings.weights, device=device)
    precision = engine.precision_of("auto", device)
    autocast = torch.bfloat16 if precision == "bf16" else None

    def pictures_of(seeds: list[int], evaluations: int = settings.steps) -> np.ndarray:
        return draw.draw(
            model,
            seeds,
            size=trained.image_size,
            alpha_bar=schedules.alpha_bar(trained.schedule, trained.timesteps).tolist(),
            prediction=trained.prediction,
            sampler=settings.sampler,
            evaluations=evaluations,
            device=device,
            autocast=autocast,
            rows=size,
        )

    if device.type == "cuda" and settings.count * settings.steps >= engine.COMPILE_PAYS * size:
        bare, model = network.bare(model), engine.Replayed(model)
        engine.compile_or_say(
            bare,
            lambda: pictures_of(list(range(size)), 1),
            cache=run.path / "compile-cache",
            graphs=True,
        )
    together = max(1, settings.batch_size // size)
    done = settings.count - len(missing)
    with ThreadPoolExecutor(4) as pool:
        writing: list[Any] = []
        for first in range(0, len(parts), together):
            seeds = [
                part * size + i for part in parts[first : first + together] for i in range(size)
            ]
            pictures = pictures_of(seeds)
            for job in writing:
                job.result()
            writing = [
                pool.submit(_write, folder / file_name(wanted[seed]), picture)
                for seed, picture in zip(seeds, pictures, strict=True)
                if seed in wanted
            ]
            done += len(writing)
            if progress is not None:
                progress(done, settings.count)
        for job in writing:
            job.result()


def _write(path: Path, picture: np.ndarray) -> None:
    temporary = path.with_name(f".tmp-{path.name}")
    try:
        Image.fromarray(picture).save(temporary, "PNG")
        temporary.replace(path)
    except OSError as fault:
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"could not write {path}: {fault.strerror or fault}; free some space, then run the "
            "same command again: it draws only what is missing."
        ) from fault
