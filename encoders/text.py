"""The text half of a CLIP model, for queries in words among its embeddings of images.

CLIP was trained so that a text and an image that it describes have a large cosine (Radford et
al. 2021, arXiv:2103.00020). That holds between the two halves of one checkpoint only, so the
weights are looked for by the hash that the embeddings were recorded with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..common.devices import choose_device
from ..common.errors import DataError, WeightsError
from .clip import quiet, source_of
from .encoder import unit
from .tokenizers import check_tokenizer, load_tokenizer
from .weights import SUFFIXES, cached, file_hash, fill, folder, read_state, slug

SCHEME = "open_clip:"
QUICK = "-quickgelu"
ASIDE = (
    "logit_scale",
    "logit_bias",
    "input_resolution",
    "context_length",
    "vocab_size",
    "text.transformer.embeddings.position_ids",
)
"""What files hold in different ways, or not at all, and no text passes through."""


def has_text(key: str | None) -> bool:
    """Tell whether the encoder of a key also has a text half.

    Args:
        key: Identity of an encoder, as data sets record it; None where it is not known.
    """
    return bool(key and key.startswith(SCHEME))


@dataclass(frozen=True)
class TextEncoder:
    """The text half of an open_clip model.

    Attributes:
        model: open_clip's name of the architecture.
        quick: Whether QuickGELU takes the place of the architecture's activation.
        path: The weights file.
        device: Where to compute.
    """

    model: str
    quick: bool
    path: Path
    device: str = "auto"

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return the (n, d) float32 vectors of n texts, each of length 1.

        Raises:
            WeightsError: The file is damaged or does not hold the whole model.
            DataError: A text is empty.
        """
        import torch

        if not texts or not all(text.strip() for text in texts):
            raise DataError("the text is empty; say what to look for, such as 'a red dress'.")
        network, tokenizer, place = self._loaded
        with torch.inference_mode():
            features = network.encode_text(tokenizer(list(texts)).to(place))
        return unit(features.float().cpu().numpy())

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Any]:
        import open_clip

        place = choose_device(self.device)
        state = read_state(self.path)
        if all(key.startswith("visual.") for key in state):
            raise WeightsError(
                f"{self.path} holds the image half of {self.model} alone, and words need the text "
                "half too; embed the images with the whole checkpoint."
            )
        with quiet():
            network: Any = open_clip.create_model(
                self.model,
                load_weights=False,
                pretrained_text=False,
                force_quick_gelu=self.quick,
            )
        state = _arranged(state, network)
        fill(network, state, encoder=f"{SCHEME}{self.model}, both halves", path=self.path)
        return network.to(place).eval(), load_tokenizer(self.model), place


def _arranged(state: dict[str, Any], network: Any) -> dict[str, Any]:
    """Name and shape a checkpoint's tensors as the network does, whichever program wrote them."""
    from open_clip import model

    if "positional_embedding" in state and not hasattr(network, "positional_embedding"):
        state = model.convert_to_custom_text_state_dict(state)
    model.resize_text_pos_embed(state, network)
    aside = {key: x for key, x in network.state_dict().items() if key in ASIDE}
    return {key: x for key, x in state.items() if key not in ASIDE} | aside


def text_encoder(
    key: str | None, *, weights: str | None = None, device: str = "auto"
) -> TextEncoder:
    """Find the text half of the encoder that made some embeddings; nothing is downloaded.

    Args:
        key: The encoder's identity, as the data set records it.
        weights: Its weights file; by default looked for where encoders are.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        DataError: The encoder has no text half.
        WeightsError: Its weights or its tokenizer are not here, or the file is of another model.
    """
    if key is None or not has_text(key):
        by = "an encoder that is not recorded" if key is None else key.partition("|")[0]
        raise DataError(
            f"the embeddings are by {by}, which does not know words; embed with a CLIP model, for "
            "example --encoder clip-vit-b32."
        )
    import open_clip

    identity, digest = key.split("|")[:2]
    model = identity.removeprefix(SCHEME)
    quick = model.endswith(QUICK) and model not in open_clip.list_models()
    model = model.removesuffix(QUICK) if quick else model
    path = _weights(identity, model, digest, weights)
    check_tokenizer(model)
    return TextEncoder(model, quick, path, device)


def _weights(identity: str, model: str, digest: str, given: str | None) -> Path:
    """Return the weights file of a hash: the given one, or one of those on this machine."""
    if given is not None:
        path = Path(given).expanduser()
        if not path.is_file() or file_hash(path) != digest:
            raise WeightsError(
                f"{path} is not the weights file that the images were embedded with ({identity}, "
                f"sha256 {digest}...); give that one."
            )
        return path
    for path in _candidates(model):
        if file_hash(path) == digest:
            return path
    raise WeightsError(
        f"the weights of {identity} that the images were embedded with are not where weights are "
        f"looked for; give the file with --weights FILE, or put it into {folder()}."
    )


def _candidates(model: str) -> Iterator[Path]:
    """List the weights files of a model that are on this machine."""
    import open_clip

    plain = model.removesuffix(QUICK)
    tags = {
        (name, tag)
        for name in (model, plain)
        for tag in open_clip.pretrained.list_pretrained_tags_by_model(name)
    }
    names = {f"{SCHEME}{name}" for name in (model, plain)}
    names |= {f"{SCHEME}{name}:{tag}" for name, tag in tags}
    names |= {"clip-vit-b32"} if plain == "ViT-B-32" else set()
    for name in sorted(names):
        for suffix in SUFFIXES:
            if (path := folder() / (slug(name) + suffix)).is_file():
                yield path
    for name, tag in sorted(tags):
        if path := cached(source_of(open_clip.get_pretrained_cfg(name, tag))):
            yield path
