"""A study's preview: drawn before its arms are trained, and kept beside them.

It is drawn by default where it takes at most `SHARE` of the time of the trainings, and is a
preview like any other: it has a run, a page and a place in the App of its own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ... import runs
from ...common.errors import CuradiffError, Stopped
from ...common.keys import under, versioned
from ...config import PreviewSettings, StudySettings
from ...runs import Run
from ...workflows import estimating
from ...workflows.estimating import duration
from ...workflows.progress import Progress, tell
from .arms import list_arms

FILE = "preview.json"
SHARE = 0.05  # of the trainings' time that a preview may take without being asked for
WORTH_MEASURING = 200_000  # images seen in training, from which half a minute is little
SAMPLE = 128  # training images that the time of a drawing is measured with
SCREENED = (2000, 0.21)  # images looked at in full, and the share of further ones in time


@dataclass(frozen=True)
class Plan:
    """A preview that a study could begin with.

    Attributes:
        settings: Of the preview.
        arms: Arms of the preview by those of the study; those that choose in a way that a
            preview has no name for are missing.
        seconds: What it takes on this machine, about.
    """

    settings: PreviewSettings
    arms: dict[str, str]
    seconds: float


def preview_first(run: Run, config: StudySettings, view: Any, progress: Progress) -> None:
    """Preview the arms of a study where that is asked for, or takes little of its time.

    What was previewed is noted in the study's ``preview.json``. A preview that fails is said
    and does not keep the study from training.

    Args:
        run: The study.
        config: Its settings.
        view: Its images.
        progress: As for `study`.
    """
    if config.preview == "no" or config.train.network == "analytic":
        return
    plan = plan_preview(run, config, len(view))
    if plan is None:
        if config.preview == "yes":
            tell(progress, "No preview: it needs held-out images, and arms that choose by method.")
        return
    if config.preview == "auto" and not (run.path / FILE).exists():
        training = _training_seconds(config)
        if training is None or training < plan.seconds:
            return
        if plan.seconds > SHARE * training:
            tell(
                progress,
                f"What the arms would make a model draw can be seen first, in about "
                f"{duration(plan.seconds)} and without training: --preview yes.",
            )
            return
    tell(
        progress,
        f"A preview comes first, in about {duration(plan.seconds)}; no network is trained for it. "
        "To leave it out: --preview no.",
    )
    from .engine import preview

    try:
        result = preview(view, progress=progress, **plan.settings.model_dump())
    except (KeyboardInterrupt, Stopped):
        raise
    except CuradiffError as fault:
        tell(progress, f"The study goes on without a preview: {fault}")
        return
    runs.write_json(run.path / FILE, {"run": str(result.run.path), "arms": plan.arms})
    tell(progress, f"Previewed: {result.page}")


def plan_preview(run: Run, config: StudySettings, images: int) -> Plan | None:
    """Return the preview of a study's arms; None where there is nothing to preview.

    Args:
        run: The study.
        config: Its settings.
        images: How many images it has.
    """
    arms = {
        arm.name: arm.method
        for arm in config.arms
        if arm.budget in (None, config.budget) and not _narrowed(arm)
    }
    if not arms or config.held_out <= 0:
        return None
    label = versioned(config.name, int(run.record.get("images_version", 1)))
    settings = PreviewSettings(
        name=under(label, "preview"),
        arms=list(dict.fromkeys(arms.values())),
        budget=config.budget,
        random_draws=config.draws,
        image_size=config.train.image_size,
        decide_size=config.train.decide_size,
        windows=config.train.windows,
        horizontal_flip=config.train.horizontal_flip,
        held_out=config.held_out,
        group_field=config.group_field,
        variations=0,
        fields=False,
        device=config.train.device,
        embed=config.embed,
        select=config.select,
        evaluate=config.evaluate,
    )
    return Plan(settings, arms, preview_seconds(settings, images))


def _narrowed(arm: Any) -> bool:
    """Tell whether an arm chooses from fewer images, or with options of its own."""
    return any(getattr(arm, name) for name in ("tag", "view", "without", "options"))


def preview_seconds(settings: PreviewSettings, images: int) -> float:
    """Estimate how long a preview takes here, from one denoising of noise on this machine.

    Args:
        settings: Of the preview.
        images: Images of its source.
    """
    import torch

    from ...diffusion.analytic.denoiser import Denoiser

    side = min(settings.decide_size, settings.image_size)
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(SAMPLE, 3, side, side, generator=generator) * 2 - 1
    denoiser = Denoiser(noise, lambda sigma: side // 4)
    denoiser.windowed(noise[0], 1.0, side // 4)
    begun = time.perf_counter()
    denoiser.windowed(noise[0], 1.0, side // 4)
    per_image = (time.perf_counter() - begun) / SAMPLE
    pool = round(images * (1 - settings.held_out))
    full, share = SCREENED
    seconds = 0.0
    for arm in list_arms(settings):
        count = pool if arm.name == "full" else min(settings.budget, pool)
        count *= 2 if settings.horizontal_flip else 1
        looked_at = min(count, full + share * max(0, count - full))
        level = looked_at * per_image
        render = level * (settings.image_size / side) ** 2 / 10 if settings.image_size > side else 0
        pictures = settings.count * len(settings.noise_seeds)
        seconds += pictures * (settings.steps * level + render)
    return seconds


def _training_seconds(config: StudySettings) -> float | None:
    """Return how long the trainings of a study take here; None where that is not known."""
    cost = estimating.study(config)
    if cost.seconds is None and cost.images_seen >= WORTH_MEASURING:
        try:
            cost = estimating.estimate_study(**config.model_dump())
        except CuradiffError:  # several processes cannot be measured, for instance
            return None
    return cost.seconds
