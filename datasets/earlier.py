"""What Curadiff wrote before it kept a record of every name, known by what else it kept.

Such a field is Curadiff's only where something proves it: the encoder that is noted for it, or
the run of an evaluation, together with the samples that it compared. Whatever is not proved is
the user's.
"""

from __future__ import annotations

from typing import Any, Literal

from bson import ObjectId

from ..config.metrics import METRICS
from . import generated, identity, info, names, records
from .info_sections import Made
from .names import key_of, prefix_of

FIELD = "field "
IDS = ("nearest", "nearest_train", "nearest_generated")  # written as ids of samples
Side = Literal["generated", "reference"]


def fields(dataset: Any) -> dict[str, Made]:
    """Return the records that fields of earlier versions would have, see `names.MADE`."""
    made = info.section(dataset, names.MADE)
    unrecorded: dict[str, Made] = {
        f"{FIELD}{field}": {"by": f"embed {field}"}
        for field in info.section(dataset, "encoders")
        if dataset.get_field(field) is not None
    }
    linked = [identity.load(name) for name in generated.linked_names(info.read(dataset))]
    sides: list[tuple[Any, Side]] = [(dataset, "generated"), (dataset, "reference")]
    for judged, side in [*sides, *((one, "reference") for one in linked)]:
        for key in info.section(judged, "evaluations"):
            for field in of_evaluation(dataset, judged, key, side=side):
                unrecorded[f"{FIELD}{field}"] = {"by": f"evaluate {key}"}
    return {key: entry for key, entry in unrecorded.items() if key not in made}


def of_evaluation(
    dataset: Any, judged: Any, key: str, *, side: Side, study: str | None = None
) -> list[str]:
    """List the fields that an evaluation wrote before its names were recorded.

    They are called as its fields are, have no record, and have values on no other samples than
    those that it compared.

    Args:
        dataset: The data set with the fields.
        judged: The data set with the generated images, which has the evaluation's run.
        key: The evaluation's key.
        side: Which images of the evaluation the data set has.
        study: Name of the study whose evaluations share these fields.
    """
    owner, run = f"evaluate {key_of(key)}", f"evaluate_{key_of(key)}"
    if records.recorded(judged, run) is None or owner in names.owners(judged):
        return []
    prefix = prefix_of(study or key)
    runs = [run] if study is None else _runs_of(judged, f"evaluate_{prefix}")
    results = [records.results_of(judged, one) for one in runs]
    compared = {ObjectId(id) for one in results for id in one.get(f"{side}_ids", [])}
    made = info.section(dataset, names.MADE)
    ours: list[str] = []
    for metric in METRICS.values():
        given = metric.generated_fields if side == "generated" else metric.real_fields
        called = [f"{prefix}{name}_id" if name in IDS else f"{prefix}{name}" for name in given]
        holding = {
            field: _holding(dataset, field)
            for field in called
            if dataset.get_field(field) is not None and f"{FIELD}{field}" not in made
        }
        proved = [field for field, samples in holding.items() if samples <= compared]
        if any(holding[field] for field in proved):  # all are written together, some empty
            ours += proved
    return list(dict.fromkeys(ours))


def _runs_of(judged: Any, beginning: str) -> list[str]:
    return [run for run in records.runs_of(judged, "evaluate") if run.startswith(beginning)]


def _holding(dataset: Any, field: str) -> set[ObjectId]:
    """Return the samples that have a value of a field."""
    documents = dataset._sample_collection.find({field: {"$ne": None}}, {"_id": 1})
    return {one["_id"] for one in documents}
