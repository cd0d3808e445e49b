"""What a training or a study will cost, told before it starts."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Unpack

from .. import runs
from ..common.devices import choose_device
from ..config import StudySettings, TrainSettings
from ..config.options import StudyOptions, TrainOptions
from ..config.signatures import with_settings
from ..datasets import reading
from ..datasets.database import lost_in_words
from ..diffusion.init import from_pipeline
from ..runs import Run
from . import measuring

LARGE = 128  # pixels of a side, from which a processor takes days

ALIKE = ("network", "image_size", "base_channels", "multipliers", "layers")


@dataclass(frozen=True)
class Cost:
    """What trainings will take.

    Attributes:
        trainings: How many models.
        steps: Optimizer steps in all.
        images_seen: Images that go through the network, repeats counted.
        generated: Images drawn.
        exposure: How often a training sees each of its images, on average; None where unknown.
        seconds: Time until the training steps are done, with ``parallel`` trainings side by side;
            None where nothing alike was measured or trained here.
        disk_bytes: Room for the checkpoints; None where unknown.
        like: Id of the earlier training that ``seconds`` and ``disk_bytes`` come from; None
            where they were measured.
        device: What it was measured on.
        parallel: Trainings that run side by side.
        trained: False for the network ``analytic``, which only keeps its images.
        shared: Whether they share one processor or GPU, so that side by side saves no more than
            what one training leaves idle, and ``seconds`` is the most.
        notes: What to know before it starts, one sentence each.
    """

    trainings: int
    steps: int
    images_seen: int
    generated: int
    exposure: float | None
    seconds: float | None
    disk_bytes: int | None
    like: str | None
    device: str | None = None
    parallel: int = 1
    trained: bool = True
    shared: bool = False
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.trained:
            drawn = f"{self.generated:,} images are drawn. " if self.generated else ""
            kept = f"{drawn}No network is trained: the images are kept, which takes seconds."
            return " ".join([kept, *self.notes])
        many = "" if self.trainings == 1 else f"{self.trainings} trainings, "
        text = f"{many}{self.steps:,} steps in all"
        if self.exposure is not None:
            text += f", each image seen {self.exposure:,.0f}×"
        if self.generated:
            text += f", {self.generated:,} images drawn"
        if self.seconds is None:
            text = f"{text}. How long it takes is known once it was measured, or trained, here."
            return " ".join([text, *self.notes])
        size = f", at most {megabytes(self.disk_bytes)} on disk" if self.disk_bytes else ""
        time = f"about {duration(self.seconds)}"
        if min(self.parallel, self.trainings) > 1 and self.shared:
            side = min(self.parallel, self.trainings)
            time = (
                f"between {duration(self.seconds / side)} and {duration(self.seconds)} with {side} "
                "side by side, by how much of the machine one training leaves idle"
            )
        elif min(self.parallel, self.trainings) > 1:
            time += f" with {self.parallel} side by side"
        return " ".join([f"{text}. {self.source}: {time}{size}.", *self.notes])

    @property
    def source(self) -> str:
        """Where the time comes from, as the beginning of a sentence."""
        if self.like:
            return f"As fast as {self.like}"
        return f"As measured here on {self.device}" if self.device else "As measured here"


@with_settings(TrainSettings)
@lost_in_words()
def estimate_training(
    samples: Any, *, measure: bool = True, **settings: Unpack[TrainOptions]
) -> Cost:
    """Say what `train` would take with these settings, and start nothing.

    Args:
        samples: As for `train`.
        measure: Take some real training steps, half a minute or less, where no network like
            this was trained or measured here.
        **settings: See `TrainSettings`.

    Raises:
        SettingsError: A setting is wrong.
        DataError: The view is empty.
    """
    config = TrainSettings(**settings)
    _, view = reading.resolve(samples)
    images = len(reading.read_paths(view).ids)
    return _measured(config, lambda: training(config, images), measure)


@with_settings(StudySettings)
@lost_in_words()
def estimate_study(*, measure: bool = True, **settings: Unpack[StudyOptions]) -> Cost:
    """Say what the trainings of `study` would take, and start nothing.

    Args:
        measure: As for `estimate_training`.
        **settings: See `StudySettings`.

    Raises:
        SettingsError: A setting is wrong.
    """
    config = StudySettings(**dict[str, Any](settings))
    return _measured(config.train, lambda: study(config), measure)


def warn_without_gpu(settings: TrainSettings) -> None:
    """Warn before a network of a GPU's size is trained, or measured, on a processor."""
    if settings.network == "analytic" or settings.image_size < LARGE:
        return
    if choose_device(settings.device).type != "cpu":
        return
    warnings.warn(
        f"no GPU is used, and at {settings.image_size} pixels a training takes days on a processor "
        "(the default preset more than 13 GB of memory); the preset cpu-small takes about an hour, "
        "demo a minute. In a shell: --preset cpu-small",
        stacklevel=3,
    )


