"""``evaluate`` of shards: features that were computed elsewhere are compared as they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ... import metrics
from ...common.arrays import row_lengths
from ...common.errors import DataError, SettingsError
from ...common.shards import ShardSet
from ...config import EvaluateSettings
from ...datasets.reading import Samples
from . import sources

UNIT = 1e-3  # of length 1, to this
BLOCK = 1000  # rows by which it is judged
NEEDS_IMAGES = (
    "encoder",
    "weights",
    "mirrored",
    "key",
    "batch_size",
    "reference_size",
    "processes",
    "accelerate",
)
"""Settings that play no part where features are given."""


def evaluate_shards(
    sides: Mapping[str, Any],
    opened: Mapping[str, ShardSet | None],
    config: EvaluateSettings,
) -> metrics.Evaluation:
    """Compare the embeddings of shards; no image is read and nothing is stored.

    Args:
        sides: What was given, by role: ``generated``, ``reference`` and perhaps ``training``.
        opened: The shards of each side, None where it is something else.
        config: Settings; the encoder is that of the shards.

    Raises:
        SettingsError: A setting is about images or samples.
        DataError: A side is no shards, or of another encoder than the others.
    """
    for name in NEEDS_IMAGES:
        if getattr(config, name) != EvaluateSettings.model_fields[name].default:
            raise SettingsError(
                f"{name} is about images that are embedded or stored, and the embeddings of shards "
                "are compared as they are; leave it out."
            )
    pools: dict[str, Samples] = {}
    for role, shards in opened.items():
        if shards is None:
            raise DataError(
                f"{sides[role]} holds no shards and another side does; give shards of one encoder "
                f"for all sides, such as: curadiff embed {sides[role]} --to-shards ./FOLDER"
            )
        pools[role] = sources.read_pool(shards)
    encoders = {role: pool.encoder for role, pool in pools.items()}
    if len(set(encoders.values())) > 1:
        listed = "; ".join(f"{role}: {encoder}" for role, encoder in encoders.items())
        raise DataError(f"the shards are of different encoders ({listed}); embed all with one.")
    x = {role: _array(pool) for role, pool in pools.items()}
    values = metrics.evaluate(
        real=x["reference"],
        generated=x["generated"],
        train=x.get("training"),
        **config.model_dump(exclude={*NEEDS_IMAGES, "classes"}),
    )
    notes = [
        "Features are those of the shards, computed elsewhere: how the images were cut and resized "
        "is not known here. Mirrored copies were not looked for."
    ]
    if all(np.allclose(row_lengths(part[:BLOCK]), 1, atol=UNIT) for part in x.values()):
        notes.append(
            "All rows have length 1: distances are those of scaled features, not comparable with "
            "published ones."
        )
    return dataclasses.replace(
        values,
        settings={**values.settings, "encoder": encoders["reference"], "reference_size": None},
        notes=[*notes, *values.notes],
    )


def _array(pool: Samples) -> np.ndarray:
    assert pool.x is not None
    return pool.x
