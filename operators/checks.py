"""What is wrong with a form's values on the open data set, by the setting it is about.

The settings themselves are checked where they are defined. Here is what only the data set,
the runs and the encoders know; each sentence is the one that the work would fail with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import encoders, runs
from ..common.errors import CuradiffError
from ..config import StudySettings, faults
from ..datasets import reading, selections
from ..studies import planning


def embedding(dataset: Any, values: Mapping[str, Any]) -> dict[str, str]:
    """Check the encoder and the field of ``embed``."""
    errors = encoder(values)
    field = values.get("field")
    if isinstance(field, str) and field not in reading.embedding_fields(dataset):
        existing = dataset.get_field(field)
        if existing is not None:
            errors["field"] = (
                f"field {field!r} of {dataset.name!r} is a {type(existing).__name__} and holds no "
                "vectors; give a new name or one of embeddings."
            )
    return errors


def encoder(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Check an encoder's name."""
    name = values.get("encoder")
    return _error_of(f"{prefix}encoder", encoders.check, name) if isinstance(name, str) else {}


def encoders_of_steps(values: Mapping[str, Any]) -> dict[str, str]:
    """Check the encoders of a study or a preview: the one that selects and the judge."""
    errors: dict[str, str] = {}
    for step in ("embed", "evaluate"):
        errors |= encoder(values.get(step) or {}, f"{step}.")
    return errors


def selecting(dataset: Any, size: int, values: Mapping[str, Any]) -> dict[str, str]:
    """Check budget and name of ``select``."""
    errors = {}
    budget = values.get("budget")
    if isinstance(budget, int) and budget > size:
        errors["budget"] = (
            f"budget must be <= {size}, the samples that can be chosen, got {budget}."
        )
    name = values.get("name") or f"{values.get('method')}-{budget}"
    if name in selections.selection_names(dataset):
        if not values.get("overwrite"):
            errors["name"] = (
                f"{dataset.name!r} has a selection named {name!r} already; choose another name, "
                "or tick Overwrite."
            )
    else:
        errors |= _error_of("name", selections.check_name, dataset, name, selections.OF_POOL)
    return errors


def training(values: Mapping[str, Any]) -> dict[str, str]:
    """Check the name of a training."""
    name = values.get("name")
    return _error_of("name", runs.check_name, name) if isinstance(name, str) else {}


def studying(size: int, values: Mapping[str, Any]) -> dict[str, str]:
    """Check a study's encoders, and its budget against the images that may be trained on."""
    errors = encoders_of_steps(values)
    if not faults(StudySettings, dict(values)):
        settings = StudySettings(**values)
        pool = size - round(size * settings.held_out)
        errors |= _error_of("budget", planning.check, settings, pool)
    return errors


def counts(values: Mapping[str, Any], generated: int, real: int) -> dict[str, str]:
    """Check that an evaluation which refuses unequal counts has equal ones."""
    if values.get("counts", "refuse") != "refuse" or generated == real:
        return {}
    return {
        "counts": f"there are {generated:,} generated and {real:,} real images; with refuse "
        "nothing is compared: choose subsample or unequal."
    }


def _error_of(setting: str, check_value: Callable[..., None], *values: Any) -> dict[str, str]:
    try:
        check_value(*values)
    except CuradiffError as error:
        return {setting: str(error)}
    return {}
