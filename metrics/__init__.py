"""Compare generated images with real ones: features in, numbers out."""

from ..common.statistics import Spread, holm
from ..config.metrics import METRICS
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
from .suite import evaluate
from .vendi import vendi

__all__ = [
    "METRICS",
    "ArmDifference",
    "Evaluation",
    "Extrapolated",
    "Memorization",
    "Record",
    "SeedValue",
    "Spread",
    "cmmd",
    "compare_arms",
    "density_coverage",
    "evaluate",
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
    "seed_value",
    "two_level_difference",
    "vendi",
]
