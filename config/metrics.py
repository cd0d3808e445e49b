"""The registry of metrics: what each yields, which way is better, and what it needs.

A metric is a module of ``curadiff.metrics`` with its name and a function ``compute(context)``
in it, and one entry here. Settings, evaluations, fields on samples, tables and reports of studies
read this registry. It imports nothing, so that it can be read without loading a metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Value:
    """One number that a metric yields for a data set.

    Attributes:
        name: Its key in evaluations, records and reports.
        title: Heading of its column.
        better: Which way is better.
        is_distance: It is a distance between two sets; what it exceeds the distance between real
            images by is shown beside it.
        rank_order: Place among the values that a study orders its arms by, 1 being the first
            choice; None for a value that orders nothing.
        in_studies: Whether the tables of a study have a column for it.
    """

    name: str
    title: str
    better: Better
    is_distance: bool = False
    rank_order: int | None = None
    in_studies: bool = True


@dataclass(frozen=True)
class Metric:
    """What one metric gives and needs.

    Attributes:
        values: The numbers that ``compute`` returns, by name.
        generated_fields: Names of the fields that it gives every generated image.
        real_fields: Names of the fields that it gives every real image.
        needs_train: Whether it compares with the images that the model was trained on.
        on_request: Whether it is left out unless it is asked for.
    """

    values: tuple[Value, ...]
    generated_fields: tuple[str, ...] = ()
    real_fields: tuple[str, ...] = ()
    needs_train: bool = False
    on_request: bool = False


_NEIGHBORS = ("in_manifold", "realism", "rarity", "nearest", "nearest_distance", "density_count")
_NEIGHBORS_OF_REAL = (
    "knn_radius", "recalled", "nearest_generated", "nearest_generated_distance", "covered",
    "n_generated_in_ball",
)  # fmt: skip

METRICS: dict[str, Metric] = {
    "frechet_distance": Metric(
        (Value("frechet_distance", "Frechet distance", "lower", is_distance=True, rank_order=1),),
        generated_fields=("fid_influence",),
    ),
    "precision_recall": Metric(
        (
            Value("precision", "precision", "higher", rank_order=8),
            Value("recall", "recall", "higher", rank_order=7),
        ),
        generated_fields=_NEIGHBORS,
        real_fields=_NEIGHBORS_OF_REAL,
    ),
    "density_coverage": Metric(
        (
            Value("density", "density", "higher", rank_order=9),
            Value("coverage", "coverage", "higher", rank_order=6),
        ),
        generated_fields=_NEIGHBORS,
        real_fields=_NEIGHBORS_OF_REAL,
    ),
    "clipped_density_coverage": Metric(
        (
            Value("clipped_density", "clipped density", "higher", rank_order=11),
            Value("clipped_coverage", "clipped coverage", "higher", rank_order=10),
        )
    ),
    "retrieval_score": Metric((Value("retrieval_score", "IRS", "higher"),)),
    "memorization": Metric(
        (
            Value("memorized", "memorized", "lower"),
            Value("authentic", "authentic", "higher", in_studies=False),
        ),
        generated_fields=(
            "nearest_train",
            "nearest_train_mirrored",
            "nearest_train_distance",
            "memorization_ratio",
            "memorized",
            "authentic",
        ),
        needs_train=True,
    ),
    "frechet_extrapolated": Metric(
        (
            Value(
                "frechet_extrapolated",
                "Frechet, extrapolated",
                "lower",
                is_distance=True,
                rank_order=2,
            ),
        ),
        on_request=True,
    ),
    "kernel_distance": Metric(
        (Value("kernel_distance", "kernel distance", "lower", is_distance=True, rank_order=3),)
    ),
    "cmmd": Metric((Value("cmmd", "CMMD", "lower", is_distance=True, rank_order=4),)),
    "mind": Metric((Value("mind", "MIND", "lower", is_distance=True, rank_order=5),)),
    "vendi": Metric((Value("vendi", "Vendi score", "higher"),)),
}


def values() -> dict[str, Value]:
    """Return every value that a metric yields, by its name, in the order of tables."""
    return {value.name: value for metric in METRICS.values() for value in metric.values}


def on_request() -> list[str]:
    """Return the metrics that are computed only where they are asked for."""
    return [name for name, metric in METRICS.items() if metric.on_request]
