"""Let a trained network grow by a level, for pictures twice as large.

A network learns shapes on small pictures at a fraction of the cost. Its levels become the lower
ones of a network for pictures twice as wide, and the new level above passes on what it gets: the
2x2 means of the picture go down, the answer comes up in double size. Training then adds what the
small pictures could not show (after Karras et al. 2018, arXiv:1710.10196).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

    Weights = dict[str, Tensor]


def fits(ours: list[int], theirs: list[int]) -> bool:
    """Tell whether a network with their widths can grow into one with ours."""
    return ours == [theirs[0], *theirs]


def grow(small: Weights, network: nn.Module) -> Weights:
    """Return weights for a ``UNet2DModel`` from those of one that has its lower levels.

    Args:
        small: State dict of the network with one level less, see `fits`.
        network: The larger network; it is left as it is.
    """
    grown = {name: value.clone() for name, value in network.state_dict().items()}
    for name, value in small.items():
        grown[_one_deeper(name)] = value.clone()
    top = 1 + max(int(name.split(".")[1]) for name in small if name.startswith("up_blocks."))
    for name, value in grown.items():
        if name.startswith(("down_blocks.0.", f"up_blocks.{top}.", f"up_blocks.{top - 1}.ups")):
            _pass_on(name, value)
    return grown


def _one_deeper(name: str) -> str:
    """Name a weight of the small network as the larger one does; it counts ups from below."""
    kind, level, *rest = name.split(".")
    return ".".join((kind, str(int(level) + 1), *rest)) if kind == "down_blocks" else name


def _pass_on(name: str, value: Tensor) -> None:
    """Set a weight of the new level, in place, so that the level changes nothing."""
    part = name.rsplit(".", 2)[-2]
    if part == "conv2" or (name.endswith("bias") and part in ("conv", "conv_shortcut")):
        value.zero_()  # what a residual block adds, and every shift
    elif part in ("conv", "conv_shortcut"):
        same = value.new_zeros(value.shape[:2]).fill_diagonal_(1)
        value.zero_()
        if ".downsamplers." in name:
            value[:, :, 1:, 1:] = same[:, :, None, None] / 4
        else:  # of the answer from below and the skip connection take the first
            value[:, :, value.shape[2] // 2, value.shape[3] // 2] = same
