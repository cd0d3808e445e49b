"""The checkpoint files of denoising-diffusion-pytorch 1.9.4, ``model-N.pt``."""

from __future__ import annotations

import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from ...common.errors import DataError, RunError
from ...config import TrainSettings
from .. import schedules
from ..train import objective
from .lucidrains import Lucidrains

LUCIDRAINS_MIN_SNR = 5.0


def read(path: Path, settings: TrainSettings) -> tuple[int, dict[str, dict[str, Tensor]]]:
    """Read a checkpoint of that repository's Trainer: its step, and tensors for `State.restore`.

    Raises:
        DataError: The file is not such a checkpoint.
        RunError: It was trained with another network, schedule or loss than the settings', or
            for more steps.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        step = int(content["step"])
        raw = _below(content["model"], "model.")
        averaged = _below(content["ema"], "ema_model.model.")
        moments = _moments(list(raw), content["opt"]["state"])
        levels = content["model"]["alphas_cumprod"]
        weight = content["model"]["loss_weight"]
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, UnpicklingError) as fault:
        raise DataError(
            f"{path} is not a checkpoint of denoising-diffusion-pytorch ({_brief(fault)}); "
            "give a model-N.pt file that its Trainer wrote."
        ) from None
    differing = _differences(settings, raw, levels, weight)
    if differing:
        needed = ", ".join(f"{name} {theirs}" for name, _, theirs in differing)
        given = ", ".join(f"{name} {ours}" for name, ours, _ in differing)
        raise RunError(f"{path} was trained with {needed}, and here it is {given}; give {needed}.")
    for tensors in (raw, averaged):
        _check_shapes(path, tensors, settings)
    if step > settings.steps:
        raise RunError(
            f"{path} was written after {step:,} steps, and steps is {settings.steps:,} here; "
            "give at least as many."
        )
    return step, {"model": raw, "ema": averaged, "optimizer": moments}


def _differences(
    settings: TrainSettings, weights: dict[str, Tensor], levels: Tensor, weight: Tensor
) -> list[tuple[str, Any, Any]]:
    """List what the file was made with that the settings say otherwise: (name, ours, theirs)."""
    base = weights["init_conv.weight"].shape[0]
    multipliers = "-".join(f"{width / base:g}" for width in _widths(weights))
    s = settings
    alpha_bar = {name: schedules.alpha_bar(name, len(levels)) for name in schedules.SCHEDULES}
    schedule = _matching(alpha_bar, levels)
    prediction, min_snr = _matching(
        {
            (name, clipped): objective.weights(alpha_bar[schedule], name, clipped)
            for name in ("epsilon", "sample", "v_prediction")
            for clipped in (None, LUCIDRAINS_MIN_SNR)
        },
        weight,
    )
    compared = [
        ("base_channels", s.base_channels, base),
        ("multipliers", "-".join(f"{w / s.base_channels:g}" for w in s.widths), multipliers),
        ("timesteps", s.timesteps, len(levels)),
        ("schedule", s.schedule, schedule),
        ("prediction", s.prediction, prediction),
        ("min_snr", s.min_snr, min_snr),
        ("weighting", s.weighting, "snr"),
    ]
    return [entry for entry in compared if entry[1] != entry[2]]


def _check_shapes(path: Path, tensors: dict[str, Tensor], settings: TrainSettings) -> None:
    """Make sure that the tensors are those of the network that the settings say."""
    with torch.device("meta"):
        needed = Lucidrains(settings.base_channels, settings.widths).state_dict()
    for name in [*needed, *tensors]:
        shapes = [tuple(d[name].shape) if name in d else None for d in (tensors, needed)]
        if shapes[0] != shapes[1]:
            raise DataError(
                f"{path} holds another network than {settings.network}: {name} is "
                f"{shapes[0] or 'missing'}, and {shapes[1] or 'nothing'} is needed; its Unet must "
                "have three channels, no self-conditioning, and its other options as they were."
            )


def _matching(candidates: dict[Any, Tensor], values: Tensor) -> Any:
    """Return the key of the candidate nearest to the values."""
    return min(candidates, key=lambda key: (candidates[key] - values).abs().max().item())


def _widths(weights: dict[str, Tensor]) -> list[int]:
    """Read the width of each level off the layers that halve the picture, and the last one."""
    name = re.compile(r"downs\.(\d+)\.3\.(1\.)?weight")
    widths = {int(m[1]): w.shape[0] for key, w in weights.items() if (m := name.fullmatch(key))}
    return [widths[level] for level in sorted(widths)]


def _brief(fault: BaseException) -> str:
    lines = str(fault).splitlines()
    return f"{type(fault).__name__}: {lines[0] if lines else ''}"[:200]


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    inner = {key.removeprefix(prefix): t for key, t in state.items() if key.startswith(prefix)}
    if "init_conv.weight" not in inner:
        raise KeyError(f"{prefix}init_conv.weight")
    return inner


def _moments(names: list[str], state: dict[int, dict[str, Any]]) -> dict[str, Tensor]:
    moments = {}
    for place, name in enumerate(names):
        for key in ("step", "exp_avg", "exp_avg_sq"):
            moments[f"{key}.{name}"] = torch.as_tensor(state[place][key])
    return moments
