"""The memory order and kernels of a network on a GPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .lucidrains import Lucidrains
from .network import Unet2D, unwrap


def fuses(name: str, device: torch.device, *, half: bool) -> bool:
    """Tell whether a network that is not compiled has fused kernels on a device.

    Args:
        name: Of the network, as in the settings.
        device: Where it is used.
        half: Whether it computes in half precision there.
    """
    return device.type == "cuda" and half and not why_not(name)


def why_not(name: str) -> str:
    """Return why this machine's GPU cannot compute a network fused; empty where it can."""
    kernels = _kernels(name)
    return f"the network {name} has no fused kernels" if kernels is None else kernels.why_not()


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
    name = _name(network)
    fusing = not compiled and fuses(name, device, half=half)
    network = network.to(device)
    if device.type != "cuda":
        return network
    fused = _kernels(name).fuse(unwrap(network)) if fusing else 0
    if fused or compiled:
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _name(network: nn.Module) -> str:
    """Return a network's name in the settings."""
    kinds = {Unet2D: "unet2d", Lucidrains: "lucidrains"}
    return kinds.get(type(network), type(network).__name__)


def _kernels(name: str) -> Any:
    """Return the module that computes a network fused; None where there is none."""
    if name == "unet2d":
        from . import fused

        return fused
    if name == "lucidrains":
        from . import fused_lucidrains

        return fused_lucidrains
    return None
