"""Values of an evaluation class by class: what a model draws well, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import metrics
from ..common.errors import DataError
from ..datasets import generated as drawings
from ..datasets import reading

if TYPE_CHECKING:
    from .evaluation_sides import Images

CLASSES_NEED = (
    "classes needs data sets on both sides, and one is a folder; import it first: curadiff "
    "import-generated FOLDER for drawings, curadiff import FOLDER for other images."
)
OF_REAL = {"coverage": "covered"}  # value of a class, and the field whose mean over it it is
OF_GENERATED = {"precision": "in_manifold", "memorized": "memorized"}


def by_class(
    evaluation: metrics.Evaluation, generated: Images, reference: Images, field: str
) -> dict[str, dict[str, Any]]:
    """Return counts and values of each class, by its name.

    The manifolds are those of all images: ``coverage`` is the share of the real images of a class
    that any generated image covers, ``precision`` and ``memorized`` are shares of those that
    were drawn of it. ``kernel_distance`` compares both sides of the class alone; it is not biased
    by their counts.

    Args:
        evaluation: Of all images.
        generated: With ``drawn_class``, or the same field as the real ones.
        reference: The real images.
        field: Their field with classes.

    Raises:
        DataError: A side is a folder, or has no such field.
    """
    real_labels = _labels(reference, field, evaluation.real_rows)
    made_field = _field_of_drawings(generated.dataset, field)
    made_labels = _labels(generated, made_field, evaluation.generated_rows)
    real_x = reference.x[evaluation.real_rows]
    made_x = generated.x[evaluation.generated_rows]
    found = {}
    for name in sorted({label for label in (*real_labels, *made_labels) if label}):
        real, made = (
            np.array([label == name for label in labels]) for labels in (real_labels, made_labels)
        )
        values: dict[str, Any] = {"n_real": int(real.sum()), "n_generated": int(made.sum())}
        values |= _shares(OF_REAL, evaluation.real, real)
        values |= _shares(OF_GENERATED, evaluation.generated, made)
        enough = min(values["n_real"], values["n_generated"]) >= 2
        values["kernel_distance"] = (
            metrics.kernel_distance(real=real_x[real], generated=made_x[made]) if enough else None
        )
        found[name] = values
    return found


def check_classes(generated: Any, reference: Any, field: str) -> None:
    """Make sure that two data sets can be compared class by class.

    Raises:
        DataError: A side is a folder (None), or has no such field.
    """
    if generated is None or reference is None:
        raise DataError(CLASSES_NEED)
    reading.class_path(reference, field)
    reading.class_path(generated, _field_of_drawings(generated, field))


def _field_of_drawings(dataset: Any, field: str) -> str:
    """Return the field with the classes of generated images."""
    drawn = dataset is not None and dataset.get_field(drawings.CLASS) is not None
    return drawings.CLASS if drawn else field


def _labels(images: Images, field: str, rows: np.ndarray) -> list[str | None]:
    if images.dataset is None:
        raise DataError(CLASSES_NEED)
    labels = reading.class_labels(images.dataset, images.ids, field)
    return [labels[row] for row in rows]


def _shares(of: dict[str, str], fields: Any, rows: np.ndarray) -> dict[str, float | None]:
    """Return the mean of each field over rows; None where there are none, left out without it."""
    return {
        value: float(np.mean(fields[field][rows])) if rows.any() else None
        for value, field in of.items()
        if field in fields
    }
