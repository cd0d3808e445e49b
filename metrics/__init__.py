"""Compare generated images with real ones: features in, numbers out."""

from .evaluation import Evaluation, Record, over_seeds
from .extrapolation import Extrapolated, frechet_extrapolated
from .frechet import frechet_distance
from .kernels import cmmd, kernel_distance
from .memorization import Memorization, memorization
from .mind import mind
from .prdc import density_coverage, expected_coverage, precision_recall
from .statistics import METRICS
from .suite import evaluate
from .vendi import vendi

__all__ = [
    "METRICS",
    "Evaluation",
    "Extrapolated",
    "Memorization",
    "Record",
    "cmmd",
    "density_coverage",
    "evaluate",
    "expected_coverage",
    "frechet_distance",
    "frechet_extrapolated",
    "kernel_distance",
    "memorization",
    "mind",
    "over_seeds",
    "precision_recall",
    "vendi",
]
