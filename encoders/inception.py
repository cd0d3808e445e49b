"""Inception v3 of the FID papers, through torch-fidelity (an optional extra).

The graph of 2015-12-05 with TensorFlow's own way of resizing, which is part of
the metric's definition (Heusel et al. 2017, arXiv:1706.08500). Pictures go in
as they are; the network scales them to 299 x 299 itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ..common.errors import EnvironmentFault, WeightsError
from .encoder import Encoder
from .network import wrap
from .pixels import Pixels
from .weights import Source, file_hash, locate, read_state


class Pooled(torch.nn.Module):
    """The 2048 pooled features of torch-fidelity's extractor, which returns a tuple."""

    def __init__(self, extractor: torch.nn.Module) -> None:
        super().__init__()
        self.extractor = extractor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map raw bytes (n, 3, height, width) to (n, 2048)."""
        return self.extractor(x)[0]


def load(*, weights: str | None, device: str, dtype: str) -> Encoder:
    """Load Inception's 2048 pooled features.

    Raises:
        EnvironmentFault: torch-fidelity is not installed.
        WeightsError: The weights are not here or are others.
    """
    fidelity = _torch_fidelity()
    url = fidelity.URL_INCEPTION_V3
    torch_home = Path(os.environ.get("TORCH_HOME") or Path.home() / ".cache" / "torch")
    source = Source(url=url, cached=(torch_home / "hub" / "checkpoints" / Path(url).name,))
    path = locate("inception", source, weights)
    read_state(path)  # torch-fidelity would run code that a pickle brings; this refuses it
    try:
        extractor = fidelity.FeatureExtractorInceptionV3("inception", ["2048"], str(path))
    except RuntimeError as fault:
        raise WeightsError(
            f"{path} does not hold the weights of inception "
            f"({str(fault).splitlines()[0].rstrip(':')}); give {Path(url).name}."
        ) from None
    return wrap(
        Pooled(extractor),
        Pixels(None),
        name="inception",
        identity=f"inception-2015-12-05-2048|{file_hash(path)}",
        device=device,
        dtype=dtype,
        scale=False,
    )


def _torch_fidelity() -> Any:
    try:
        from torch_fidelity import feature_extractor_inceptionv3
    except ImportError:
        raise EnvironmentFault(
            "encoder inception needs torch-fidelity, which is not installed; "
            "install it with: pip install torch-fidelity"
        ) from None
    return feature_extractor_inceptionv3
