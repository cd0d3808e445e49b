"""Store a selection so that it can be seen, filtered, replayed and trusted."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bson import ObjectId, json_util

from ..common.errors import DataError, nearest
from . import info, locking, names, pool_fields, records, recovery, sidebar
from .database import durable
from .loaded import commit
from .names import Names, ids_hash, key_of
from .records import recorded, runs_of
from .resolving import all_samples
from .writing import drop_fields, move_tag, replace_numbers

OF_POOL = ("nearest_pick_distance",)
"""What a selection by embeddings says of every sample of its pool; `pool_fields` say the rest."""


@dataclass(frozen=True)
class Pool:
    """What is said of a pool's samples, whatever is chosen from it.

    Attributes:
        embeddings: The field that it was measured by.
        ids: Sample ids of the pool, n of them.
        values: (n,) values by name, those of `pool_fields.FIELDS`.
    """

    embeddings: str
    ids: Sequence[str]
    values: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class StoredSelection:
    """A selection as the data set remembers it.

    Attributes:
        name: Its tag and its saved view.
        key: Its run key is ``select_KEY``; its fields start with ``KEY_``.
        ids: The frozen sample ids, in pick order.
        config: Settings, hashes and counts.
    """

    name: str
    key: str
    ids: list[str]
    config: dict[str, Any]

    def field(self, name: str) -> str:
        """Return the field of a value, such as ``flagged``: its pool's, or one of its own."""
        return self.config.get(pool_fields.REFERENCE, {}).get(name, f"{self.key}_{name}")


def names_of(name: str, of_pool: Iterable[str] = ()) -> Names:
    """Return what a selection is called in a data set: tag, saved view, run and fields."""
    key = key_of(name)
    fields = [f"{key}_{field}" for field in ("rank", "score", *of_pool)]
    return Names(tags=[name], views=[name], runs=[f"select_{key}"], fields=fields)


def check_name(dataset: Any, name: str, of_pool: Iterable[str] = ()) -> None:
    """Refuse a selection's name whose tag, view, run or fields are somebody else's.

    Args:
        dataset: The data set.
        name: The selection's name.
        of_pool: Fields that it writes besides rank and score, without the key.

    Raises:
        DataError: The name is taken; the message says by what, and names a free one.
    """
    fields = list(of_pool)
    old = recorded(dataset, f"select_{key_of(name)}")
    if old is not None and old.get("name", name) != name:
        raise DataError(
            f"{dataset.name!r} has a selection {old['name']!r}, whose fields are called as those "
            f"of {name!r} would be; choose another name, for example {_free(dataset, name)!r}, or "
            f"overwrite that one by its own name."
        )
    owner, needed_names = owner_of(name), names_of(name, fields)
    inherited = old is not None and owner not in names.owners(dataset)
    conflicts = []
    if old is None:  # its run was deleted by hand; who gave tag and view since is not known
        conflicts += names.taken(
            dataset, "", names.Names(tags=needed_names.tags, views=needed_names.views)
        )
    conflicts += names.taken(dataset, owner, needed_names, inherited=inherited)
    if conflicts:
        advice = f"choose another name, for example {_free(dataset, name)!r}"
        listed = " and ".join(dict.fromkeys(conflicts))
        raise DataError(f"{dataset.name!r} has {listed}; {advice}.")


def owner_of(name: str) -> str:
    """Return the owner under which a selection's names are recorded."""
    return f"select {name}"


def _free(dataset: Any, name: str) -> str:
    free = (f"{name}-{number}" for number in itertools.count(2))
    return next(one for one in free if not names.taken(dataset, "", names_of(one, OF_POOL)))


