"""Averages of the weights whose length is chosen after the training.

The average at time t weighs the weights at time s as s^gamma: its length is a share of the whole
training, so that what the first steps were forgets itself. Two of these are kept while training,
and snapshots of both, in half precision. As every such average is close to a combination of
snapshots, one of any length can be put together afterwards by least squares.

A length is sigma_rel, the standard deviation of the profile as a share of t: 0.05 weighs
mostly the last tenth of a training, 0.10 the last quarter.

Source: Karras et al. 2024, arXiv:2312.02696, section 3 and appendix C (``p_dot_p`` is their
equation for the inner product of two profiles). Time is counted in optimizer steps.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...common.errors import RunError
from ...common.files import checksum_of, replacing
from ...runs import read_json, write_json
from .ema import ema_update

Floats = Any  # float64, arrays or numbers

LENGTHS = (0.05, 0.10)  # of the averages that are kept while training
FOLDER = "averages"
POOR = 0.1  # a profile that differs by more from the one asked for is said


def group_of(length: float) -> str:
    """Return the name of an average among the files of a checkpoint."""
    return f"average-{length:.2f}"


GROUPS = tuple(group_of(length) for length in LENGTHS)


@cache
def gamma_of(length: float) -> float:
    """Return the exponent of the profile of a length sigma_rel, below 0.2887.

    sigma_rel^2 = (gamma + 1) / ((gamma + 2)^2 (gamma + 3)), whose largest root it is.
    """
    t = length**-2
    return float(np.roots([1, 7, 16 - t, 12 - t]).real.max())


def decay_at(step: int, gamma: float) -> float:
    """Return the decay of the update after a step, 0 after the first."""
    return (1 - 1 / step) ** (gamma + 1)


def inner_product(t_a: Floats, gamma_a: Floats, t_b: Floats, gamma_b: Floats) -> Floats:
    """Return the integral of the product of two profiles (gamma + 1) s^gamma / t^(gamma + 1).

    A profile ends at its own t; arguments broadcast.
    """
    shorter = np.minimum(t_a, t_b)
    longer = np.maximum(t_a, t_b)
    gamma_of_longer = np.where(t_a < t_b, gamma_b, gamma_a)
    product = (gamma_a + 1) * (gamma_b + 1) / (gamma_a + gamma_b + 1)
    return product * (shorter / longer) ** gamma_of_longer / longer


def combination(
    steps: Sequence[int], gammas: Sequence[float], *, step: int, gamma: float
) -> tuple[np.ndarray, float]:
    """Return the weight of each snapshot in the average that comes nearest to a profile.

    Args:
        steps: When each snapshot was taken.
        gammas: Its exponent.
        step: The end of the profile that is wanted.
        gamma: Its exponent.

    Returns:
        Weights that sum to 1, and how far the combined profile is from the wanted one, as a
        share of its own norm.
    """
    t, g = np.array(steps, float), np.array(gammas, float)
    among = inner_product(t[:, None], g[:, None], t[None], g[None])
    with_it = inner_product(t, g, np.float64(step), np.float64(gamma))
    own = float(inner_product(*map(np.float64, (step, gamma, step, gamma))))
    weights = np.linalg.lstsq(among, with_it, rcond=1e-12)[0]
    weights /= weights.sum()
    missed = own - 2 * weights @ with_it + weights @ among @ weights
    return weights, float(np.sqrt(max(missed, 0.0) / own))


def path_of(run_path: Path, step: int) -> Path:
    """Return the file of the snapshots after a step."""
    return run_path / FOLDER / f"step-{step:08d}.safetensors"


def save(run_path: Path, step: int, averages: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Write snapshots of the averages, by group and name, in half precision.

    Raises:
        RunError: The disk is full or not writable.
    """
    path = path_of(run_path, step)
    halves = {
        f"{group}/{name}": tensor.detach().half().cpu().contiguous()
        for group, tensors in averages.items()
        for name, tensor in tensors.items()
    }
    with replacing(path, durable=True) as part:
        path.parent.mkdir(exist_ok=True)
        save_file(halves, part, metadata={"format": "pt"})
    write_json(path.with_suffix(".json"), {"sum": checksum_of(path)})


def saved_steps(run_path: Path) -> list[int]:
    """List the steps that a run has snapshots of, ascending."""
    names = (path.name for path in (run_path / FOLDER).glob("step-*.safetensors"))
    return sorted(int(re.findall(r"\d+", name)[0]) for name in names)


def check_saved(run_path: Path, step: int) -> list[int]:
    """Return the steps up to one that a run has snapshots of.

    Raises:
        RunError: There are none.
    """
    steps = [saved for saved in saved_steps(run_path) if saved <= step]
    if not steps:
        raise RunError(
            f"{run_path} has no snapshots of averages up to step {step}, which ema needs; train "
            "with power_ema_every."
        )
    return steps


def reconstruct(run_path: Path, step: int, length: float) -> dict[str, Tensor]:
    """Return the average of a length that ends at a step, float32 tensors by name.

    Raises:
        RunError: The run has no snapshots up to there, or one is damaged.
    """
    steps = check_saved(run_path, step)
    pairs = [(saved, each) for saved in steps for each in LENGTHS]
    weights, missed = combination(
        [saved for saved, _ in pairs],
        [gamma_of(each) for _, each in pairs],
        step=step,
        gamma=gamma_of(length),
    )
    if missed > POOR:
        warnings.warn(
            f"the average of length {length:g} at step {step} differs by {missed:.0%} from what "
            f"{len(steps)} snapshots can make; snapshots in smaller power_ema_every come closer",
            stacklevel=2,
        )
    share = {(saved, group_of(each)): w for (saved, each), w in zip(pairs, weights, strict=True)}
    made: dict[str, Tensor] = {}
    for saved in steps:
        for key, tensor in _read(path_of(run_path, saved)).items():
            group, _, name = key.partition("/")
            part = tensor.double() * float(share[saved, group])
            made[name] = made[name] + part if name in made else part
    return {name: tensor.float() for name, tensor in made.items()}


def _read(path: Path) -> dict[str, Tensor]:
    if checksum_of(path) != read_json(path.with_suffix(".json")).get("sum"):
        raise RunError(f"{path} is damaged: its checksum is another; delete it to do without.")
    return load_file(path)


def update(
    averages: Mapping[str, Mapping[str, Tensor]], weights: Mapping[str, Tensor], step: int
) -> None:
    """Update averages in place after a step, as `ema.ema_update` does."""
    for length in LENGTHS:
        average = averages[group_of(length)]
        ema_update(list(average.values()), list(weights.values()), decay_at(step, gamma_of(length)))
