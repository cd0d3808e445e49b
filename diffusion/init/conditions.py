"""What a network is told besides the noise level, when a training starts from another's weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    Weights = dict[str, Tensor]

TIME_BIAS = ("time_embedding.linear_2.bias", "time_mlp.3.bias")  # of unet2d and lucidrains


def carry_over(
    weights: Weights,
    *,
    classes_before: Sequence[str],
    classes: Sequence[str],
    learned_no_class: bool,
    augmented: bool,
) -> Weights:
    """Return the weights to begin with, for a network that may be told other things.

    Classes of the same name keep their embedding. New ones, and no class, begin as no class; a
    network without classes gets that embedding as part of its time embedding, so that it answers
    as the trained one does without a class. Where that was never learned, the mean of the classes
    takes its place. The map of the augmentation's labels is kept where there is augmentation.

    Args:
        weights: Of the trained network; left as they are.
        classes_before: Its classes, in the order of their numbers.
        classes: Those of the new training, in the same order; empty without.
        learned_no_class: Whether it was also trained on images without a class.
        augmented: Whether the new training augments its images.
    """
    import torch

    from ..networks.conditioning import CLASSES, published

    kept = {name: weight for name, weight in weights.items() if augmented or published(name)}
    embedded = kept.pop(f"{CLASSES}.weight", None)
    if embedded is None:
        return kept
    of_none = embedded[-1] if learned_no_class else embedded[:-1].mean(0)
    if classes:
        row_of = {name: embedded[number] for number, name in enumerate(classes_before)}
        rows = [*(row_of.get(name, of_none) for name in classes), of_none]
        return {**kept, f"{CLASSES}.weight": torch.stack(rows)}
    (bias,) = (name for name in TIME_BIAS if name in kept)
    return {**kept, bias: kept[bias] + of_none}
