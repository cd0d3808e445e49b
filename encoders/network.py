"""An encoder around a torch network."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.devices import choose_device
from ..common.errors import DataError
from .encoder import Encoder
from .pixels import Pixels

if TYPE_CHECKING:
    import torch


def wrap(
    network: torch.nn.Module,
    pixels: Pixels,
    *,
    name: str,
    identity: str,
    device: str,
    dtype: str = "float32",
    scale: bool = True,
) -> Encoder:
    """Make an encoder of a network.

    Args:
        network: A module: ``(n, 3, height, width)`` to ``(n, d)``.
        pixels: How it wants its pixels.
        name: The encoder's name.
        identity: Name and hash of the weights, for the key.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        dtype: ``float32``, or ``bfloat16`` for a forward pass in mixed precision.
        scale: False hands the network raw 0-255 bytes.

    Raises:
        DataError: The network does not return one vector per picture.
    """
    import torch

    place = choose_device(device)
    module = network.to(place).eval()
    layout = torch.contiguous_format

    def compute(stack: np.ndarray, *, low: bool = dtype == "bfloat16") -> np.ndarray:
        with (
            torch.inference_mode(),
            # TF32 would cost convolutions three digits
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
            torch.autocast(place.type, dtype=torch.bfloat16, enabled=low),
        ):
            parts = []
            for part in np.split(stack, range(most, len(stack), most)):
                batch = torch.from_numpy(np.ascontiguousarray(part)).to(place)
                x = pixels.normalized(batch) if scale else batch.permute(0, 3, 1, 2)
                parts.append(_checked(module(x.contiguous(memory_format=layout)), name))
            return torch.cat(parts).float().cpu().numpy()

    # On a CPU a few pictures at a time stay in the processor's cache.
    most = 4 * torch.get_num_threads() if place.type == "cpu" else sys.maxsize
    convolutional = place.type == "cpu" and _is_convolutional(module)
    needed = 4 if convolutional or dtype == "bfloat16" else 1  # large networks are slow here
    probe = _patterns(pixels.size or 64)[:needed]
    exact = compute(probe, low=False)
    if convolutional:
        layout = torch.channels_last  # as the pixels come; up to three times as fast
        module.to(memory_format=layout)
        if not _agrees(compute, probe, exact):
            layout = torch.contiguous_format
            module.to(memory_format=layout)
    error = 0.0
    if dtype == "bfloat16":
        gap = np.linalg.norm(compute(probe) - exact, axis=1)
        error = float((gap / np.maximum(np.linalg.norm(exact, axis=1), 1e-30)).max())
    return Encoder(
        name=name,
        dim=exact.shape[1],
        key=f"{identity}|{pixels}|{dtype}",
        preprocess=pixels,
        forward=compute,
        device=str(place),
        dtype=dtype,
        error=error,
    )


def _checked(features: Any, name: str) -> torch.Tensor:
    shape = getattr(features, "shape", None)
    if shape is None or len(shape) != 2:
        got = type(features).__name__ if shape is None else tuple(shape)
        raise DataError(
            f"{name} must return a tensor (n, d) for images (n, 3, height, width), "
            f"got {got}; pool or flatten its output."
        )
    return features


def _is_convolutional(module: torch.nn.Module) -> bool:
    """Tell whether a network has many 2-D convolutions, and nothing of a higher rank."""
    ranks = [parameter.dim() for parameter in module.parameters()]
    return ranks.count(4) > 4 and max(ranks) == 4


def _agrees(compute: Callable[..., np.ndarray], probe: np.ndarray, exact: np.ndarray) -> bool:
    """Tell whether a network bears another memory layout: views of its input may not."""
    try:
        other = compute(probe, low=False)
    except RuntimeError:
        return False
    return bool(np.allclose(other, exact, rtol=1e-3, atol=1e-4 * np.abs(exact).max()))


def _patterns(side: int) -> np.ndarray:
    """Draw four test pictures, (4, side, side, 3): noise, two gradients, stripes."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 255, side)
    columns = np.broadcast_to(ramp, (side, side))
    stripes = np.broadcast_to(np.where(np.arange(side) // 8 % 2, 220, 30), (side, side))
    plain = [np.stack([p, p.T, 255 - p], axis=2) for p in (columns, columns**2 / 255, stripes)]
    noise = rng.integers(0, 256, (side, side, 3))
    return np.stack([noise, *plain]).astype(np.uint8)
