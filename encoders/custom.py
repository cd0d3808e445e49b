"""Bring your own: ``python:FILE_OR_MODULE:FUNCTION``.

The contract:

- ``FUNCTION(weights)`` gets the path given as weights (a str) or None, and
  returns a ``torch.nn.Module``.
- The module takes float32 RGB ``(n, 3, side, side)`` with values in [0, 1]; any
  further normalization is its own. It returns a tensor ``(n, d)``.
- ``side`` is the module's attribute ``input_size`` (int, default 224).
- Its attribute ``fit`` says how a picture becomes a square: ``crop`` (default:
  the shorter side is scaled, the centre cut), ``squash`` or ``pad``; resampling
  is bicubic.

The file runs as it is: use only code that you trust.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from ..common.errors import CuradiffError, DataError, SettingsError, WeightsError, nearest
from .encoder import Encoder
from .network import wrap
from .pixels import Pixels
from .weights import state_hash

FORM = "python:FILE_OR_MODULE:FUNCTION, such as python:my_encoder.py:load"
FITS = ("crop", "squash", "pad")


def load(name: str, target: str, *, weights: str | None, device: str, dtype: str) -> Encoder:
    """Load an encoder from a person's own code.

    Args:
        name: As it was asked for.
        target: ``FILE_OR_MODULE:FUNCTION``.
        weights: Handed to the function.
        device: Where to compute.
        dtype: Number format.

    Raises:
        SettingsError: There is no such file, module or function.
        WeightsError: The function failed on the weights.
        DataError: What it returned does not keep the contract.
    """
    place, _, function = target.rpartition(":")
    if not place or not function:
        raise SettingsError(f"encoder {name} is incomplete: write {FORM}.")
    module = _module(name, place)
    build = _function(name, module, function)
    if weights is not None and not Path(weights).expanduser().is_file():
        raise WeightsError(f"the weights file {weights} does not exist; check the path.")
    path = str(Path(weights).expanduser()) if weights is not None else None
    try:
        network = build(path)
    except Exception as fault:
        raise WeightsError(
            f"{function} of {place} failed with weights {path!r} "
            f"({type(fault).__name__}: {fault}); name the file that it expects in the setting "
            "weights."
        ) from fault
    if not isinstance(network, torch.nn.Module):
        raise DataError(
            f"{function} of {place} must return a torch.nn.Module, got {type(network).__name__}."
        )
    identity = f"python:{function}|{_code_hash(module)}|{state_hash(network)}"
    try:
        return wrap(
            network,
            _pixels(name, network),
            name=name,
            identity=identity,
            device=device,
            dtype=dtype,
        )
    except CuradiffError:
        raise
    except Exception as fault:
        raise DataError(
            f"the module of {name} failed on float RGB images in [0, 1], (n, 3, side, side) with "
            f"side = its input_size ({type(fault).__name__}: {fault})."
        ) from fault


def _module(name: str, place: str) -> ModuleType:
    if place.endswith(".py") or "/" in place:
        return _from_file(name, Path(place).expanduser())
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as fault:
        if fault.name != place.split(".")[0] and fault.name != place:
            raise SettingsError(
                f"encoder {name}: {place} needs {fault.name}, which is not installed."
            ) from None
        raise SettingsError(
            f"encoder {name}: no module {place} is installed; write {FORM}."
        ) from None


def _from_file(name: str, path: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise SettingsError(f"encoder {name}: {path} does not exist; write {FORM}.")
    title = f"_curadiff_encoder_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(title, path)
    if spec is None or spec.loader is None:
        raise SettingsError(f"encoder {name}: {path} is not a Python file; write {FORM}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[title] = module
    try:
        spec.loader.exec_module(module)
    except Exception as fault:
        del sys.modules[title]
        raise SettingsError(
            f"encoder {name}: {path} does not run ({type(fault).__name__}: {fault}); mend the file."
        ) from fault
    return module


def _function(name: str, module: ModuleType, function: str) -> Callable[[str | None], Any]:
    build = getattr(module, function, None)
    if not callable(build):
        known = [key for key, value in vars(module).items() if callable(value)]
        raise SettingsError(
            f"encoder {name}: {module.__file__ or module.__name__} has no function "
            f"{function}{nearest(function, known)}."
        )
    return build


def _code_hash(module: ModuleType) -> str:
    """Name the code, so that an edited file does not pass for the one before."""
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).is_file():
        return f"{module.__name__}-{getattr(module, '__version__', 'unversioned')}"
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]


def _pixels(name: str, network: torch.nn.Module) -> Pixels:
    side, fit = getattr(network, "input_size", 224), getattr(network, "fit", "crop")
    if isinstance(side, bool) or not isinstance(side, int) or side < 1:
        raise DataError(f"input_size of {name} must be a whole number of pixels, got {side!r}.")
    if fit not in FITS:
        raise DataError(f"fit of {name} must be one of {', '.join(FITS)}, got {fit!r}.")
    return Pixels(side, fit)
