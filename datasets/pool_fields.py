"""What a pool says of its samples, whatever is chosen from it: density and outliers.

These values are the same for every selection from the same pool, so they are written once,
under the name of the embeddings: ``clip_vit_b32_density``. Selections refer to them, and they go
with the last selection that does. Another pool has fields of its own, with a number:
``clip_vit_b32_2_density``.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from . import info, names, sidebar
from .field_descriptions import described
from .info_sections import Made
from .names import Names, key_of
from .records import runs_of
from .writing import drop_fields, replace_numbers

FIELDS = ("density", "outlier_score", "flagged")
OWNER = "pool "
REFERENCE = "shared_fields"  # in the config of a selection's run: name -> field


def planned(
    dataset: Any, embeddings: str, ids: Sequence[str], values: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Choose the fields for values of a pool: those that hold them already, or free ones.

    A pool is known by its samples and by who stands apart among them.

    Args:
        dataset: The data set, held by the caller.
        embeddings: The field that the values were measured by.
        ids: Sample ids of the pool, n of them.
        values: (n,) values by name, of `FIELDS`; ``density`` may be missing.

    Returns:
        A plan for `write`, with the fields by name under ``fields``.
    """
    digest = hashlib.sha256("\n".join([embeddings, *ids]).encode())
    for name in FIELDS[1:]:
        digest.update(np.ascontiguousarray(values[name]).tobytes())
    owner = f"{OWNER}{digest.hexdigest()[:16]}"
    made = info.section(dataset, names.MADE)
    ours = [key.removeprefix("field ") for key, one in made.items() if one.get("by") == owner]
    there = names.there(dataset, Names(fields=ours)).fields
    prefix = _prefix(dataset, owner, key_of(embeddings))
    fields = {name: f"{prefix}_{name}" for name in values}
    missing = [name for name in fields if fields[name] not in there]
    about = f"Among the {len(ids):,} samples of a pool, by {embeddings}."
    return {"owner": owner, "fields": fields, "missing": missing, "about": about}


def write(dataset: Any, plan: Mapping[str, Any], columns: Mapping[str, Any]) -> None:
    """Write planned fields, where they are not there already; may be done twice.

    Args:
        dataset: The data set, held by the caller.
        plan: What `planned` returned.
        columns: Ids and values by name.
    """
    if not plan["missing"]:
        return
    fields = {plan["fields"][name]: columns[name] for name in plan["missing"]}
    called = Names(fields=list(fields))
    names.own(dataset, plan["owner"], called)
    replace_numbers(dataset, fields)
    for name in called.fields:
        field = dataset.get_field(name)
        field.description = f"{described(name)} {plan['about']}"
        field.save()
    names.stamp(dataset, plan["owner"], called)
    sidebar.fold(dataset, sidebar.SELECTION, called.fields)


def unused(dataset: Any, without: Collection[str] = ()) -> list[str]:
    """List the fields of pools that no selection refers to.

    Args:
        dataset: The data set.
        without: Names of selections that are not counted.
    """
    used = {
        field
        for config in runs_of(dataset, "select").values()
        if config.get("name") not in without
        for field in config.get(REFERENCE, {}).values()
    }
    made = info.section(dataset, names.MADE)
    ours = [key.removeprefix("field ") for key, one in made.items() if _of_pool(key, one)]
    return [field for field in ours if field not in used]


def sweep(dataset: Any) -> None:
    """Remove the fields of pools that no selection refers to any more; may be done twice."""
    gone = Names(fields=unused(dataset))
    if gone.fields:
        drop_fields(dataset, names.there(dataset, gone).fields)
        names.disown(dataset, gone)


def _of_pool(key: str, entry: Made) -> bool:
    return key.startswith("field ") and entry.get("by", "").startswith(OWNER)


def _prefix(dataset: Any, owner: str, embeddings: str) -> str:
    """Return what a pool's fields begin with: each is the pool's already, or is free."""
    for number in itertools.count(1):
        prefix = embeddings if number == 1 else f"{embeddings}_{number}"
        called = [f"{prefix}_{name}" for name in FIELDS]
        if not names.taken(dataset, owner, Names(fields=called)):
            return prefix
    raise AssertionError("numbers do not end")
