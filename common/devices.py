"""Which device computes: the one place that turns a setting into a ``torch.device``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .errors import EnvironmentFault

if TYPE_CHECKING:
    import torch

KINDS = ("cuda", "mps", "cpu")  # in the order in which ``auto`` takes them
FORCES_CPU = "ACCELERATE_USE_CPU"  # set by ``accelerate launch --cpu``


def choose_device(name: str | torch.device = "auto", *, float64: bool = False) -> torch.device:
    """Return the device of a setting; ``auto`` takes a GPU when there is one.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or a device.
        float64: True where the computation needs double precision, which Apple's GPUs do not
            have: the CPU then takes the place of ``mps``.

    Raises:
        EnvironmentFault: PyTorch finds no such device on this machine.
    """
    import torch

    counts = {
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
        "cpu": 1,
    }
    name = str(name)
    if name == "auto":
        on_cpu = os.environ.get(FORCES_CPU, "").lower() in ("1", "true", "yes")
        name = "cpu" if on_cpu else next(kind for kind in KINDS if counts[kind])
    kind, _, index = name.partition(":")
    known = counts.get(kind, 0)
    if not known or (":" in name and not (index.isdecimal() and int(index) < known)):
        usable = ", ".join(["auto", *(kind for kind in reversed(KINDS) if counts[kind])])
        raise EnvironmentFault(
            f"device is {name}, and PyTorch {torch.__version__} finds no such device here; choose "
            f"one of {usable}, or install a PyTorch build for it."
        )
    return torch.device("cpu" if kind == "mps" and float64 else name)