def write_selection(
    dataset: Any,
    name: str,
    *,
    ids: Sequence[str],
    scores: np.ndarray,
    config: Mapping[str, Any],
    results: Mapping[str, Any],
    of_pool: Mapping[str, tuple[Sequence[str], np.ndarray]],
    shared: Pool | None = None,
) -> StoredSelection:
    """Write tag, rank, fields, saved view and run of a selection; a former one is replaced.

    Whenever this is interrupted, the data set has the former selection, or will have the new
    one: see `recovery`. The new run and view take the place of the old in one update.

    Args:
        dataset: The data set.
        name: The selection's name.
        ids: Chosen sample ids, in pick order.
        scores: Why each was chosen, in the same order.
        config: Settings and hashes for the run.
        results: Curves and the like for the run.
        of_pool: What it says of every sample of the pool: ``{name: (ids, values)}``.
        shared: What all selections from the same pool say of it.

    Raises:
        DataError: A name that it needs is somebody else's; nothing was written.
    """
    key = key_of(name)
    with locking.exclusive(dataset, "select") as held:
        check_name(dataset, name, of_pool)
        own = {"rank": (ids, np.arange(1, len(ids) + 1)), "score": (ids, np.asarray(scores))}
        fields = {f"{key}_{field}": column for field, column in {**own, **of_pool}.items()}
        full = {**config, "name": name, "count": len(ids), "ids_hash": ids_hash(ids)}
        full["pool_fields"] = list(of_pool)
        pool = None
        if shared is not None:
            pool = pool_fields.planned(dataset, shared.embeddings, shared.ids, shared.values)
            full[pool_fields.REFERENCE] = pool["fields"]
        run, data = records.prepared(
            dataset, f"select_{key}", verb="select", config=full, results={"ids": [*ids], **results}
        )
        described = f"{len(ids)} samples chosen by {config['selection_method']}"
        plan = {
            "name": name,
            "run": run,
            "view": _view(dataset, name, ids, described),
            "fields": list(fields),
            "pool_fields": list(of_pool),
            "shared": pool,
            "former": _fields_of(dataset, name, key),
            "former_ids": _ids_of(dataset, key),
            "former_run": records.reference(dataset, f"select_{key}"),
            "former_views": _views(dataset, names.slug_of(name)),
        }
        arrays = {"results": data}
        for number, (rows, values) in enumerate(fields.values()):
            arrays[f"ids{number}"] = np.array(rows, dtype="S24")
            arrays[f"values{number}"] = np.asarray(values)
        if shared is not None:
            arrays["pool_ids"] = np.array(shared.ids, dtype="S24")
            arrays |= {f"pool_{one}": np.asarray(x) for one, x in shared.values.items()}
        held.check()
        recovery.carry_out(dataset, "select", plan, arrays)
    return StoredSelection(name, key, list(ids), full)


def finish(dataset: Any, verb: str, plan: Mapping[str, Any], arrays: recovery.Arrays) -> None:
    """Carry out a planned selection, or the removal of one; may be done twice."""
    if verb == "select":
        _finish_writing(dataset, plan, arrays)
    else:
        _finish_removing(dataset, plan)


def _finish_writing(dataset: Any, plan: Mapping[str, Any], arrays: recovery.Arrays) -> None:
    name, run, view = plan["name"], plan["run"], plan["view"]
    fields = {
        field: (arrays[f"ids{number}"].astype(str).tolist(), arrays[f"values{number}"])
        for number, field in enumerate(plan["fields"])
    }
    drop_fields(dataset, set(plan["former"]) - set(fields))
    replace_numbers(dataset, fields)
    pool = plan.get("shared")  # none without embeddings, or in a plan of an earlier version
    if pool:
        rows = arrays["pool_ids"].astype(str).tolist()
        columns = {one: (rows, arrays[f"pool_{one}"]) for one in pool["fields"]}
        pool_fields.write(dataset, pool, columns)
    ids = arrays["ids0"].astype(str).tolist()
    move_tag(dataset, name, ids, former=plan.get("former_ids", []))
    records.store(run, arrays["results"])
    durable("views").replace_one({"_id": view["_id"]}, dict(view), upsert=True)
    old_views = plan["former_views"]
    made = names.owned(owner_of(name), names_of(name, plan["pool_fields"]))
    others = _views_without([*old_views, view["_id"]])
    commit(
        dataset,
        [
            *info.update_stages(put={names.MADE: made}),
            {"$set": {f"runs.{run['key']}": run["_id"]}},
            {"$set": {"saved_views": {"$concatArrays": [others, [view["_id"]]]}}},
        ],
    )
    names.stamp(dataset, owner_of(name), names_of(name, plan["pool_fields"]))
    records.remove(plan["former_run"])
    durable("views").delete_many({"_id": {"$in": old_views}})
    sidebar.fold(dataset, sidebar.SELECTION, plan["fields"])
    pool_fields.sweep(dataset)


def _finish_removing(dataset: Any, plan: Mapping[str, Any]) -> None:
    commit(
        dataset,
        [
            {"$set": {"saved_views": _views_without(plan["views"])}},
            {"$unset": [f"runs.{plan['run_key']}"]},
        ],
    )
    records.remove(plan["run"])
    durable("views").delete_many({"_id": {"$in": plan["views"]}})
    move_tag(dataset, plan["name"], [], former=plan.get("ids", []))
    drop_fields(dataset, plan["fields"])
    names.disown(dataset, names_of(plan["name"], plan["pool_fields"]))
    pool_fields.sweep(dataset)
    sidebar.remove_empty(dataset)


