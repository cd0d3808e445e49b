"""Any image model of timm, by name: its pooled features, before the classifier."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import SettingsError, WeightsError, nearest
from .encoder import Encoder
from .network import wrap
from .pixels import Pixels, scaled
from .weights import Source, file_hash, fill, locate, read_state

if TYPE_CHECKING:
    import torch

FITS = {"center": "crop", "squash": "squash", "border": "pad"}


def load(name: str, model: str, *, weights: str | None, device: str, dtype: str) -> Encoder:
    """Load a timm model without its classifier.

    Raises:
        SettingsError: timm knows no such model.
        WeightsError: The weights are not here or are others.
    """
    import timm
    from timm.data.config import resolve_data_config

    architecture = model.split(".")[0]
    if not timm.is_model(architecture):
        near = nearest(architecture, timm.list_models())
        raise SettingsError(
            f"encoder {name}: timm has no model {architecture!r}{near}; "
            "timm.list_models() names them all."
        )
    tags = [tag for tag in timm.list_pretrained() if tag.split(".")[0] == architecture]
    if "." in model and model not in tags:
        raise SettingsError(
            f"encoder {name}: timm has no weights {model!r}{nearest(model, tags)} "
            f"(there are: {', '.join(tags) or 'none'})."
        )
    config = timm.get_pretrained_cfg(model)
    record: dict[str, Any] = config.to_dict() if config else {}
    if weights is None and not (record.get("hf_hub_id") or record.get("url")):
        raise WeightsError(
            f"timm publishes no weights for {model}; name a file in the setting weights, "
            "or set encoder to builtin."
        )
    path = locate(name, _source(record), weights)
    network = timm.create_model(model, pretrained=False, num_classes=0)
    fill(network, _state(path, network, record), encoder=name, path=path)
    return wrap(
        network,
        _pixels(resolve_data_config({}, pretrained_cfg=network.pretrained_cfg)),
        name=name,
        identity=f"timm:{model}|{file_hash(path)}",
        device=device,
        dtype=dtype,
    )


def _source(record: dict[str, Any]) -> Source:
    url = record.get("url") or ""
    named = record.get("hf_hub_filename")
    torch_home = os.environ.get("TORCH_HOME") or Path.home() / ".cache" / "torch"
    return Source(
        repo=record.get("hf_hub_id") or "",
        files=(named,) if named else ("model.safetensors", "pytorch_model.bin"),
        url=url,
        cached=(Path(torch_home) / "hub" / "checkpoints" / Path(url).name,) if url else (),
    )


def _state(path: Path, network: torch.nn.Module, record: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Read the weights in timm's naming, without the classifier."""
    state = read_state(path)
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if convert is not None:
        state = convert(state, network)
    heads = record.get("classifier") or ()
    heads = (heads,) if isinstance(heads, str) else heads
    expected = network.state_dict().keys()
    ends = (".weight", ".bias")
    unused = {head + end for head in heads for end in ends} - expected
    return {key: value for key, value in state.items() if key not in unused}


def _pixels(config: dict[str, Any]) -> Pixels:
    side = config["input_size"][-1]
    return Pixels(
        side,
        FITS[config["crop_mode"]],  # pyright: ignore[reportArgumentType]
        scale_to=scaled(side, config["crop_pct"]),
        filter=config["interpolation"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        fill=tuple(round(255 * value) for value in config["mean"]),
    )
