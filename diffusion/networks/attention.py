"""Attention of diffusers' networks, in float32 on a CPU.

There PyTorch's bfloat16 kernel takes much longer than its float32 one for the few places of the
lowest level, mostly on the way back (what it costs: ``benchmarks/training.py train``).
"""

from __future__ import annotations

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor, nn


class Float32OnCpu(AttnProcessor2_0):
    """diffusers' own processor; under autocast on a CPU it computes in float32."""

    def __call__(  # the U-Net passes these by name
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """(b, c, h, w) -> the same."""
        rest = (encoder_hidden_states, attention_mask, temb)
        if not in_bf16_on_cpu(hidden_states):
            return super().__call__(attn, hidden_states, *rest)
        with torch.autocast("cpu", enabled=False):
            return super().__call__(attn, hidden_states.float(), *rest)


def use_float32_on_cpu(network: nn.Module) -> None:
    """Let every attention layer of a network compute in float32 on a CPU."""
    for module in network.modules():
        if isinstance(module, Attention):
            module.set_processor(Float32OnCpu())  # pyright: ignore[reportArgumentType]


def in_bf16_on_cpu(x: Tensor) -> bool:
    """Return whether attention would run in bfloat16 on a CPU."""
    return x.device.type == "cpu" and torch.is_autocast_enabled("cpu")
