"""What Curadiff wrote before it kept a record of every name, known by what else it kept.

Such a field is Curadiff's only where something proves it: the hashes of its vectors, or the run of
an evaluation, together with the samples that it compared and what it found there. Whatever is not
proved is the user's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from bson import ObjectId

from ..config.metrics import METRICS
from . import generated, identity, info, names, records, vectors
from .database import fiftyone
from .info_sections import Made
from .names import key_of, prefix_of

FIELD = "field "
IDS = ("nearest", "nearest_train", "nearest_generated")  # written as ids of samples
FLAGS = ("in_manifold", "recalled", "covered", "memorized", "authentic", "nearest_train_mirrored")
COUNTS = ("density_count", "n_generated_in_ball")
SOMETIMES_EMPTY = ("rarity", "memorization_ratio")  # every other field has a value on each sample
SHARES = {  # fields whose mean is a value of the evaluation
    "in_manifold": "precision",
    "recalled": "recall",
    "covered": "coverage",
    "memorized": "memorized",
    "authentic": "authentic",
}
Side = Literal["generated", "reference"]


def fields(dataset: Any) -> dict[str, Made]:
    """Return the records that fields of earlier versions would have, see `names.MADE`."""
    made = info.section(dataset, names.MADE)
    unrecorded: dict[str, Made] = {
        f"{FIELD}{field}": {"by": f"embed {field}"}
        for field in info.section(dataset, "encoders")
        if f"{FIELD}{field}" not in made and vectors.all_recorded(dataset, field)
    }
    linked = [identity.load(name) for name in generated.linked_names(info.read(dataset))]
    sides: list[tuple[Any, Side]] = [(dataset, "generated"), (dataset, "reference")]
    for judged, side in [*sides, *((one, "reference") for one in linked)]:
        for key in info.section(judged, "evaluations"):
            for study in (None, *possible_studies(judged, key)):
                for field in of_evaluation(dataset, judged, key, side=side, study=study):
                    unrecorded[f"{FIELD}{field}"] = {"by": f"evaluate {key_of(study or key)}"}
    return {key: entry for key, entry in unrecorded.items() if key not in made}


def possible_studies(judged: Any, key: str) -> list[str]:
    """List what a study of an evaluation could be called: what its key begins with.

    The name of another evaluation of the data set is none of them.
    """
    parts = key_of(key).split("_")
    taken = {key_of(one) for one in info.section(judged, "evaluations")}
    begun = ["_".join(parts[:n]) for n in range(1, len(parts))]
    return [one for one in begun if one and one not in taken]


def of_evaluation(
    dataset: Any, judged: Any, key: str, *, side: Side, study: str | None = None
) -> list[str]:
    """List the fields that an evaluation wrote before its names were recorded.

    They are called as the fields of its metrics are, are of their types, have no record, and have
    values on exactly the samples that it compared. Where the mean of a field is a value of the
    evaluation it is that value, and proves the other fields of its metric.

    Args:
        dataset: The data set with the fields.
        judged: The data set with the generated images, which has the evaluation's run.
        key: The evaluation's key.
        side: Which images of the evaluation the data set has.
        study: Name of the study whose evaluations share these fields.
    """
    owner, run = f"evaluate {key_of(key)}", f"evaluate_{key_of(key)}"
    config = records.recorded(judged, run)
    if config is None or owner in names.owners(judged):
        return []
    prefix = prefix_of(study or key)
    made = info.section(dataset, names.MADE)
    runs: list[tuple[set[ObjectId], Mapping[str, Any]]] | None = None
    ours: list[str] = []
    for metric in METRICS.values():
        if not {value.name for value in metric.values} & {*_values(config)}:
            continue
        given = metric.generated_fields if side == "generated" else metric.real_fields
        there = {
            name: field
            for name in given
            if dataset.get_field(field := _field(prefix, name)) is not None
            and f"{FIELD}{field}" not in made
            and isinstance(dataset.get_field(field), _type_of(name))
        }
        if not there:
            continue
        if runs is None:
            runs = _runs(judged, run, side=side, prefix=prefix if study else None)
        proved = {name for name, field in there.items() if _proved(dataset, name, field, runs)}
        if not {*given} & {*SHARES} or proved & {*SHARES}:
            ours += [field for name, field in there.items() if name in proved]
    return list(dict.fromkeys(ours))


def _values(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of an evaluation by name from the configuration of its run."""
    whole = config.get("values") or {}
    return whole.get("values", whole)


def _field(prefix: str, name: str) -> str:
    return f"{prefix}{name}_id" if name in IDS else f"{prefix}{name}"


def _type_of(name: str) -> Any:
    """Return the types of a field that values of this name were written to."""
    fo = fiftyone()
    if name in IDS:
        return fo.StringField
    if name in FLAGS:
        return (fo.BooleanField, fo.FloatField)  # a share of several comparisons is a number
    return (fo.IntField, fo.FloatField) if name in COUNTS else fo.FloatField


def _runs(
    judged: Any, run: str, *, side: Side, prefix: str | None
) -> list[tuple[set[ObjectId], Mapping[str, Any]]]:
    """Return what an evaluation, or each of a study's, compared, and the values that it found."""
    every = records.runs_of(judged, "evaluate")
    chosen = (
        [run] if prefix is None else [one for one in every if one.startswith(f"evaluate_{prefix}")]
    )
    return [
        (
            {ObjectId(id) for id in records.results_of(judged, one).get(f"{side}_ids", [])},
            _values(every[one]),
        )
        for one in chosen
    ]


def _proved(
    dataset: Any, name: str, field: str, runs: Sequence[tuple[set[ObjectId], Mapping[str, Any]]]
) -> bool:
    """Tell whether a field has values as these evaluations wrote them."""
    documents = dataset._sample_collection.find({field: {"$ne": None}}, {field: 1})
    held = {one["_id"]: one[field] for one in documents}
    compared = {id for ids, _ in runs for id in ids}
    if not held or not {*held} <= compared:
        return False
    if name in SOMETIMES_EMPTY:
        return True
    if {*held} != compared:
        return False
    if name not in SHARES:
        return True
    agreed: set[ObjectId] = set()  # one image may be compared with several sets; the last is held
    for ids, values in runs:
        value = values.get(SHARES[name])
        if isinstance(value, int | float) and ids:
            mean = float(np.mean([float(held[id]) for id in ids]))
            agreed |= ids if np.isclose(mean, value, rtol=0, atol=1e-6) else set()
    return agreed == compared
