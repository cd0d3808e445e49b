"""Guidance: go away from a worse model's answer, in the direction of a better one's.

    output = worse + guidance * (better - worse)

The better one is the network that is told the class. The worse one is the same network without
the class (classifier-free guidance; Ho and Salimans 2022, arXiv:2207.12598), or another, smaller
or less trained network with the same class (autoguidance; Karras et al. 2024, arXiv:2406.02507).
What a network predicts is linear in the picture that it means, so the formula is the same for
pictures, noise and v.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...common.errors import RunError, SettingsError
from ...config import GenerateSettings, TrainSettings, settings_of
from ...runs import Run, open_run
from ..classes import counts, labels_of, learns_no_class
from ..train import checkpoint

MUST_MATCH = ("image_size", "prediction", "timesteps", "schedule")


class Guided(nn.Module):
    """A network whose output is guided.

    Args:
        network: The better one.
        guidance: How far to go; 1 is the network alone.
        guide: The worse one; None for the network itself, told no class.
    """

    def __init__(self, network: nn.Module, guidance: float, guide: nn.Module | None = None) -> None:
        super().__init__()
        self.network, self.guidance, self.guide = network, guidance, guide

    def forward(
        self,
        x_t: Tensor,
        t: Tensor,
        labels: Tensor | None = None,
        classes: Tensor | None = None,
    ) -> Tensor:
        """Return the guided output, (b, 3, h, w)."""
        condition = () if classes is None else (labels, classes)
        better = self.network(x_t, t, *condition)
        if self.guidance == 1:
            return better
        better = better.to(torch.float32, copy=True)  # the next call may overwrite it
        if self.guide is None:
            worse = self.network(x_t, t, labels, None)
        else:
            worse = self.guide(x_t, t, *condition)
        return torch.lerp(worse.float(), better, self.guidance)


class Guide(NamedTuple):
    """A run and the step of its checkpoint that guides."""

    run: Run
    step: int

    def __str__(self) -> str:
        return f"{self.run.id}:{self.step}"


def resolve(run: Run, settings: GenerateSettings) -> Guide | None:
    """Find the checkpoint that guides a drawing, and make sure that guidance is possible.

    Returns:
        The checkpoint of ``guide``; None without one.

    Raises:
        SettingsError: The run has nothing to be guided by, or the guide does not fit it.
        RunError: There is no such run or checkpoint.
    """
    trained = settings_of(TrainSettings, run)
    if settings.guidance is not None and trained.network == "analytic":
        raise SettingsError("guidance is for networks that are trained, and analytic is not.")
    if settings.guide is not None:
        guide = _named(run, settings.guide)
        _check(run, guide.run)
        return guide
    if settings.guidance is not None and trained.classes is None:
        raise SettingsError(
            f"guidance needs a training with classes, which {run.id} is not, or a guide, such as "
            "an earlier step of it."
        )
    without = learns_no_class(labels_of(run.path), trained.label_dropout)
    if settings.guidance not in (None, 1) and not without:
        raise SettingsError(
            f"guidance needs what {run.id} draws without a class, and it was trained with "
            "label_dropout 0; give a guide, or train with label_dropout 0.1."
        )
    return None


def _named(run: Run, text: str) -> Guide:
    """Return the checkpoint that ``4000``, ``RUN`` or ``RUN:4000`` names."""
    name, _, step = (run.id, "", text) if text.isdigit() else text.partition(":")
    other = run if name == run.id else open_run(name)
    if other.kind != "train" or other.settings.get("network") == "analytic":
        raise SettingsError(f"guide {text} is no training of a network; give one.")
    if not step:
        newest = checkpoint.newest_intact(other.path, "ema.safetensors")
        if newest is None:
            raise RunError(f"{other.id} has no checkpoint yet; train it first.")
        return Guide(other, newest)
    saved = checkpoint.saved_steps(other.path)
    if not step.isdigit() or int(step) not in saved:
        raise RunError(
            f"{other.id} has no checkpoint at step {step} (there: "
            f"{', '.join(map(str, saved)) or 'none'}); keep_every keeps earlier ones."
        )
    return Guide(other, int(step))


def _check(run: Run, guide: Run) -> None:
    ours, theirs = settings_of(TrainSettings, run), settings_of(TrainSettings, guide)
    for name in MUST_MATCH:
        if getattr(ours, name) != getattr(theirs, name):
            raise SettingsError(
                f"{guide.id} cannot guide {run.id}: it was trained with {name} "
                f"{getattr(theirs, name)}, and {getattr(ours, name)} is needed."
            )
    known = [list(counts(labels_of(one.path))) for one in (run, guide)]
    if known[0] != known[1]:
        raise SettingsError(
            f"{guide.id} cannot guide {run.id}: it was trained with "
            f"{'other' if known[1] else 'no'} classes."
        )
