"""The state of a training between two steps: weights, their EMA, optimizer.

Together with (seed, step) these determine everything that follows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ...common.errors import RunError
from ...config import TrainSettings
from . import power_ema
from .ema import ema_decay_at, ema_update

MOMENTS = ("exp_avg", "exp_avg_sq")


class State:
    """Weights, their exponential moving average (EMA), and the optimizer's moments.

    Args:
        network: As the loss calls it.
        bare: The module in it whose state-dict names are published.
        settings: Decide learning rate, warm-up and averaging.
    """

    def __init__(self, network: nn.Module, bare: nn.Module, settings: TrainSettings) -> None:
        self.network = network
        self.settings = settings
        self.weights = dict(bare.named_parameters())
        self.ema = _copies(self.weights)
        groups = power_ema.GROUPS if settings.power_ema_every else ()
        self.averages = {group: _copies(self.weights) for group in groups}
        self.optimizer = torch.optim.AdamW(
            self.weights.values(),
            lr=settings.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def count(self) -> int:
        """Return the number of weights."""
        return sum(weight.numel() for weight in self.weights.values())

    def set_learning_rate(self, step: int) -> float:
        """Set the rate for a step counted from 0: up over ``warmup``, down over ``cooldown``."""
        s = self.settings
        rate = s.learning_rate * min(
            1.0, (step + 1) / (s.warmup + 1), (s.steps - step) / (s.cooldown + 1)
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def update_ema(self, step: int) -> None:
        """Update the EMA, and other averages where they are kept, after ``step`` steps."""
        s = self.settings
        decay = ema_decay_at(step, decay=s.ema_decay, every=s.ema_every, warmup=s.ema_warmup)
        if decay is not None:
            ema_update(list(self.ema.values()), list(self.weights.values()), decay)
        if self.averages:
            power_ema.update(self.averages, self.weights, step)

    @contextmanager
    def ema_in_place(self) -> Iterator[None]:
        """Let the network compute with the EMA weights for a while."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for name, weight in self.weights.items():
            weight.data, self.ema[name] = self.ema[name], weight.data

    def reset(self, weights: dict[str, nn.Parameter]) -> None:
        """Begin from these weights: they are also the EMA, and there are no moments."""
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(weights[name])
                self.ema[name].copy_(weights[name])
                for average in self.averages.values():
                    average[name].copy_(weights[name])
        self.optimizer.state.clear()

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """Return the state as named tensors, one group per checkpoint file."""
        moments: dict[str, Tensor] = {}
        for name, weight in self.weights.items():
            for key, value in self.optimizer.state[weight].items():
                moments[f"{key}.{name}"] = value
        groups = {"model": dict(self.weights), "ema": dict(self.ema), "optimizer": moments}
        return groups | {group: dict(average) for group, average in self.averages.items()}

    def restore(self, tensors: dict[str, dict[str, Tensor]]) -> None:
        """Load what `tensors` returned.

        Raises:
            RunError: They are the tensors of another network.
        """
        moments = tensors["optimizer"]
        for name, weight in self.weights.items():
            _copy_checked(self.ema[name], tensors["ema"], name)
            _copy_checked(weight, tensors["model"], name)
            for group, average in self.averages.items():  # an adopted file has none
                _copy_checked(average[name], tensors.get(group, tensors["model"]), name)
        saved: dict[int, dict[str, Any]] = {}
        for place, (name, weight) in enumerate(self.weights.items()):
            if f"step.{name}" not in moments:
                continue  # no step of the optimizer was taken yet
            saved[place] = {"step": moments[f"step.{name}"].clone()}
            for key in MOMENTS:
                saved[place][key] = _copy_checked(
                    torch.empty_like(weight), moments, f"{key}.{name}"
                )
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": saved, "param_groups": groups})


def _copies(weights: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in weights.items()}


def _copy_checked(into: Tensor, tensors: dict[str, Tensor], name: str) -> Tensor:
    """Copy a named tensor; its shape must be the same, as copying would broadcast."""
    saved = tensors.get(name)
    if saved is None or saved.shape != into.shape:
        what = "missing" if saved is None else f"of shape {tuple(saved.shape)}"
        raise RunError(
            f"the checkpoint is one of another network: {name} is {what}, and "
            f"{tuple(into.shape)} is needed; start a new training."
        )
    with torch.no_grad():
        return into.detach().copy_(saved)
