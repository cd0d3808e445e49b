"""Labels that a network is told besides the noise level: a linear map to its time embedding.

The map begins at zero and has no offset, so labels change nothing at first, and labels of zero
never do: a network that is given none is the unconditional one, also outside of Curadiff.

Source: Karras et al. 2022, arXiv:2206.00364, appendix F.2 (``map_augment`` in their code).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

CONDITIONING = "conditioning"  # name of the map in a network; its weights are not published


def label_map(labels: int, code: int) -> nn.Linear:
    """Return the map from so many labels to a time embedding of width ``code``, all zeros.

    It draws no random numbers, so the other weights are those of a network without it.
    """
    linear = nn.Linear(labels, code, bias=False, device="meta").to_empty(device="cpu")
    nn.init.zeros_(linear.weight)
    return linear


def label_embedding(module: nn.Module, labels: Tensor | None, count: int) -> Tensor:
    """Return what labels (count, k) add to the time embedding, (count, code); None is zeros."""
    linear = cast(nn.Linear, module.get_submodule(CONDITIONING))
    if labels is None:
        weight = linear.weight
        labels = torch.zeros((count, weight.shape[1]), device=weight.device)
    return linear(labels)


def published(name: str) -> bool:
    """Return whether a weight belongs to the network in its published format."""
    return not name.startswith(f"{CONDITIONING}.")
