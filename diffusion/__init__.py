"""Train a diffusion model and draw images from it; knows no FiftyOne.

    prepare     check the images and write the run's manifest
    start       train in a process of its own; also resumes
    train_here  train in this process
    stop        ask a training to checkpoint and end
    change      change how long or where a training goes on
    generate    draw images from a trained run
    freeze      keep the images of a run of the network analytic, in this process
    adopt       begin with a checkpoint of denoising-diffusion-pytorch
    begin_with  begin with another run's averaged weights

Names load on first use, so that importing the package does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .generate import generate
    from .jobs import change, freeze, prepare, start, stop, train_here
    from .origin import adopt, begin_with

MODULES = {
    "adopt": "origin",
    "begin_with": "origin",
    "change": "jobs",
    "freeze": "jobs",
    "generate": "generate",
    "prepare": "jobs",
    "start": "jobs",
    "stop": "jobs",
    "train_here": "jobs",
}
__all__ = [
    "adopt",
    "begin_with",
    "change",
    "freeze",
    "generate",
    "prepare",
    "start",
    "stop",
    "train_here",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f".{MODULES[name]}", __name__), name)
    globals()[name] = found  # a submodule of the same name would hide the function otherwise
    return found
