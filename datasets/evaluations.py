"""Store an evaluation: values with the run and in ``info``, fields on the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import info
from .sidebar import fold
from .writing import key_of, record, set_numbers


def write_evaluation(
    generated: Any,
    reference: Any,
    key: str,
    *,
    values: Mapping[str, Any],
    config: Mapping[str, Any],
    generated_ids: Sequence[str],
    generated_fields: Mapping[str, np.ndarray],
    reference_ids: Sequence[str],
    reference_fields: Mapping[str, np.ndarray],
    shared: str | None = None,
) -> None:
    """Write one evaluation to both data sets; several live side by side by key.

    The key ``evaluation`` writes plain field names (``realism``), any other key
    puts itself in front (``inception_realism``). Evaluations that share a name do so with
    it on the generated images, each of which is in one of them, and fold the fields of
    the real ones into a group of that name.

    Args:
        generated: Data set with the generated images.
        reference: Data set with the real ones.
        key: Name of the evaluation.
        values: What the evaluation says of the data sets, plain JSON values.
        config: Settings, encoder, counts.
        generated_ids: Ids of the generated samples compared.
        generated_fields: One value per generated id.
        reference_ids: Ids of the real samples compared.
        reference_fields: One value per reference id.
        shared: Name of the study that this is an evaluation of.
    """
    key, prefix = key_of(key), prefix_of(key)
    _write(generated, generated_ids, generated_fields, prefix_of(shared) if shared else prefix)
    _write(reference, reference_ids, reference_fields, prefix)
    if shared and reference_fields:
        fold(reference, f"study {shared}", [f"{prefix}{name}" for name in reference_fields])
    info.put(generated, "evaluations", {key: {**config, "values": dict(values)}})
    record(
        generated,
        f"evaluate_{key}",
        verb="evaluate",
        config={**config, "values": dict(values)},
        results={"generated_ids": list(generated_ids), "reference_ids": list(reference_ids)},
    )


def prefix_of(key: str) -> str:
    """Return what the field names of an evaluation begin with."""
    key = key_of(key)
    return "" if key == "evaluation" else f"{key}_"


def _write(dataset: Any, ids: Sequence[str], fields: Mapping[str, np.ndarray], prefix: str) -> None:
    set_numbers(dataset, {f"{prefix}{name}": (ids, values) for name, values in fields.items()})
