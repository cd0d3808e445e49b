"""What a network is told besides the noise level: a map of each to its time embedding.

Both maps begin at zero and draw no random numbers. The one of the labels has no offset, so labels
of zero never change anything: a network that is given none is the unconditional one, also outside
of Curadiff. Classes have an embedding each, and one more stands for no class.

Source: Karras et al. 2022, arXiv:2206.00364, appendix F.2 (``map_augment`` in their code).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

CONDITIONING = "conditioning"  # name of the map in a network; its weights are not published
CLASSES = "class_embedding"  # name of the classes' embeddings, as diffusers has it


def label_map(labels: int, code: int) -> nn.Linear:
    """Return the map from so many labels to a time embedding of width ``code``, all zeros.

    It draws no random numbers, so the other weights are those of a network without it.
    """
    linear = nn.Linear(labels, code, bias=False, device="meta")
    linear = linear.to_empty(device=torch.get_default_device())
    nn.init.zeros_(linear.weight)
    return linear


class ClassEmbedding(nn.Embedding):
    """One time embedding of width ``code`` per class, and a last one for no class, all zeros.

    diffusers' networks add what their ``class_embedding`` returns; of an embedding that has been
    looked up already, that is the embedding itself.
    """

    def __init__(self, classes: int, code: int) -> None:
        super().__init__(classes + 1, code, _weight=torch.zeros(classes + 1, code))

    def forward(self, input: Tensor) -> Tensor:
        """Classes (b,) int64 -> (b, code)."""
        return input if input.is_floating_point() else super().forward(input)

    def looked_up(self, classes: Tensor | None, count: int) -> Tensor:
        """Return the embeddings of classes (count,); None is no class."""
        if classes is None:
            last = self.num_embeddings - 1
            classes = torch.full((count,), last, device=self.weight.device)
        return super().forward(classes)


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
