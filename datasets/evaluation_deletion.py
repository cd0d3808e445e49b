"""Delete an evaluation: its values, its run, and the fields that it wrote on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from .. import runs
from ..common.errors import DataError
from . import earlier, generated, identity, info, locking, names, records, recovery
from .earlier import FIELD
from .loaded import commit
from .names import Names, key_of
from .sidebar import remove_empty
from .unloaded import glance
from .writing import drop_fields


@dataclass(frozen=True)
class EvaluationDeletion:
    """What goes with an evaluation.

    Attributes:
        key: Name of the evaluation.
        generated: Name of the generated images' data set.
        generated_fields: Fields of generated images that go.
        reference: Name of the real images' data set; None where that is deleted.
        reference_fields: Fields of real images that go; none where another evaluation of this
            name has written them since.
    """

    key: str
    generated: str
    generated_fields: list[str]
    reference: str | None
    reference_fields: list[str]

    def __str__(self) -> str:
        sides = ((self.generated, self.generated_fields), (self.reference, self.reference_fields))
        fields = [f"{', '.join(names)} of {side}" for side, names in sides if side and names]
        listed = f" and the fields {' and '.join(fields)}" if fields else ""
        return f"The values of {self.key}{listed}. All images stay."


def plan_deletion(dataset: Any, key: str) -> EvaluationDeletion:
    """Return what would go with an evaluation.

    Args:
        dataset: The generated images' data set.
        key: Name of the evaluation.

    Raises:
        DataError: There is no such evaluation, or it is part of a study.
    """
    stored = info.section(dataset, "evaluations").get(key)
    if stored is None:
        known = ", ".join(info.section(dataset, "evaluations")) or "none"
        raise DataError(f"{dataset.name!r} has no evaluation {key!r} (it has: {known}).")
    made = _fields_of(dataset, dataset, key, side="generated")
    if not made and (study := _study_of(dataset, key)):
        raise DataError(f"{key!r} is part of the study {study!r}; delete the study instead.")
    reference = _reference(dataset, stored)
    return EvaluationDeletion(
        key=key,
        generated=dataset.name,
        generated_fields=made,
        reference=None if reference is None else reference.name,
        reference_fields=[]
        if reference is None or reference.name == dataset.name or _shared(reference, dataset, key)
        else _fields_of(reference, dataset, key, side="reference"),
    )


def delete_evaluation(dataset: Any, key: str) -> EvaluationDeletion:
    """Delete an evaluation, whole or not at all; images and other evaluations stay.

    Args:
        dataset: The generated images' data set.
        key: Name of the evaluation.

    Raises:
        DataError: There is no such evaluation, or it is part of a study.
        Busy: Another process changes one of the data sets.
    """
    plan_deletion(dataset, key)
    stored = info.section(dataset, "evaluations")[key]
    reference = _reference(dataset, stored)
    both = {info.id_of(one): one for one in (dataset, reference) if one is not None}
    with ExitStack() as locks:  # in one order, as an evaluation takes them
        held = [
            locks.enter_context(locking.exclusive(both[id], "delete an evaluation"))
            for id in sorted(both)
        ]
        deletion = plan_deletion(dataset, key)
        run_key = f"evaluate_{key_of(key)}"
        plan = {
            "key": key,
            "run_key": run_key,
            "run": records.reference(dataset, run_key),
            "made": deletion.generated_fields,
            "real": deletion.reference_fields,
            "reference": None if reference is None else identity.id_of(reference),
        }
        for lock in held:
            lock.check()
        recovery.carry_out(dataset, "delete-evaluation", plan, {})
    return deletion


def finish(dataset: Any, verb: str, plan: Mapping[str, Any], arrays: recovery.Arrays) -> None:
    """Carry out a planned deletion on both data sets; may be done twice."""
    name = identity.name_of_id(plan["reference"]) if plan["reference"] else None
    if plan["real"] and name is not None:
        reference = identity.load(name)
        drop_fields(reference, plan["real"])
        names.disown(reference, Names(fields=plan["real"]))
        remove_empty(reference)
    drop_fields(dataset, plan["made"])
    commit(
        dataset,
        [
            *info.update_stages(drop={"evaluations": [plan["key"]]}),
            {"$unset": [f"runs.{plan['run_key']}"]},
        ],
    )
    records.remove(plan["run"])
    names.disown(dataset, Names(fields=plan["made"], runs=[plan["run_key"]]))
    remove_empty(dataset)


def _fields_of(dataset: Any, judged: Any, key: str, *, side: earlier.Side) -> list[str]:
    """List the fields that an evaluation has in one of its data sets."""
    recorded = _owned(dataset).get(f"evaluate {key_of(key)}", [])
    return [*recorded, *earlier.of_evaluation(dataset, judged, key, side=side)]


def _owned(dataset: Any) -> dict[str, list[str]]:
    """Return the recorded fields of a data set by their owner."""
    fields: dict[str, list[str]] = {}
    for name, entry in info.section(dataset, names.MADE).items():
        if name.startswith(FIELD):
            fields.setdefault(entry.get("by", ""), []).append(name.removeprefix(FIELD))
    return fields


def _study_of(dataset: Any, key: str) -> str | None:
    """Return the study that an evaluation is part of, None without one.

    A study's evaluations have fields of the study's name alone: it is known by its run, or by
    these fields.
    """
    possible = earlier.possible_studies(dataset, key)
    studies = {key_of(run.id) for run in runs.listing("study")}
    owned = _owned(dataset)
    for name in reversed(possible):
        if (
            name in studies
            or f"evaluate {name}" in owned
            or earlier.of_evaluation(dataset, dataset, key, side="generated", study=name)
        ):
            return name
    return None


def _reference(dataset: Any, stored: Mapping[str, Any]) -> Any | None:
    """Open the data set that an evaluation compared with, None where it is deleted."""
    names_known = (stored.get("reference"), generated.source_name(info.read(dataset)))
    name = next((name for name in names_known if name and glance(name) is not None), None)
    return None if name is None else identity.load(name)


def _shared(reference: Any, dataset: Any, key: str) -> bool:
    """Tell whether another linked data set has an evaluation of this name, and so its fields."""
    others = [name for name in generated.linked_names(info.read(reference)) if name != dataset.name]
    return any(key in info.section(identity.load(name), "evaluations") for name in others)
