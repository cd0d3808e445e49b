"""Where fused kernels are used: in half precision on a GPU, by what is not compiled."""

from __future__ import annotations

import torch
from torch import Tensor

HALF = (torch.bfloat16, torch.float16)


def can_fuse(x: Tensor) -> bool:
    """Return whether what is computed from pictures x is computed fused."""
    return x.is_cuda and x.ndim == 4 and x.dtype in HALF and not torch.compiler.is_compiling()
