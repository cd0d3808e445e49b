"""Generate images from a trained run into a folder; an interrupted call goes on."""

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

from ...common.devices import choose_device
from ...common.errors import RunError, SettingsError
from ...common.files import ensure_folder
from ...config import GenerateSettings, TrainSettings, settings_of
from ...runs import Lease, Run, environment, launch, write_json
from ...runs.bootstrap import LAUNCHER
from ...runs.exit_status import kind_of_status
from ...runs.failure import of_kind
from .. import classes, schedules
from ..analytic import drawing, freezing, sources
from ..networks import network, on_gpu
from ..train import checkpoint, engine, graphs, power_ema
from . import batch, guidance, image_folder

WORKER = "curadiff.diffusion.sampling.worker"
WEIGHTS = {"ema": "ema", "raw": "model"}  # file of a checkpoint
AGAIN = "Freeze the images again: train once more."
POLL = 0.5  # seconds between two looks at how far the processes are


def generate(
    run: Run,
    settings: GenerateSettings,
    *,
    folder: str | Path | None = None,
    checkpoint_step: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draw images ``000000.png`` ... and describe them in ``generated.json``.

    Image i depends on the checkpoint, the sampler and seed + i alone: not on the batch
    size, the number of processes, or which images are there already. Those are kept, so
    the same call goes on after an interruption.

    Args:
        run: A training with at least one checkpoint.
        settings: How many, and how.
        folder: Where to; by default ``<run>/generated/<name after the settings>``, which takes
            over images that are drawn already when only their number is another.
        checkpoint_step: Steps after which the checkpoint was written; by default the last one.
        progress: Called with (done, total) after each batch.

    Returns:
        The folder.

    Raises:
        RunError: The run has no checkpoint, the folder holds images of other settings, or
            another process draws into it.
        SettingsError: More steps than the training has noise levels.
    """
    trained = settings_of(TrainSettings, run)
    twice = settings.sampler == "heun"  # two evaluations per level
    most = trained.timesteps * (2 if twice else 1)
    if settings.steps > most:
        raise SettingsError(
            f"steps must be <= {most}, {'twice ' if twice else ''}the noise levels of {run.id}, "
            f"got {settings.steps}."
        )
    analytic = trained.network == "analytic"
    file = freezing.FILE if analytic else f"{WEIGHTS[settings.weights]}.safetensors"
    try:
        step = checkpoint_step or checkpoint.newest_intact(run.path, file)
    except checkpoint.Unreadable as fault:
        raise RunError(f"{fault} {AGAIN if analytic else ''}".rstrip()) from fault
    if step is None:
        raise RunError(
            f"{run.id} has no checkpoint yet; train it first: it is {run.status['state']}."
        )
    saved = checkpoint.saved_steps(run.path)
    if checkpoint_step is not None and checkpoint_step not in saved:
        listed = ", ".join(map(str, saved)) or "none"
        raise RunError(f"{run.id} has no checkpoint at step {checkpoint_step} (there: {listed}).")
    if settings.classes and analytic:
        raise SettingsError(
            "classes are for networks that are trained with them, and analytic is not; select the "
            "images of a class and freeze those."
        )
    if settings.ema is not None:
        if analytic:
            raise SettingsError("ema is for networks that are trained, and analytic is not.")
        power_ema.check_saved(run.path, step)
    guide = guidance.resolve(run, settings)
    if guide is not None:
        settings = settings.changed(guide=str(guide))
    own = run.path / "generated" / image_folder.folder_name(settings, step)
    folder = own if folder is None else Path(folder).absolute()
    ensure_folder(folder)
    record = image_folder.record(run, settings, step)
    with Lease(folder, name=image_folder.LEASE):
        image_folder.claim(folder, record)
        if folder == own:
            image_folder.take_over(folder, record)
        image_folder.put_aside_damaged(folder, settings.count)
        missing = image_folder.missing_numbers(folder, settings.count)
        if missing and settings.processes > 1:
            _draw_in_processes(run, settings, folder, progress)
        elif missing:
            draw_missing(run, settings, step, folder, missing, progress)
        if analytic:
            sources.collect(
                folder, [image_folder.file_name(number) for number in range(settings.count)]
            )
        files = image_folder.checksums(folder, settings.count)
        write_json(folder / image_folder.RECORD, {**record, "files": files, "complete": True})
    if progress is not None:
        progress(settings.count, settings.count)
    return folder


def load_network(
    run: Run,
    settings: TrainSettings,
    *,
    step: int,
    weights: str,
    device: torch.device,
    length: float | None = None,
    compiled: bool = False,
    autocast: bool = True,
) -> torch.nn.Module:
    """Build a run's network with the weights of a checkpoint, ``ema`` or ``raw``.

    With a ``length`` it has the average of that length which ends at the checkpoint's step.
    One that will be ``compiled``, or used without ``autocast``, is not prepared in another way.
    """
    built = network.build(settings, run.path)
    if length is None:
        name = WEIGHTS[weights]
        loaded = checkpoint.load(run.path, step, name)[0][name]
    else:
        loaded = power_ema.reconstruct(run.path, step, length)
    network.unwrap(built).load_state_dict(loaded)
    half = autocast and engine.drawing_precision(settings.mixed_precision, device) is not None
    prepared = on_gpu.prepare(built, device, half=half, compiled=compiled)
    return prepared.requires_grad_(False)


def _load_guide(guide: guidance.Guide, device: torch.device) -> torch.nn.Module:
    trained = settings_of(TrainSettings, guide.run)
    return load_network(guide.run, trained, step=guide.step, weights="ema", device=device)


def is_compiled(name: str, device: torch.device, *, half: bool, calls: float) -> bool:
    """Tell whether a network is compiled to draw: on a GPU, often enough, and not fused there.

    Args:
        name: Of the network, as in the settings.
        device: Where it draws.
        half: Whether it computes in half precision there.
        calls: How often it will be called.
    """
    often = calls >= engine.COMPILE_PAYS
    return device.type == "cuda" and often and not on_gpu.fuses(name, device, half=half)


def rows_per_call(image_size: int, device: torch.device) -> int:
    """Return the number of images per network call, always the same.

    The seeds ``k * rows`` to ``(k + 1) * rows - 1`` are drawn in one part, also where
    only one of them is wanted. So an image is the same whatever else is drawn.
    """
    usual = 32 if device.type == "cuda" else 16  # at up to 128 pixels
    return max(4, min(usual, usual * 128**2 // image_size**2))


def _draw_in_processes(
    run: Run,
    settings: GenerateSettings,
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Share the images among processes, and wait for them.

    Raises:
        RunError: One of them failed; the message has its last line of output.
    """
    words = [str(run.path), str(folder), settings.model_dump_json()]
    with tempfile.TemporaryFile("w+") as output:
        children = [
            subprocess.Popen(
                launch.command(WORKER, *words, str(rank), how="--child"),
                cwd=run.path,
                env=environment.of_child({LAUNCHER: str(os.getpid())}),
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
                    missing = image_folder.missing_numbers(folder, settings.count)
                    progress(settings.count - len(missing), settings.count)
        finally:
            for child in children:
                if child.poll() is None:
                    child.terminate()
                child.wait()
        output.seek(0)
        output_lines = output.read().strip().splitlines()
    failed = [child.returncode for child in children if child.returncode]
    if failed:
        last = output_lines[-1] if output_lines else f"exit status {failed[0]}"
        kind = next(filter(None, map(kind_of_status, failed)), None)
        message = f"drawing into {folder} failed: {last} Run the same command again to go on."
        raise of_kind(kind, message, folder)


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
    trained = settings_of(TrainSettings, run)
    device = choose_device(settings.device)
    if device.type == "cuda":
        device = torch.device("cuda", rank % torch.cuda.device_count())
        torch.cuda.set_device(device)  # on which Triton starts its kernels, wherever tensors are
    size = rows_per_call(trained.image_size, device)
    number_of = {settings.seed + number: number for number in missing}
    parts = sorted({seed // size for seed in number_of})
    parts = [part for part in parts if part % settings.processes == rank]
    if not parts:
        return
    build_sampler = _analytic_sampler if trained.network == "analytic" else _network_sampler
    sample_seeds = build_sampler(run, settings, step=step, device=device, size=size)
    together = max(1, settings.batch_size // size)
    done = settings.count - len(missing)

    def path_of(number: int) -> Path:
        return folder / image_folder.file_name(number)

    with ThreadPoolExecutor(4) as pool:
        writing: list[Any] = []
        for first in range(0, len(parts), together):
            seeds = [
                part * size + i for part in parts[first : first + together] for i in range(size)
            ]
            made = sample_seeds(seeds)
            for job in writing:
                job.result()
            writing = [
                pool.submit(
                    image_folder.write,
                    folder / image_folder.file_name(number_of[seed]),
                    picture,
                    text,
                )
                for seed, (picture, text) in zip(seeds, made, strict=True)
                if seed in number_of
            ]
            done += len(writing)
            if progress is not None:
                progress(done, settings.count)
        for job in writing:
            job.result()


Sampled = list[tuple[np.ndarray, Any]]  # images (h, w, 3) uint8, with text for their PNG or None


def _network_sampler(
    run: Run, settings: GenerateSettings, *, step: int, device: torch.device, size: int
) -> Callable[[list[int]], Sampled]:
    """Return a function from seeds to images, sampled with a run's network."""
    trained = settings_of(TrainSettings, run)
    autocast = engine.drawing_precision(trained.mixed_precision, device)
    cuda = device.type == "cuda"
    calls = settings.count * settings.steps / size
    compiled = is_compiled(trained.network, device, half=autocast is not None, calls=calls)
    choice = {"step": step, "weights": settings.weights, "length": settings.ema}
    model = load_network(run, trained, device=device, compiled=compiled, **choice)
    guide = guidance.resolve(run, settings)

    def guided() -> torch.nn.Module:
        return model if settings.guidance is None else guidance.Guided(model, *strength)

    strength = (settings.guidance or 1.0, guide and _load_guide(guide, device))
    classes_of = classes.class_chooser(run, settings.classes)

    def sample_seeds(seeds: list[int], evaluations: int = settings.steps) -> Sampled:
        pictures = batch.sample_images(
            guided(),
            seeds,
            size=trained.image_size,
            alpha_bar=schedules.alpha_bar(trained.schedule, trained.timesteps).tolist(),
            prediction=trained.prediction,
            sampler=settings.sampler,
            evaluations=evaluations,
            device=device,
            autocast=autocast,
            rows=size,
            classes=None if classes_of is None else classes_of(seeds)[1],
        )
        return [(picture, None) for picture in pictures]

    if compiled:
        bare, model = network.unwrap(model), engine.CudaGraphReplay(model)
        cache = run.path / "compile-cache"
        engine.compile_or_explain(
            bare, lambda: sample_seeds(list(range(size)), 1), cache=cache, graphs=True
        )
    elif cuda:
        model = graphs.Replay(model)
    return sample_seeds


def _analytic_sampler(
    run: Run, settings: GenerateSettings, *, step: int, device: torch.device, size: int
) -> Callable[[list[int]], Sampled]:
    """Return a function from seeds to images, sampled with a run's frozen images."""
    trained = settings_of(TrainSettings, run)
    model = drawing.open_model(run.path, step, trained, device)
    levels = schedules.alpha_bar(trained.schedule, trained.timesteps).tolist()

    def sample_seeds(seeds: list[int]) -> Sampled:
        made: Sampled = []
        for at in range(0, len(seeds), size):
            sampled = model.sample(
                seeds[at : at + size],
                alpha_bar=levels,
                sampler=settings.sampler,
                evaluations=settings.steps,
            )
            texts = [source.text() for source in sampled.sources]
            made += zip(sampled.pictures, texts, strict=True)
        return made

    return sample_seeds
