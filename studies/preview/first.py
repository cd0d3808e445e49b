"""A study's preview: drawn before its arms are trained, and kept beside them.

It is drawn by default where it takes at most `SHARE` of the time of the trainings, and is a
preview like any other: it has a run, a page and a place in the App of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ... import runs
from ...common.disk_faults import is_full
from ...common.errors import CuradiffError, Stopped
from ...common.keys import under, versioned
from ...config import ArmSettings, PreviewSettings, StudySettings
from ...runs import Run
from ...workflows import estimating
from ...workflows.embedding import embed
from ...workflows.estimating import duration
from ...workflows.progress import Progress, tell
from .. import planning, splitting
from .arms import METHODS, WITHOUT_WORST, OwnArms, list_arms

FILE = "preview.json"
SHARE = 0.05  # of the trainings' time that a preview may take without being asked for
WORTH_MEASURING = 200_000  # images seen in training, from which half a minute is little
SAMPLE = 128  # training images that the time of a drawing is measured with
NONE_HELD_OUT = "No preview: it compares with held-out images, and held_out is 0."
SCREENED = (2000, 0.21)  # images looked at in full, and the share of further ones in time


@dataclass(frozen=True)
class Plan:
    """A preview that a study could begin with.

    Attributes:
        settings: Of the preview.
        arms: Arms of the preview by those of the study.
        own: Those arms of the preview that have a budget, a tag, a view or options of their own.
        seconds: What it takes on this machine, about.
    """

    settings: PreviewSettings
    arms: dict[str, str]
    own: dict[str, ArmSettings]
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
    record = run.record
    plan = plan_preview(
        config,
        len(view),
        version=int(record.get("images_version", 1)),
        revisions=record.get("revisions"),
    )
    if plan is None:
        if config.preview == "yes":
            tell(progress, NONE_HELD_OUT)
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
    from .engine import make_preview

    try:
        splitting.note_images(run, view)  # a preview takes long, and may be interrupted
        # Both then keep the same near copies on one side, and hold out the same images.
        embed(view, progress=progress, **config.embed.model_dump())
        result = make_preview(view, plan.settings, progress=progress, own=plan.own)
    except (KeyboardInterrupt, Stopped):
        raise
    except CuradiffError as fault:
        if is_full(fault):
            raise
        tell(progress, f"The study goes on without a preview: {fault}")
        return
    runs.write_json(run.path / FILE, {"run": str(result.run.path), "arms": plan.arms})
    tell(progress, f"Previewed: {result.page}")


def plan_preview(
    config: StudySettings,
    images: int,
    *,
    version: int = 1,
    revisions: Mapping[str, Sequence[str]] | None = None,
) -> Plan | None:
    """Return the preview of a study's arms; None without held-out images to compare with.

    Args:
        config: The study's settings.
        images: How many images it has.
        version: Of its images.
        revisions: What its arms have been, as its record keeps it.
    """
    if config.held_out <= 0:
        return None
    cells = {cell.arm.name: cell for cell in planning.cells(config, revisions)}
    arms, own = {}, {}
    for arm in config.arms:
        if _is_plain(arm, config):
            arms[arm.name] = arm.method
        else:
            name = _name_of_own(cells[arm.name].arm_name)
            arms[arm.name], own[name] = name, arm
    settings = PreviewSettings(
        name=under(versioned(config.name, version), "preview"),
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
    return Plan(settings, arms, own, preview_seconds(settings, images, own))


def _is_plain(arm: ArmSettings, config: StudySettings) -> bool:
    """Tell whether an arm is a method with the study's budget, over all images."""
    narrowed = any(getattr(arm, name) for name in ("tag", "view", "without", "options"))
    return not narrowed and (arm.method == "full" or arm.budget in (None, config.budget))


def _name_of_own(name: str) -> str:
    """Return an arm's name in a preview, where names of methods mean something else."""
    taken = name == "full" or name in METHODS or WITHOUT_WORST.fullmatch(name)
    return f"{name}-own" if taken else name


def preview_seconds(settings: PreviewSettings, images: int, own: OwnArms | None = None) -> float:
    """Estimate how long a preview takes here, from one denoising of noise on this machine.

    Args:
        settings: Of the preview.
        images: Images of its source.
        own: Arms with settings of their own.
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
    for arm in list_arms(settings, own):
        count = min(_images_of(arm.name, settings, own or {}, pool), pool)
        count *= 2 if settings.horizontal_flip else 1
        looked_at = min(count, full + share * max(0, count - full))
        level = looked_at * per_image
        render = level * (settings.image_size / side) ** 2 / 10 if settings.image_size > side else 0
        pictures = settings.count * len(settings.noise_seeds)
        seconds += pictures * (settings.steps * level + render)
    return seconds


def _images_of(name: str, settings: PreviewSettings, own: OwnArms, pool: int) -> int:
    """Return how many images an arm has, at most where it chooses from fewer."""
    if name in own:
        return pool if own[name].method == "full" else own[name].budget or settings.budget
    return pool if name == "full" else settings.budget


def announce_preview(config: StudySettings, images: int | None) -> str:
    """Say whether a study begins with a preview, for a plan of it; empty without one.

    Args:
        config: The study's settings.
        images: How many images it has; None where that is not known.
    """
    if config.preview == "no" or config.train.network == "analytic":
        return ""
    plan = plan_preview(config, images or config.budget)
    if plan is None:
        return NONE_HELD_OUT if config.preview == "yes" else ""
    number = len(list_arms(plan.settings, plan.own))
    takes = f", about {duration(plan.seconds)} on this machine" if images else ""
    what = f"A preview of {number} selections comes first{takes}; no network is trained for it"
    if config.preview == "yes":
        return f"{what}."
    return (
        f"{what}. It is left out where it would take more than {SHARE:.0%} of the trainings' time "
        "on the machine that trains; --preview yes makes it always, --preview no never."
    )


def _training_seconds(config: StudySettings) -> float | None:
    """Return how long the trainings of a study take here; None where that is not known."""
    cost = estimating.study(config)
    if cost.seconds is None and cost.images_seen >= WORTH_MEASURING:
        try:
            cost = estimating.estimate_study(**config.model_dump())
        except CuradiffError:  # several processes cannot be measured, for instance
            return None
    return cost.seconds
