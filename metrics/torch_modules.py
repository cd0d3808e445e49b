"""The metrics as ``torchmetrics.Metric`` classes, for any training loop.

Features come in batches, on any device, and may be spread over processes: `torchmetrics` gathers
the states of all of them before it computes.

    >>> import torch
    >>> from curadiff.metrics import FrechetDistance
    >>> generator = torch.Generator().manual_seed(0)
    >>> metric = FrechetDistance(features=4)
    >>> for _ in range(3):
    ...     metric.update(torch.randn(50, 4, generator=generator), real=True)
    ...     metric.update(torch.randn(50, 4, generator=generator) + 1, real=False)
    >>> round(metric.compute().item(), 1)  # 4 for four features moved by 1, more for few images
    4.4

Call ``update`` and ``compute``; calling the metric itself would compute it from one batch.
"""

from __future__ import annotations

from typing import Any, TypedDict

import torch
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from ..common.errors import DataError
from ..common.gaussians import gaussian_distance, gaussian_from_moments
from .arrays import Array
from .clipped_density_coverage import clipped_density_coverage
from .cmmd import cmmd
from .density_coverage import density_coverage
from .kernel_distance import kernel_distance
from .manifold import Rule
from .mind import PROJECTIONS, mind
from .precision_recall import precision_recall
from .retrieval_score import retrieval_score
from .vendi import ORDERS, score, spectrum_of_moment


def merge_moments(parts: torch.Tensor) -> torch.Tensor:
    """Merge count, mean and centered second moment of several sets: (sets, d + 2, d) -> (d + 2, d).

    Row 0 holds the count in every place, row 1 the mean, the rest the sum of outer products of
    the centered rows.

    Source: Chan, Golub & LeVeque 1979, Updating Formulae and a Pairwise Algorithm for Computing
    Sample Variances.
    """
    total = parts[0]
    for part in parts[1:]:
        n, m = total[0, 0], part[0, 0]
        if m == 0:
            continue
        gap = part[1] - total[1]
        merged = torch.empty_like(total)
        merged[0] = n + m
        merged[1] = total[1] + gap * (m / (n + m))
        merged[2:] = total[2:] + part[2:] + torch.outer(gap, gap) * (n * m / (n + m))
        total = merged
    return total


