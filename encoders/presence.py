"""Whether an encoder's weights are on this machine, without loading or fetching anything."""

from __future__ import annotations

from pathlib import Path

from .weights import SUFFIXES, Source, cached, folder, slug

CLIP = Source(
    repo="timm/vit_base_patch32_clip_224.openai",
    files=("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    cached=(Path.home() / ".cache" / "clip" / "ViT-B-32.pt",),
)
"""Where open_clip finds the default encoder's weights; asking it would import it, which is slow."""


def is_here(name: str) -> bool:
    """Tell whether an encoder can be used without a network.

    Args:
        name: One of `NAMES` of the registry; of another encoder it is not known, which is False.
    """
    if name in ("builtin", "scattering"):
        return True
    if any((folder() / (slug(name) + suffix)).is_file() for suffix in SUFFIXES):
        return True
    if name == "clip-vit-b32":
        return cached(CLIP) is not None
    if name.startswith("dinov2-vit-"):
        from .dinov2 import source_of

        return cached(source_of(name)) is not None
    return False
