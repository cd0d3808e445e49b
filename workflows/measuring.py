"""How fast a network trains on this machine, from some real steps, kept for the next time.

A measurement is a training of a few seconds on noise, in a run directory of its own
under ``<home>/cache/speeds``; the newest one of the same settings answers at once. It
leaves out what comes once, such as compiling, because its first entry is not counted.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .. import diffusion, runs
from ..common.errors import CuradiffError, RunError, SettingsError
from ..common.temporary import remove
from ..config import TrainSettings
from ..diffusion import pixels
from ..diffusion.init import from_pipeline
from ..runs import Run, caches, launch

ALIKE = (
    "network", "image_size", "base_channels", "multipliers", "layers", "batch_size", "accumulate",
    "mixed_precision", "compile", "device",
)  # fmt: skip
"""Settings that a speed depends on."""
ENTRIES = 3  # moments of a training to look at, the first of them not counted
AT_MOST = 30.0  # seconds after the first entry; a second one is waited for in any case
STEPS = 1_000_000  # more than are ever taken


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        images_per_second: Images that go through a training step, forward and back.
        disk_bytes: At most so much room for the checkpoints of one training.
        device: What it ran on, such as ``cuda``.
    """

    images_per_second: float
    disk_bytes: int | None
    device: str | None


def measure(**settings: Any) -> Speed:
    """Train for some seconds and return how fast it was; a former measurement is replaced.

    Args:
        **settings: See `TrainSettings`.

    Raises:
        SettingsError: A setting is wrong, or asks for several processes.
        RunError: It is being measured already, or the training failed.
    """
    run = prepare(TrainSettings(**settings))
    train_until_timed(run)
    speed = _speed(run)
    if speed is None:
        raise RunError(f"{run.path} was ended before its first step; measure again.")
    return speed


def start(settings: TrainSettings) -> Run:
    """Measure in a process of its own; `known_speed` has the answer once it has ended.

    Raises:
        As `measure`.
    """
    run = prepare(settings)
    launch.start(run, launch.command("curadiff.workflows.measuring", str(run.path)))
    return run


def known_speed(settings: TrainSettings) -> Speed | None:
    """Return what was measured for a network of these settings, None before that."""
    run = Run(_folder(settings))
    return _speed(run) if run.exists else None


def status_of(settings: TrainSettings) -> dict[str, Any]:
    """Return the status of the measurement of these settings; its state is ``new`` before one."""
    run = Run(_folder(settings))
    return run.status if run.exists else {"state": "new"}


def prepare(settings: TrainSettings) -> Run:
    """Make the run of a measurement: the settings' network, and noise to train it on."""
    if settings.network == "analytic":
        raise SettingsError("network must be one that is trained to be measured, got analytic.")
    if settings.processes > 1 or settings.accelerate:
        raise SettingsError(
            "processes must be 1, and accelerate empty, to measure: several processes are only "
            "as fast as a whole training shows.",
        )
    if status_of(settings)["state"] in runs.ACTIVE:
        raise RunError("this network is being measured already; wait some seconds.")
    path = _folder(settings)
    remove(path)
    given = {
        "name": None,
        "start_from": None,
        "steps": STEPS,
        "grid_every": STEPS,
        "checkpoint_every": STEPS,
        "keep_every": None,
        "classes": None,
        "power_ema_every": None,
    }
    full = TrainSettings(**{**settings.model_dump(), **given, "tracker": "none"})
    shape = from_pipeline.shape_of(settings.start_from)
    run = runs.create("measure", full.model_dump(mode="json"), name=path.name, folder=path.parent)
    generator = np.random.default_rng(0)
    side = full.image_size
    if shape is not None:
        runs.write_json(run.path / from_pipeline.SHAPE, shape)
    paths = [run.path / f"noise-{number}.png" for number in range(4)]
    for file in paths:
        Image.fromarray(generator.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(file)
    diffusion.prepare(run, ids=[file.name for file in paths], paths=paths, settings=full)
    return run


def train_until_timed(run: Run) -> None:
    """Train until enough has been seen; the run then holds the answer."""
    from ..diffusion.train import worker

    first: list[float] = []  # when the first entry was there

    def enough() -> bool:
        entries = len(run.log())
        if entries and not first:
            first.append(time.monotonic())
        return entries >= ENTRIES or (entries > 1 and time.monotonic() - first[0] > AT_MOST)

    worker.train_run(run, enough)
    run.add(disk_bytes=run.status.get("disk_bytes_at_most"))
    remove(run.path / "checkpoints")
    pixels.forget(pixels.used_by(run))
    caches.trim("speeds", keep=run.path)


def _folder(settings: TrainSettings) -> Path:
    settings_alike: dict[str, Any] = {name: getattr(settings, name) for name in ALIKE}
    shape = from_pipeline.shape_of(settings.start_from)
    if shape is not None:
        settings_alike["shape"] = shape
    key = hashlib.sha256(
        json.dumps(settings_alike, sort_keys=True, default=str).encode()
    ).hexdigest()[:16]
    return runs.home() / "cache" / "speeds" / f"speed-{key}"


def _speed(run: Run) -> Speed | None:
    rates = [entry["images_per_second"] for entry in run.log() if entry.get("images_per_second")]
    status = run.status
    if not rates or status["state"] in runs.ACTIVE:
        return None
    rate = statistics.median(rates[1:] or rates)
    return Speed(rate, run.record.get("disk_bytes"), status.get("device"))


def main(words: list[str]) -> int:
    """Measure in this process the run named on the command line."""
    try:
        train_until_timed(Run(Path(words[0])))
    except CuradiffError as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
