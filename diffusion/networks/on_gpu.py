"""The memory order and kernels of a network on a GPU."""

from __future__ import annotations

import torch
from torch import nn

from .network import Unet2D, unwrap


def prepare(
    network: nn.Module, device: torch.device, *, half: bool, compiled: bool = False
) -> nn.Module:
    """Move a network to where it is used, in the order in memory that is fastest there.

    On a GPU convolutions are fastest channels-last, as long as what stands between them keeps to
    that order: fused kernels do, and compiled code; PyTorch's own norms copy every picture into
    the other order and back (what that costs: ``benchmarks/gpu.py``).

    Args:
        network: From `network.build`.
        device: Where it is used.
        half: Whether it computes in half precision there; fused kernels are for that.
        compiled: Whether it will be compiled there.
    """
    network = network.to(device)
    if device.type != "cuda":
        return network
    fused = False
    if isinstance(network, Unet2D) and half and not compiled:
        from .fused import fuse

        fused = fuse(unwrap(network))
    if fused or compiled:
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
