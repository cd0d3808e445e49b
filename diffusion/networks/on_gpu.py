"""The memory order and kernels of a network on a GPU."""

from __future__ import annotations

import torch
from torch import nn

from .network import Unet2D, unwrap


def fuses(name: str, device: torch.device, *, half: bool) -> bool:
    """Tell whether a network that is not compiled has fused kernels on a device.

    Args:
        name: Of the network, as in the settings.
        device: Where it is used.
        half: Whether it computes in half precision there.
    """
    if device.type != "cuda" or not half or name != "unet2d":
        return False
    from .fused import why_not

    return not why_not()


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
    name = "unet2d" if isinstance(network, Unet2D) else "lucidrains"
    fusing = not compiled and fuses(name, device, half=half)
    network = network.to(device)
    if device.type != "cuda":
        return network
    if fusing:
        from .fused import fuse

        fuse(unwrap(network))
    if fusing or compiled:
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
