"""The batch of a step: images on the device, noise levels, noise."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...config import TrainSettings
from ..classes import Labels, counts, numbers
from ..pixel_range import to_unit
from . import augmentation, randomness


class Batch(NamedTuple):
    """Images (b, 3, h, w) in [-1, 1], noise levels (b,), and what the network is told besides.

    That is nothing, (b, k) labels of the augmentation, or these, perhaps None, and (b,) classes.
    """

    images: Tensor
    t: Tensor
    condition: tuple[Tensor | None, ...] = ()


class Batches:
    """The prepared images, and the batch of each step.

    Args:
        pictures: (n, 3, h, w) uint8 from `pixels.load`; they move to a GPU when they take
            less than half of its free memory.
        settings: Decide batch size, parts, flips and seed.
        labels: The class of each image by name, None where it has none; None without classes.
        device: Where the network is.
        processes: How many share a batch.
        process: Which of them this one is.
    """

    def __init__(
        self,
        pictures: np.ndarray,
        settings: TrainSettings,
        *,
        device: torch.device,
        labels: Labels | None = None,
        processes: int = 1,
        process: int = 0,
    ) -> None:
        self.settings, self.device = settings, device
        self.processes, self.process = processes, process
        self.pictures = _resident(pictures, device)
        # By kind: a GPU that was asked for without its number is not equal to one with it.
        self.resident = self.pictures.device.type == device.type
        self.classes = None if labels is None else numbers(labels)
        self.no_class = 0 if labels is None else len(counts(labels))

    def __len__(self) -> int:
        return len(self.pictures)

    def plan(self, step: int, attempt: int) -> randomness.Plan:
        """Return the plan of a step's whole batch, over all processes."""
        s = self.settings
        return randomness.plan_step(
            seed=s.seed,
            step=step,
            batch_size=s.batch_size,
            images=len(self.pictures),
            timesteps=s.timesteps,
            flip=s.horizontal_flip,
            attempt=attempt,
            augment=s.augment,
            label_dropout=None if self.classes is None else s.label_dropout,
        )

    def part(self, plan: randomness.Plan, number: int) -> randomness.Plan:
        """Return this process's part of a batch, one of ``accumulate``."""
        s = self.settings
        size = s.batch_size // (self.processes * s.accumulate)
        first = self.process * s.accumulate + number
        return plan.part(slice(first * size, (first + 1) * size))

    def take(self, part: randomness.Plan) -> Batch:
        """Return the clean images of a part with their noise levels, on the device."""
        index, flip, t = self._to_device(part)
        x_0 = to_unit(self._gather(index, part.index))
        x_0 = torch.where(flip.view(-1, 1, 1, 1), x_0.flip(-1), x_0)
        classes = self._classes(part)
        if part.augment is None:
            return Batch(x_0, t, () if classes is None else (None, classes))
        labels = augmentation.labels_of(part.augment, part.flip)  # (b, 9)
        maps = augmentation.inverse_maps(part.augment)  # (b, 2, 3)
        packed = self._send(torch.from_numpy(np.hstack([labels, maps.reshape(-1, 6)])))
        labels, maps = packed[:, :-6], packed[:, -6:].reshape(-1, 2, 3)
        flip_y = labels[:, augmentation.FLIP_Y_LABEL] > 0
        told = (labels.contiguous(),) if classes is None else (labels.contiguous(), classes)
        return Batch(augmentation.transform(x_0, flip_y, maps), t, told)

    def _classes(self, part: randomness.Plan) -> Tensor | None:
        """Return the class that the network is told of each image, (b,) int64."""
        if self.classes is None or part.unlabeled is None:
            return None
        told = np.where(part.unlabeled, self.no_class, self.classes[part.index])
        return self._send(torch.from_numpy(told))

    def _send(self, host: Tensor) -> Tensor:
        """Copy to the device without waiting for it."""
        if self.device.type == "cuda":
            host = host.pin_memory()
        return host.to(self.device, non_blocking=True)

    def _gather(self, index: Tensor, host_index: np.ndarray) -> Tensor:
        if self.resident:
            return self.pictures[index]
        return self.pictures[torch.from_numpy(host_index)].to(self.device, non_blocking=True)

    def _to_device(self, part: randomness.Plan) -> tuple[Tensor, Tensor, Tensor]:
        """Copy index, flip and t in one transfer that the host does not wait for."""
        packed = torch.from_numpy(np.stack([part.index, part.flip.astype(np.int64), part.t]))
        index, flip, t = self._send(packed)
        return index, flip.bool(), t


def _resident(pictures: np.ndarray, device: torch.device) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        host = torch.from_numpy(pictures)  # still on disk, memory-mapped
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if host.nbytes < free / 2:
            return host.to(device)
    return host
