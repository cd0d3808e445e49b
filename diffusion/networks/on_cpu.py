"""The memory order and blocks of a network that trains on a CPU."""

from __future__ import annotations

import torch
from torch import nn

from .network import Unet2D, unwrap


def prepare(network: nn.Module, device: torch.device, *, half: bool) -> nn.Module:
    """Put a network that will train in the memory order that is fastest on a CPU.

    oneDNN convolves float32 pictures channels-last without copying each into an order of its own
    and back. Only ``unet2d`` in float32 on a CPU is changed: in bfloat16 channels-last is slower
    (``benchmarks/training_cpu.py``). Values stay the same to rounding, the state dict the same.

    Args:
        network: From `network.build`, where it is used.
        device: That place.
        half: Whether it computes in half precision there.
    """
    if device.type != "cpu" or half or not isinstance(network, Unet2D):
        return network
    from .lean import make_lean

    make_lean(unwrap(network))
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
