"""CLIP's image towers, through open_clip.

CLIP ViT-B/32 is what the published study selected with (Radford et al. 2021,
arXiv:2103.00020). Only the image half of a checkpoint is used.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..common.errors import SettingsError, WeightsError, nearest
from .encoder import Encoder
from .network import wrap
from .pixels import Pixels
from .weights import Source, file_hash, fill, locate, read_state

DECIDE = ("quick_gelu", "mean", "std", "interpolation", "resize_mode")  # what a tag decides
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def load(
    name: str, model: str, tag: str | None, *, weights: str | None, device: str, dtype: str
) -> Encoder:
    """Load the image tower of an open_clip model.

    Args:
        name: The encoder's name, for messages and the key.
        model: open_clip's name of the architecture.
        tag: open_clip's name of the training; None takes the first that is published, and
            for a weights file only where all published trainings see and compute alike.
        weights: A weights file, None to look it up.
        device: Where to compute.
        dtype: Number format.

    Raises:
        SettingsError: open_clip knows no such model or tag, or a tag is needed.
        WeightsError: The weights are not here or are others.
    """
    import open_clip

    config = open_clip.get_model_config(model)
    if config is None:
        near = nearest(model, open_clip.list_models())
        raise SettingsError(
            f"encoder {name}: open_clip has no model {model!r}{near}; "
            "open_clip.list_models() names them all."
        )
    if weights is not None and tag is None:
        _refuse_ambiguous(name, model)
    published = _published(name, model, tag, needed=weights is None)
    path = locate(name, source_of(published), weights)
    state = read_state(path)
    visual = {key.removeprefix("visual."): x for key, x in state.items() if "visual." in key[:7]}
    if not visual:
        raise WeightsError(
            f"{path} does not hold the weights of {name}: no tensor's name begins with visual., "
            "as in every CLIP checkpoint. Give the file that belongs to this encoder."
        )
    with quiet():
        # OpenAI and some others trained with QuickGELU; a file of weights does not say so.
        quick = bool(published.get("quick_gelu"))
        clip: Any = open_clip.create_model(
            model, load_weights=False, pretrained_text=False, force_quick_gelu=quick
        )
    tower = clip.visual
    fill(tower, visual, encoder=name, path=path)
    activation = "-quickgelu" if quick and not config.get("quick_gelu") else ""
    identity = f"open_clip:{model}{activation}|{file_hash(path)}"
    pixels = _pixels(tower.image_size, published, config)
    return wrap(tower, pixels, name=name, identity=identity, device=device, dtype=dtype)


def _published(name: str, model: str, tag: str | None, *, needed: bool) -> dict[str, Any]:
    import open_clip

    tags = open_clip.pretrained.list_pretrained_tags_by_model(model)
    if tag is None and tags:
        tag = tags[0]
    published = open_clip.get_pretrained_cfg(model, tag) if tag else {}
    if tag and not published:
        listed = f" (tags: {', '.join(tags)})" if tags else ""
        raise SettingsError(
            f"encoder {name}: open_clip has no weights {tag!r} for {model}"
            f"{nearest(tag, tags)}{listed}."
        )
    if needed and not published:
        raise WeightsError(
            f"open_clip publishes no weights for {model}; name a file in the setting weights, "
            "or set encoder to builtin."
        )
    return published


def _refuse_ambiguous(name: str, model: str) -> None:
    """Refuse a file without a tag where the published trainings need different networks.

    Raises:
        SettingsError: The message lists the tags.
    """
    import open_clip

    tags = open_clip.pretrained.list_pretrained_tags_by_model(model)
    kinds = {
        tuple(str(open_clip.get_pretrained_cfg(model, tag).get(key)) for key in DECIDE)
        for tag in tags
    }
    if len(kinds) > 1:
        raise SettingsError(
            f"encoder {name}: the trainings of {model} differ in activation or pixels, and a "
            f"weights file does not say which it is of; add its tag, such as {name}:{tags[0]} "
            f"(tags: {', '.join(tags)})."
        )


def source_of(published: dict[str, Any]) -> Source:
    """Return where the weights of open_clip's record of a training are."""
    url = published.get("url", "")
    repo, _, file = published.get("hf_hub", "").rpartition("/")
    cached = (Path.home() / ".cache" / "clip" / Path(url).name,) if url else ()
    return Source(repo=repo, files=(file,) if file else HUB_FILES, url=url, cached=cached)


def _pixels(size: Any, published: dict[str, Any], config: dict[str, Any]) -> Pixels:
    """Read open_clip's record of the pixels, which has defaults of its own."""
    from open_clip import transform

    record = transform.PreprocessCfg()
    record = {**record.__dict__, **published, **config.get("preprocess_cfg", {})}
    side = size[0] if isinstance(size, tuple | list) else int(size)
    fits = {"shortest": "crop", "squash": "squash", "longest": "pad"}
    return Pixels(
        side,
        fits[record["resize_mode"]],  # pyright: ignore[reportArgumentType]
        filter=record["interpolation"],
        mean=tuple(record["mean"]),
        std=tuple(record["std"]),
        fill=(int(record["fill_color"]),) * 3,
    )


@contextmanager
def quiet() -> Iterator[None]:
    """open_clip warns that the weights are random; they are replaced a moment later."""

    def other(record: logging.LogRecord) -> bool:
        return "initialized randomly" not in record.getMessage()

    root = logging.getLogger()
    root.addFilter(other)
    try:
        yield
    finally:
        root.removeFilter(other)