def _view(dataset: Any, name: str, ids: Sequence[str], description: str) -> dict[str, Any]:
    """Return the document of a saved view of frozen ids in their order."""
    stages = all_samples(dataset).select(list(ids), ordered=True)._serialize(include_uuids=False)
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return {
        "_id": ObjectId(),
        "_dataset_id": info.id_of(dataset),
        "name": name,
        "description": description,
        "slug": names.slug_of(name),
        "view_stages": [json_util.dumps(stage) for stage in stages],
        "created_at": now,
        "last_modified_at": now,
    }


def _views(dataset: Any, slug: str) -> list[ObjectId]:
    """Return the ids of the data set's saved views of a slug; there is one at most."""
    document = durable("datasets").find_one({"_id": info.id_of(dataset)}, {"saved_views": 1}) or {}
    ids = [getattr(one, "id", one) for one in document.get("saved_views") or []]
    return [one["_id"] for one in durable("views").find({"_id": {"$in": ids}, "slug": slug})]


def _views_without(ids: Sequence[ObjectId]) -> dict[str, Any]:
    """Return the MongoDB expression for a data set's saved views without these."""
    there = {"$ifNull": ["$saved_views", []]}  # FiftyOne drops the list with its last view
    return {"$filter": {"input": there, "cond": {"$not": [{"$in": ["$$this", list(ids)]}]}}}


def _fields_of(dataset: Any, name: str, key: str) -> list[str]:
    """List the fields of a stored selection, without those that a user made anew."""
    old = recorded(dataset, f"select_{key}")
    if old is None:
        return []
    stored_names = names_of(name, old.get("pool_fields", []))
    others = names.remade(dataset, stored_names).fields
    return [field for field in stored_names.fields if field not in others]


def _ids_of(dataset: Any, key: str) -> list[str]:
    """List the samples of a stored selection, which got its tag; none where there is none."""
    run = f"select_{key}"
    results = records.results_of(dataset, run) if recorded(dataset, run) is not None else {}
    return list(results.get("ids", []))


def has_view(dataset: Any, name: str) -> bool:
    """Tell whether the saved view of a selection is there still."""
    return bool(_views(dataset, names.slug_of(name)))


def read_selection(dataset: Any, name: str) -> StoredSelection:
    """Read a stored selection by its name.

    Raises:
        DataError: There is no such selection; the message lists those that are there.
    """
    key = key_of(name)
    config = recorded(dataset, f"select_{key}")
    if config is None:
        known = selection_names(dataset)
        listed = f" (there are: {', '.join(known)})" if known else " (there is none yet)"
        raise DataError(
            f"{dataset.name!r} has no selection {name!r}{nearest(name, known)}{listed}; make one "
            f"with: curadiff select {dataset.name}"
        )
    ids = records.results_of(dataset, f"select_{key}")["ids"]
    return StoredSelection(config["name"], key, list(ids), config)


def selection_names(dataset: Any) -> list[str]:
    """List the stored selections, oldest first."""
    return [config["name"] for config in runs_of(dataset, "select").values()]


def selection_of(dataset: Any, ids: Sequence[str]) -> str | None:
    """Return the name of the stored selection that has just these ids, None when none has."""
    id_set = set(ids)
    for name, config in ((c["name"], c) for c in runs_of(dataset, "select").values()):
        if config["count"] == len(ids) and set(read_selection(dataset, name).ids) == id_set:
            return name
    return None


def encoders_of(dataset: Any, names: Sequence[str]) -> list[str]:
    """Return the identities of the encoders whose embeddings these selections were chosen by.

    A random choice looks at no embedding, so it has none.
    """
    encoders = []
    for name in names:
        config = recorded(dataset, f"select_{key_of(name)}") or {}
        if config.get("encoder") and config.get("selection_method") != "random":
            encoders.append(config["encoder"])
    return list(dict.fromkeys(encoders))


def delete_selection(dataset: Any, name: str) -> None:
    """Remove a selection's tag, fields, saved view and run.

    Raises:
        DataError: There is no such selection.
    """
    begun = ("unselect", name) in recovery.pending(dataset)  # and is finished on entry
    with locking.exclusive(dataset, "delete a selection") as held:
        if begun and recorded(dataset, f"select_{key_of(name)}") is None:
            return
        stored = read_selection(dataset, name)
        run_key = f"select_{stored.key}"
        view_is_theirs = bool(names.remade(dataset, names_of(stored.name)).views)
        plan = {
            "name": stored.name,
            "run_key": run_key,
            "run": records.reference(dataset, run_key),
            "ids": stored.ids,
            "views": [] if view_is_theirs else _views(dataset, names.slug_of(stored.name)),
            "fields": _fields_of(dataset, stored.name, stored.key),
            "pool_fields": list(stored.config.get("pool_fields", [])),
        }
        held.check()
        recovery.carry_out(dataset, "unselect", plan, {})
