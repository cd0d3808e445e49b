"""Store an evaluation: values with the run and in ``info``, fields on the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .writing import key_of, note, record, set_numbers


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
) -> None:
    """Write one evaluation to both data sets; several live side by side by key.

    The key ``evaluation`` writes plain field names (``realism``), any other key
    puts itself in front (``inception_realism``).

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
    """
    key = key_of(key)
    prefix = "" if key == "evaluation" else f"{key}_"
    _write(generated, generated_ids, generated_fields, prefix)
    _write(reference, reference_ids, reference_fields, prefix)
    note(generated, "evaluations", {key: {**config, "values": dict(values)}})
    record(
        generated,
        f"evaluate_{key}",
        verb="evaluate",
        config={**config, "values": dict(values)},
        results={"generated_ids": list(generated_ids), "reference_ids": list(reference_ids)},
    )


def _write(dataset: Any, ids: Sequence[str], fields: Mapping[str, np.ndarray], prefix: str) -> None:
    set_numbers(dataset, {f"{prefix}{name}": values for name, values in fields.items()}, ids)