class FrechetDistance(Metric):
    """Frechet distance, from moments that are kept in float64: memory does not grow with images.

    Equal to `frechet_distance` to rounding where there are more images than features; below
    that, eigenvalues near 0 leave about half of the digits.

    Args:
        features: d, how many features an image has.
        **kwargs: Of ``torchmetrics.Metric``.

    Source: Heusel et al. 2017, arXiv:1706.08500.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    real_moments: torch.Tensor
    generated_moments: torch.Tensor

    def __init__(self, features: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if features < 1:
            raise DataError(f"features must be >= 1, got {features}.")
        self.features = features
        empty = torch.zeros(features + 2, features, dtype=torch.float64)
        for side in ("real_moments", "generated_moments"):
            self.add_state(side, empty.clone(), dist_reduce_fx=merge_moments)

    def update(self, features: torch.Tensor, real: bool) -> None:
        """Take in a batch.

        Args:
            features: (batch, d).
            real: Whether these are real images or generated ones.

        Raises:
            DataError: The batch has another number of features, or is not finite.
        """
        x = _checked(features, self.features).to(torch.float64)
        if len(x) == 0:
            return
        mean = x.mean(0)
        centered = x - mean
        count = torch.full_like(mean, len(x))
        batch = torch.cat([count[None], mean[None], centered.T @ centered])
        name = "real_moments" if real else "generated_moments"
        setattr(self, name, merge_moments(torch.stack([getattr(self, name), batch])))

    def compute(self) -> torch.Tensor:
        """Return the distance.

        Raises:
            DataError: A side has fewer than 2 images.
        """
        fits = []
        for name, moments in (("real", self.real_moments), ("generated", self.generated_moments)):
            count = int(moments[0, 0])
            if count < 2:
                raise DataError(f"{name} has {count} images and at least 2 are needed; add images.")
            values = moments.numpy(force=True)
            fits.append(gaussian_from_moments(values[1], values[2:] / (count - 1)))
        return torch.tensor(gaussian_distance(*fits), dtype=torch.float64)

    def set_dtype(self, dst_type: str | torch.dtype) -> FrechetDistance:
        """Keep float64: moments in less would lose the distance."""
        return self


class VendiScore(Metric):
    """Vendi score of the generated images, from their (d, d) second moment in float64.

    Args:
        features: d, how many features an image has.
        order: Of the entropy; 1 is Shannon's.
        **kwargs: Of ``torchmetrics.Metric``.

    Source: Friedman & Dieng 2023, arXiv:2210.02410.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    moment: torch.Tensor
    count: torch.Tensor

    def __init__(self, features: int, order: float = ORDERS[1], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features, self.order = features, order
        zero = torch.zeros(features, features, dtype=torch.float64)
        self.add_state("moment", zero, dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, features: torch.Tensor) -> None:
        """Take in a batch of generated images: (batch, d).

        Raises:
            DataError: The batch has another number of features, or is not finite.
        """
        x = _checked(features, self.features).to(torch.float64)
        length = x.norm(dim=1, keepdim=True)
        x = torch.where(length > 0, x / length, x)
        self.moment += x.T @ x
        self.count += len(x)

    def compute(self) -> torch.Tensor:
        """Return the score.

        Raises:
            DataError: There is no image.
        """
        if self.count == 0:
            raise DataError("generated has 0 images and at least 1 are needed; add images.")
        shares = spectrum_of_moment((self.moment / self.count).numpy(force=True))
        return torch.tensor(score(shares, self.order), dtype=torch.float64)

    def set_dtype(self, dst_type: str | torch.dtype) -> VendiScore:
        """Keep float64."""
        return self


class _Sides(TypedDict):
    real: Array
    generated: Array


class _StoredFeatures(Metric):
    """A metric that needs the features of all images at once."""

    is_differentiable = False
    full_state_update = False
    real_features: list[torch.Tensor]
    generated_features: list[torch.Tensor]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for side in ("real_features", "generated_features"):
            self.add_state(side, [], dist_reduce_fx="cat")

    def update(self, features: torch.Tensor, real: bool) -> None:
        """Take in a batch.

        Args:
            features: (batch, d).
            real: Whether these are real images or generated ones.

        Raises:
            DataError: The batch is not (images, features), or is not finite.
        """
        (self.real_features if real else self.generated_features).append(_checked(features))

    def _sides(self) -> _Sides:
        sides = {"real": self.real_features, "generated": self.generated_features}
        for name, batches in sides.items():
            if isinstance(batches, list) and not batches:
                raise DataError(f"{name} has no images; call update(features, real=...) first.")
        real, generated = (dim_zero_cat(batches).numpy(force=True) for batches in sides.values())
        return {"real": real, "generated": generated}


class KernelDistance(_StoredFeatures):
    """Kernel distance (KID) of the full sets; see `kernel_distance`."""

    higher_is_better = False

    def compute(self) -> torch.Tensor:
        """Return the squared discrepancy."""
        return _scalar(kernel_distance(**self._sides()))


class CMMD(_StoredFeatures):
    """CLIP maximum mean discrepancy; see `cmmd`."""

    higher_is_better = False

    def compute(self) -> torch.Tensor:
        """Return 1000 times the squared discrepancy."""
        return _scalar(cmmd(**self._sides()))


class MongeDistance(_StoredFeatures):
    """Monge inception distance (MIND); see `mind`.

    Args:
        projections: Random directions.
        seed: Seed of the directions.
        **kwargs: Of ``torchmetrics.Metric``.
    """

    higher_is_better = False

    def __init__(self, projections: int = PROJECTIONS, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.projections, self.seed = projections, seed

    def compute(self) -> torch.Tensor:
        """Return the distance."""
        return _scalar(mind(**self._sides(), projections=self.projections, seed=self.seed))


class PrecisionRecall(_StoredFeatures):
    """Precision and recall; see `precision_recall`.

    Args:
        k: Neighbours that span a ball.
        rule: Whether a point at exactly the radius is inside.
        **kwargs: Of ``torchmetrics.Metric``.
    """

    higher_is_better = True

    def __init__(self, k: int = 3, rule: Rule = "<=", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k = k
        self.rule: Rule = rule

    def compute(self) -> dict[str, torch.Tensor]:
        """Return ``precision`` and ``recall``."""
        return _scalars(precision_recall(**self._sides(), k=self.k, rule=self.rule))


class DensityCoverage(_StoredFeatures):
    """Density and coverage; see `density_coverage`.

    Args:
        k: Neighbours that span a ball.
        rule: Whether a point at exactly the radius is inside.
        **kwargs: Of ``torchmetrics.Metric``.
    """

    higher_is_better = True

    def __init__(self, k: int = 5, rule: Rule = "<", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k = k
        self.rule: Rule = rule

    def compute(self) -> dict[str, torch.Tensor]:
        """Return ``density`` and ``coverage``."""
        return _scalars(density_coverage(**self._sides(), k=self.k, rule=self.rule))


class ClippedDensityCoverage(_StoredFeatures):
    """Clipped density and coverage; see `clipped_density_coverage`.

    Args:
        k: Neighbours that span a ball.
        **kwargs: Of ``torchmetrics.Metric``.
    """

    higher_is_better = True

    def __init__(self, k: int = 5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k = k

    def compute(self) -> dict[str, torch.Tensor]:
        """Return ``clipped_density`` and ``clipped_coverage``."""
        return _scalars(clipped_density_coverage(**self._sides(), k=self.k))


class ImageRetrievalScore(_StoredFeatures):
    """Image retrieval score (IRS) for unlimited images; see `retrieval_score`."""

    higher_is_better = True

    def compute(self) -> dict[str, torch.Tensor]:
        """Return ``retrieval_score`` and the ``low`` and ``high`` end of its bound."""
        score = retrieval_score(**self._sides())
        low, high = score.bound
        return _scalars({"retrieval_score": score.value, "low": low, "high": high})


def _checked(features: torch.Tensor, count: int | None = None) -> torch.Tensor:
    if features.ndim != 2 or (count is not None and features.shape[1] != count):
        expected = "features" if count is None else str(count)
        raise DataError(
            f"features must be (images, {expected}), got shape {tuple(features.shape)}; give one "
            "row per image."
        )
    if not torch.isfinite(features).all():
        raise DataError(
            "features hold NaN or infinity; embed those images again or leave them out."
        )
    return features.detach()


def _scalar(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _scalars(values: dict[str, float]) -> dict[str, torch.Tensor]:
    return {name: _scalar(value) for name, value in values.items()}
