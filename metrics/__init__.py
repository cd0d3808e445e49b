"""Compare generated images with real ones: features in, numbers out."""

from .evaluation import Evaluation, Record, over_seeds
from .frechet import frechet_distance
from .memorization import Memorization, memorization
from .prdc import density_coverage, expected_coverage, precision_recall
from .suite import METRICS, evaluate

__all__ = [
    "METRICS",
    "Evaluation",
    "Memorization",
    "Record",
    "density_coverage",
    "evaluate",
    "expected_coverage",
    "frechet_distance",
    "memorization",
    "over_seeds",
    "precision_recall",
]
