"""Device, precision and processes, through accelerate."""

from __future__ import annotations

from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from ..errors import EnvironmentFault

Precision = Literal["no", "bf16", "fp16"]


def device_of(name: str) -> torch.device:
    """Turn a setting into a device; ``auto`` takes a GPU when there is one.

    Raises:
        EnvironmentFault: The device asked for is not there.
    """
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if there[kind])
    if not there[name]:
        raise EnvironmentFault(
            f"device is {name}, and PyTorch {torch.__version__} finds none here; "
            "choose device auto or cpu, or install a PyTorch build for it."
        )
    return torch.device(name)


def precision_of(name: str, device: torch.device) -> Precision:
    """Turn a setting into a number format; ``auto`` is bf16 on a GPU that has it.

    Raises:
        EnvironmentFault: fp16 was asked for on a CPU, where it gains nothing.
    """
    if name == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "no"
    if name == "fp16" and device.type == "cpu":
        raise EnvironmentFault("mixed_precision fp16 needs a GPU; choose bf16, no or auto.")
    return name  # type: ignore[return-value]


def accelerator(device: str, mixed_precision: str) -> Accelerator:
    """Join the other processes, if any, and choose device and precision."""
    where = device_of(device)
    precision = precision_of(mixed_precision, where)
    AcceleratorState._reset_state()  # the precision of an earlier training in this process
    return Accelerator(mixed_precision=precision, cpu=where.type == "cpu")


def host_group(accelerator: Accelerator) -> Any:
    """Return a group in which processes can talk without waiting for their GPUs."""
    if accelerator.num_processes == 1:
        return None
    return torch.distributed.new_group(backend="gloo")
