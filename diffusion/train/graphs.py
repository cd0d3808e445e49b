"""CUDA graphs: the launches of a training step, recorded once and replayed as one.

A host that launches kernels one by one is often slower than the GPU that runs them: of
a small network at 32 px by ten times and more. A replay runs the same kernels on the same
memory, so its values are those of the step as it was recorded, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...common.errors import first_line

Kinds = tuple[object, ...]
MOST = 4  # kinds; others are launched


class Replay(nn.Module):
    """A function of tensors, replayed as CUDA graphs; its gradients too, if it has any.

    The first call with inputs of a kind, their shapes and types and which of them are None,
    records them. What cannot be recorded is launched as before, and ``fault`` says why.

    Args:
        function: Computes with weights; a call must not wait for the GPU or depend on values,
            and no input needs gradients.
    """

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        self.function, self.fault = function, ""
        self.recorded: dict[Kinds, Any] = {}

    def forward(self, *inputs: Tensor | None) -> Tensor:
        """Return what the function returns.

        Gradients of weights lie in memory that the next call's overwrite.
        """
        kinds = tuple(None if value is None else (value.shape, value.dtype) for value in inputs)
        if kinds not in self.recorded and len(self.recorded) < MOST and not self.fault:
            try:
                self.recorded[kinds] = _record(self.function, inputs)
            except Exception as fault:  # whatever cannot be recorded can be launched
                self.fault = first_line(fault)
        if kinds not in self.recorded:
            return self.function(*inputs)
        return self.recorded[kinds](*(value for value in inputs if value is not None)).clone()


def _record(function: nn.Module, inputs: Sequence[Tensor | None]) -> Any:
    """Record a function with its gradients.

    Autocast may keep casted weights for as long as a context of it is open: what is recorded
    would go on with those. So no context is opened here, and a function of weights that learn
    opens its own.

    Raises:
        RuntimeError: It cannot be recorded.
    """
    if torch.is_autocast_enabled("cuda") and any(w.requires_grad for w in function.parameters()):
        raise RuntimeError("weights that learn are casted outside of what is recorded")
    given = [value is not None for value in inputs]
    tensors = tuple(value.clone() for value in inputs if value is not None)
    cached = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        return torch.cuda.make_graphed_callables(
            _OfTensors(function, given), tensors, allow_unused_input=True
        )
    finally:
        torch.set_autocast_cache_enabled(cached)


class _OfTensors(nn.Module):
    """A function without those of its arguments that are None."""

    def __init__(self, function: nn.Module, given: list[bool]) -> None:
        super().__init__()
        self.function, self.given = function, given

    def forward(self, *tensors: Tensor) -> Tensor:
        """Call the function with None where it belongs."""
        rest = iter(tensors)
        return self.function(*(next(rest) if given else None for given in self.given))
