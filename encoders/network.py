"""An encoder around a torch network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError, EnvironmentFault
from .encoder import Encoder
from .pixels import Pixels

if TYPE_CHECKING:
    import torch


def pick_device(device: str) -> str:
    """Resolve ``auto`` to the best device here, and check one that was named.

    Raises:
        EnvironmentFault: The named device is not there.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available()}
    there["mps"] = torch.backends.mps.is_available()
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there.get(device.split(":")[0], False):
        usable = ", ".join(name for name, found in there.items() if found)
        raise EnvironmentFault(f"device {device} is not usable here (usable: {usable}, auto).")
    return device


def wrap(
    network: Callable[[torch.Tensor], torch.Tensor],
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
        DataError: The network does not return one finite vector per picture.
    """
    import torch

    place = pick_device(device)
    module = network.to(place).eval() if isinstance(network, torch.nn.Module) else network

    def compute(stack: np.ndarray, low: bool) -> np.ndarray:
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(allow_tf32=False),
            torch.autocast(place.split(":")[0], dtype=torch.bfloat16, enabled=low),
        ):
            batch = torch.from_numpy(np.ascontiguousarray(stack)).to(place)
            x = pixels.normalized(batch) if scale else batch.permute(0, 3, 1, 2)
            features = module(x)
            if not isinstance(features, torch.Tensor) or features.ndim != 2:
                shape = tuple(getattr(features, "shape", ())) or type(features).__name__
                raise DataError(
                    f"{name} must return a tensor (n, d) for images (n, 3, height, width), "
                    f"got {shape}; pool or flatten its output."
                )
            return features.float().cpu().numpy()

    side = pixels.size or 64
    probe = _patterns(side)
    exact = compute(probe, low=False)
    error = 0.0
    if dtype == "bfloat16":
        gap = np.linalg.norm(compute(probe, low=True) - exact, axis=1)
        error = float((gap / np.linalg.norm(exact, axis=1)).max())
    return Encoder(
        name=name,
        dim=exact.shape[1],
        key=f"{identity}|{pixels}|{dtype}",
        preprocess=pixels,
        forward=lambda stack: compute(stack, low=dtype == "bfloat16"),
        device=place,
        dtype=dtype,
        error=error,
    )


def _patterns(side: int) -> np.ndarray:
    """Draw four test pictures, (4, side, side, 3): noise, two gradients, stripes."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 255, side)
    columns = np.broadcast_to(ramp, (side, side))
    stripes = np.broadcast_to(np.where(np.arange(side) // 8 % 2, 220, 30), (side, side))
    plain = [np.stack([p, p.T, 255 - p], axis=2) for p in (columns, columns**2 / 255, stripes)]
    noise = rng.integers(0, 256, (side, side, 3))
    return np.stack([noise, *plain]).astype(np.uint8)
