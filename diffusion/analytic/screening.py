"""Look at the training images that matter, where there are many.

A window's weights concentrate as the noise falls, and what decides at one level decides at
the next: images are ranked by the sum of their squared weights at the level before, which
counts a part that one image alone explains and not a plain background that all explain.
From level to level fewer are kept. Sets of up to `EXACT` images, mirrored ones counted, are
always looked at in full, so their answers are exact.
"""

from __future__ import annotations

import torch
from torch import Tensor

EXACT = 2000
FEWEST = 1500
AT_ONE = 2000  # images kept at noise level 1


def keep(sigma: float) -> int:
    """Return how many images to look at, at a noise level stated for 32 px."""
    return max(FEWEST, round(AT_ONE * sigma**0.5))


def best(score: Tensor, count: int) -> Tensor | None:
    """Return the places of the ``count`` highest scores (n,), ascending; None is all of them."""
    if count >= len(score):
        return None
    return torch.topk(score, count, sorted=False).indices.sort().values
