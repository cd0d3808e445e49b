"""Compare generated images with real ones: features in, numbers out."""

from typing import TYPE_CHECKING

import lazy_loader

from ..common.statistics import Spread, holm
from ..config.metrics import METRICS
from .clipped_density_coverage import clipped_density_coverage, expected_clipped_coverage
from .cmmd import cmmd
from .density_coverage import density_coverage, expected_coverage
from .differences import (
    ArmDifference,
    SeedValue,
    compare_arms,
    rank_intervals,
    seed_value,
    two_level_difference,
)
from .evaluation import Evaluation, Record, over_seeds
from .frechet_distance import frechet_distance
from .frechet_extrapolated import Extrapolated, frechet_extrapolated
from .kernel_distance import kernel_distance
from .memorization import Memorization, memorization
from .mind import mind
from .precision_recall import precision_recall
from .reference_geometry import ReferenceGeometry, reference_geometry
from .retrieval_score import RetrievalScore, retrieval_score
from .suite import evaluate
from .vendi import vendi

if TYPE_CHECKING:
    from .torch_modules import (
        CMMD,
        ClippedDensityCoverage,
        DensityCoverage,
        FrechetDistance,
        ImageRetrievalScore,
        KernelDistance,
        MongeDistance,
        PrecisionRecall,
        VendiScore,
    )

# torchmetrics takes seconds to import, and only its users need it.
__getattr__, _, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "torch_modules": [
            "CMMD",
            "ClippedDensityCoverage",
            "DensityCoverage",
            "FrechetDistance",
            "ImageRetrievalScore",
            "KernelDistance",
            "MongeDistance",
            "PrecisionRecall",
            "VendiScore",
        ]
    },
)

__all__ = [
    "CMMD",
    "METRICS",
    "ArmDifference",
    "ClippedDensityCoverage",
    "DensityCoverage",
    "Evaluation",
    "Extrapolated",
    "FrechetDistance",
    "ImageRetrievalScore",
    "KernelDistance",
    "Memorization",
    "MongeDistance",
    "PrecisionRecall",
    "Record",
    "ReferenceGeometry",
    "RetrievalScore",
    "SeedValue",
    "Spread",
    "VendiScore",
    "clipped_density_coverage",
    "cmmd",
    "compare_arms",
    "density_coverage",
    "evaluate",
    "expected_clipped_coverage",
    "expected_coverage",
    "frechet_distance",
    "frechet_extrapolated",
    "holm",
    "kernel_distance",
    "memorization",
    "mind",
    "over_seeds",
    "precision_recall",
    "rank_intervals",
    "reference_geometry",
    "retrieval_score",
    "seed_value",
    "two_level_difference",
    "vendi",
]
