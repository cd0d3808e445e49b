"""Real images that no generated image comes near: what a model has not learnt to draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..common.errors import DataError
from .database import fiftyone
from .evaluations import prefix_of


def uncovered(reference: Any, keys: Sequence[str]) -> Any:
    """Find the compared real images whose neighbourhood holds no generated image.

    With several evaluations these are the images that none of them covers, of those that
    at least one has compared.

    Args:
        reference: The data set with the real images.
        keys: Names of evaluations that compared with it.

    Returns:
        A view, the image farthest from everything generated first.

    Raises:
        DataError: None of the evaluations measured coverage.
    """
    fo = fiftyone()
    field = fo.ViewField
    prefixes = [prefix_of(key) for key in keys]
    prefixes = [name for name in prefixes if reference.get_field(f"{name}covered") is not None]
    if not prefixes:
        raise DataError(
            f"coverage of {reference.name!r} was not measured by {' and '.join(keys)}; evaluate "
            "with the metric density_coverage and more real images than density_k."
        )
    missed = [field(f"{name}covered") == False for name in prefixes]  # noqa: E712, an expression
    caught = [field(f"{name}covered") == True for name in prefixes]  # noqa: E712
    far = [f"{name}nearest_generated_distance" for name in prefixes]
    if len(prefixes) == 1:
        return reference.match(missed[0]).sort_by(far[0], reverse=True)
    view = reference.match(fo.ViewExpression.any(missed) & ~fo.ViewExpression.any(caught))
    mean = fo.ViewExpression({"$avg": [f"${name}" for name in far]})  # of those that compared it
    return view.sort_by(mean, reverse=True)
