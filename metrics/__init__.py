"""Compare generated images with real ones: features in, numbers out."""

from ..config.metrics import METRICS
from .cmmd import cmmd
from .density_coverage import density_coverage, expected_coverage
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
