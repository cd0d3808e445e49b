"""Encoders by name.

A name is one of `NAMES`, or a scheme of `SCHEMES`, a colon, and what the scheme
needs. Each entry imports its libraries only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from ..common.errors import SettingsError, nearest
from ..config.embed import Dtype
from .encoder import Encoder

DTYPES = get_args(Dtype)


def _builtin(name: str, weights: str | None, device: str, dtype: str) -> Encoder:
    from . import descriptor, scattering

    if weights is not None:
        raise SettingsError(f"encoder {name} takes no weights, got {weights}; leave them out.")
    if dtype != "float32":
        raise SettingsError(f"encoder {name} computes in float32 only, got {dtype}; leave it out.")
    return {"builtin": descriptor, "scattering": scattering}[name].load()


def _clip(name: str, weights: str | None, device: str, dtype: str) -> Encoder:
    from . import clip

    model = "ViT-B-32-quickgelu"  # OpenAI trained with QuickGELU
    return clip.load(name, model, "openai", weights=weights, device=device, dtype=dtype)


def _dinov2(name: str, weights: str | None, device: str, dtype: str) -> Encoder:
    from . import dinov2

    size = dinov2.SIZES[name.removeprefix("dinov2-vit-")[0]]
    return dinov2.load(name, size, weights=weights, device=device, dtype=dtype)


def _inception(name: str, weights: str | None, device: str, dtype: str) -> Encoder:
    from . import inception

    return inception.load(weights=weights, device=device, dtype=dtype)


def _open_clip(name: str, weights: str | None, device: str, dtype: str) -> Encoder:
    from . import clip

    model, _, tag = name.removeprefix("open_clip:").partition(":")
    return clip.load(name, model, tag or None, weights=weights, device=device, dtype=dtype)


def _timm(name: str, weights: str | None, device: str, dtype: str) -> Encoder:
    from . import timm_models

    model = name.removeprefix("timm:")
    return timm_models.load(name, model, weights=weights, device=device, dtype=dtype)


def _python(name: str, weights: str | None, device: str, dtype: str) -> Encoder:
    from . import custom

    target = name.removeprefix("python:")
    return custom.load(name, target, weights=weights, device=device, dtype=dtype)


Loader = Callable[[str, str | None, str, str], Encoder]

NAMES: dict[str, Loader] = {
    "builtin": _builtin,
    "scattering": _builtin,
    "clip-vit-b32": _clip,
    "dinov2-vit-s14": _dinov2,
    "dinov2-vit-b14": _dinov2,
    "dinov2-vit-l14": _dinov2,
    "inception": _inception,
}
SCHEMES: dict[str, Loader] = {
    "open_clip": _open_clip,  # open_clip:MODEL[:TAG]
    "timm": _timm,  # timm:MODEL[.TAG]
    "python": _python,  # python:FILE_OR_MODULE:FUNCTION
}


def check(name: str) -> None:
    """Check an encoder's name without loading anything.

    Raises:
        SettingsError: The name is unknown; the message lists the choices and the nearest.
    """
    scheme, colon, rest = name.partition(":")
    if name in NAMES or (scheme in SCHEMES and rest):
        return
    if colon and scheme in SCHEMES:
        raise SettingsError(f"encoder {name} is incomplete: {scheme}: needs a name after it.")
    listed = ", ".join([*NAMES, "open_clip:MODEL[:TAG]", "timm:MODEL", "python:FILE:FUNCTION"])
    near = nearest(f"{scheme}:", [f"{known}:" for known in SCHEMES]) if colon else ""
    raise SettingsError(
        f"encoder must be one of {listed}, got {name!r}{near or nearest(name, NAMES)}."
    )


def load(
    name: str, *, weights: str | None = None, device: str = "auto", dtype: Dtype = "float32"
) -> Encoder:
    """Load an encoder.

    Args:
        name: One of `NAMES`, or ``open_clip:MODEL[:TAG]``, ``timm:MODEL[.TAG]``,
            ``python:FILE_OR_MODULE:FUNCTION``.
        weights: A weights file; by default they are looked up, see `weights.locate`.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        dtype: ``bfloat16`` computes in mixed precision; the encoder's ``error``
            then says what that costs.

    Raises:
        SettingsError: The name or dtype is unknown.
        WeightsError: The weights are not on this machine, damaged or of another encoder.
        EnvironmentFault: A library or the device is not there.
    """
    check(name)
    if dtype not in DTYPES:
        raise SettingsError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}.")
    loader = NAMES.get(name) or SCHEMES[name.partition(":")[0]]
    return loader(name, None if weights is None else str(weights), device, dtype)