def _measured(settings: TrainSettings, cost: Callable[[], Cost], measure: bool) -> Cost:
    estimate = cost()
    if estimate.seconds is None and estimate.trained and measure:
        warn_without_gpu(settings)
        measuring.measure(**settings.model_dump())
        estimate = cost()
    return estimate


def training(settings: TrainSettings, images: int) -> Cost:
    """Estimate one training on so many images, from the last one of the same network."""
    like = _alike(settings)
    cost = _cost(settings, [settings.steps], generated=0, images=images, like=like)
    return replace(cost, notes=tuple(filter(None, [settings.warmup_note()])))


def study(settings: StudySettings) -> Cost:
    """Estimate all trainings of a study; drawing and judging come on top.

    Trainings on GPUs of their own take as long as the longest row of them; those that share a
    processor or a GPU take together at most what they take one after the other.
    """
    train = settings.train
    steps = [
        settings.steps_of(arm)
        for _ in settings.seeds
        for arm in settings.arms
        for _ in settings.draws_of(arm)
    ]
    drawn = settings.generate.count * len(steps)
    cost = _cost(train, steps, generated=drawn, images=None, like=_alike(train))
    places = min(settings.parallel, _gpus(train))
    seconds = cost.seconds
    if seconds is not None and places > 1:
        seconds *= _longest_row(steps, places) / sum(steps)
    return replace(
        cost,
        seconds=seconds,
        parallel=settings.parallel,
        shared=settings.parallel > places,
        notes=tuple(_notes(settings, steps)),
    )


def _gpus(train: TrainSettings) -> int:
    """Count the GPUs that trainings can have to themselves; 1 where they share what there is."""
    if train.processes > 1 or train.accelerate or train.device == "cpu":
        return 1
    import torch

    return max(1, torch.cuda.device_count())


def _longest_row(steps: Sequence[int], places: int) -> int:
    """Steps of the place with the most work when each training takes the first free place."""
    rows = [0] * places
    for count in steps:
        rows[rows.index(min(rows))] += count
    return max(rows)


def _notes(settings: StudySettings, steps: Sequence[int]) -> list[str]:
    rising = settings.warmup_note(steps)
    notes = [rising] if rising else []
    selects = any(arm.method not in ("full", "random") for arm in settings.arms)
    if not selects or settings.embed.encoder != settings.evaluate.encoder:
        return notes
    return [
        *notes,
        f"The judge's encoder also selects ({settings.evaluate.encoder}), so the values favour "
        "what it sees; judge with another one.",
    ]


def _cost(
    settings: TrainSettings,
    steps: Sequence[int],
    *,
    generated: int,
    images: int | None,
    like: Run | None,
) -> Cost:
    seen = sum(steps) * settings.batch_size
    measured = None if like else measuring.known_speed(settings)
    status = like.status if like else {}
    rate, disk = status.get("images_per_second"), status.get("disk_bytes_at_most")
    if measured:
        rate, disk = measured.images_per_second, measured.disk_bytes
    return Cost(
        trainings=len(steps),
        steps=sum(steps),
        images_seen=seen,
        generated=generated,
        exposure=seen / images if images else None,
        seconds=seen / rate if rate else None,
        disk_bytes=disk * len(steps) if disk else None,
        like=like.id if like else None,
        device=measured.device if measured else None,
        trained=settings.network != "analytic",
    )


def _alike(settings: TrainSettings) -> Run | None:
    """Find the newest training here with the same network that was timed."""
    settings_alike = {name: getattr(settings, name) for name in ALIKE}
    shape = from_pipeline.shape_of(settings.start_from)
    for run in reversed(runs.listing("train")):
        same = {name: run.settings.get(name) for name in ALIKE} == settings_alike
        own = run.path / from_pipeline.SHAPE
        same = same and (runs.read_json(own) if own.exists() else None) == shape
        if same and run.status.get("images_per_second"):
            return run
    return None


def duration(seconds: float) -> str:
    """Write a duration the way people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def megabytes(size: int) -> str:
    """Write a size on disk: ``340 MB``, ``2.1 GB``."""
    return f"{size / 1e6:,.0f} MB" if size < 1e9 else f"{size / 1e9:,.1f} GB"
