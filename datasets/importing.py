"""Make FiftyOne data sets of image folders, VITON-HD roots and other data sets.

What an import will do is worked out in full before its first write (see `comparing`). A new
data set appears whole (see `building`); what is added to one that is there is written down
first and then happens, also when the process dies (see `recovery`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common.errors import DataError
from ..layouts import Record
from . import building, counting, documents, identity, info, locking, recovery, stated
from .comparing import Plan, compare
from .database import fiftyone
from .folders import Folder, folder_for
from .tryon import MASKS

BATCH = 1000


@dataclass(frozen=True)
class Outcome:
    """What an import did to a data set.

    Attributes:
        dataset: The FiftyOne data set.
        added: Samples added now.
        updated: Samples that took over values from the folder.
        repointed: Samples whose files had moved and were found again.
        notes: What was left as it is, and how to change that, one sentence each.
    """

    dataset: Any
    added: int
    updated: int = 0
    repointed: int = 0
    notes: tuple[str, ...] = ()


def from_records(
    name: str,
    records: Sequence[Record],
    *,
    source: str,
    add: bool = False,
    update: bool = False,
    repoint: bool = False,
) -> Outcome:
    """Add the images of a folder to the persistent data set ``name``, made when it is missing.

    An image that the data set has already is not added again. Each split becomes a saved
    view of its name.

    Args:
        name: The data set.
        records: The folder's images.
        source: The folder, resolved.
        add: Add to a data set that holds images of another folder.
        update: Take over values that the folder states otherwise than the data set.
        repoint: Let samples whose files are gone point to the same images where they are now.

    Raises:
        DataError: The data set holds something else, or a flag is needed to go on.
    """
    fo = fiftyone()
    building.sweep()
    with locking.exclusive(name, "import"):
        if not fo.dataset_exists(name):
            with building.built(name) as made:
                plan = compare(made, records, Folder(source), update=False, repoint=False)
                _finish(made, plan.to_json(), plan.documents, plan.stated)
            return Outcome(identity.load(name), len(plan.documents), notes=plan.notes)
        dataset = identity.load(name)
        with locking.exclusive(dataset, "import") as held:
            dataset.reload()
            folder = folder_for(dataset, source, records, add=add, repoint=repoint)
            plan = compare(dataset, records, folder, update=update, repoint=repoint, add=add)
            if plan.changes_something(dataset):
                held.check()
                written = {
                    "documents": documents.packed(plan.documents),
                    "stated": np.frombuffer(json.dumps(plan.stated).encode(), dtype=np.uint8),
                }
                recovery.carry_out(dataset, "import", plan.to_json(), written)
                dataset.reload()
    return Outcome(
        dataset, len(plan.documents), len(plan.updates), len(plan.repoints), tuple(plan.notes)
    )


def from_samples(name: str, view: Any) -> Outcome:
    """Copy a view into the persistent data set ``name``; what is there stays.

    A sample whose file the data set has already is not added again.

    Raises:
        DataError: A field of the data set holds something else than that of the view.
    """
    fo = fiftyone()
    building.sweep()
    with locking.exclusive(name, "import"):
        if not fo.dataset_exists(name):
            with building.built(name, make=view.clone) as made:
                info.drop(made, "generated_datasets", info.section(made, "generated_datasets"))
            dataset = identity.load(name)
            return Outcome(dataset, counting.exact(dataset))
        dataset = identity.load(name)
        with locking.exclusive(dataset, "import") as held:
            dataset.reload()
            copied = _copies(dataset, view)
            if copied:
                held.check()
                plan = Plan(documents=copied).to_json()
                recovery.carry_out(dataset, "import", plan, {"documents": documents.packed(copied)})
                dataset.reload()
    return Outcome(dataset, len(copied))


def finish(dataset: Any, verb: str, plan: Mapping[str, Any], arrays: recovery.Arrays) -> None:
    """Carry out a planned import into a data set; may be done twice."""
    stated_bytes = arrays.get("stated")  # none in a plan of an earlier version, or of a copy
    values = {} if stated_bytes is None else json.loads(stated_bytes.tobytes())
    _finish(dataset, plan, documents.unpacked(arrays["documents"]), values)


def _finish(
    dataset: Any,
    plan: Mapping[str, Any],
    added: Sequence[Mapping[str, Any]],
    hashes_by_id: Mapping[str, stated.Values],
) -> None:
    for start in range(0, len(added), BATCH):
        documents.insert(dataset, added[start : start + BATCH])
    documents.change(dataset, [*plan["updates"], *plan["repoints"]])
    stated.write(dataset, hashes_by_id)
    if plan["masks"]:
        for name, labels in MASKS.items():
            if dataset.has_field(name):
                dataset.mask_targets[name] = dict(enumerate(labels))
        dataset.save()
    for view in plan["views"]:
        documents.add_view(dataset, view, "import")
    if plan["folders"] or plan["former"]:
        former = {"folders": plan["former"], "import": ["source"]}
        info.change(dataset, put={"folders": plan["folders"]}, drop=former)


def _copies(dataset: Any, view: Any) -> list[dict]:
    """Return the documents of a view's samples whose files a data set does not have yet."""
    if dataset.media_type not in (None, view.media_type):
        raise DataError(
            f"the data set {dataset.name!r} exists and holds {dataset.media_type} samples; choose "
            "another name."
        )
    known = set(dataset.values("filepath"))
    missing_ids = [
        id for id, path in zip(*view.values(["id", "filepath"]), strict=True) if path not in known
    ]
    if not missing_ids:
        return []
    try:
        dataset._merge_sample_field_schema(view.get_field_schema())
    except Exception as fault:  # FiftyOne raises several classes here
        raise DataError(
            f"{' '.join(str(fault).split())}. Choose another name than {dataset.name!r} for the "
            "copy."
        ) from None
    if dataset.media_type is None:
        dataset.media_type = view.media_type
    originals = list(view.select(missing_ids, ordered=True)._aggregate())
    marks = [documents.mark(dataset, "copy", one["filepath"]) for one in originals]
    ids = documents.new_ids(dataset, marks)
    own = {"_dataset_id": info.id_of(dataset)}
    return [one | own | {"_id": id} for one, id in zip(originals, ids, strict=True)]
