"""What was done, as custom runs of FiftyOne, each stored or replaced as a whole.

A run is three documents: the run, its results (a file of MongoDB's), and the reference in
the data set. The reference is what makes it exist, and is written last.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bson import ObjectId, json_util

from ..common.errors import DataError
from . import info, locking, recovery
from .database import durable, fiftyone
from .loaded import commit


def record(
    dataset: Any,
    key: str,
    *,
    verb: str,
    config: Mapping[str, Any],
    results: Mapping[str, Any],
) -> None:
    """Store what was done as a custom run; one of the same key is replaced.

    Args:
        dataset: The data set.
        key: Run key.
        verb: What was done, such as ``select``.
        config: Small things: settings, hashes, counts.
        results: Large things: ids, curves.

    Raises:
        DataError: The data set has a run of this key that Curadiff did not make.
    """
    run, data = prepared(dataset, key, verb=verb, config=config, results=results)
    with locking.exclusive(dataset, verb):
        if recorded(dataset, key) is None and reference(dataset, key) is not None:
            raise DataError(
                f"{dataset.name!r} has a run {key!r} that Curadiff did not make; choose another "
                "name, or rename that run."
            )
        plan = {"run": run, "former": reference(dataset, key)}
        recovery.carry_out(dataset, "record", plan, {"results": data})


def prepared(
    dataset: Any, key: str, *, verb: str, config: Mapping[str, Any], results: Mapping[str, Any]
) -> tuple[dict[str, Any], np.ndarray]:
    """Return a run's document with the ids it will have, and its results as bytes."""
    fo = fiftyone()
    from fiftyone.core.runs import RunResults

    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    described = dataset.init_run(method=f"curadiff/{verb}", created=now.isoformat(), **config)
    run_results = RunResults(dataset, described, key, **results)
    run = {
        "_id": ObjectId(),
        "_dataset_id": info.id_of(dataset),
        "key": key,
        "version": fo.__version__,
        "timestamp": now,
        "config": described.serialize(),
        "results": ObjectId(),
        "results_meta": dict(run_results.get_meta() or {}),
    }
    text = json_util.dumps(run_results.serialize()).encode()
    return run, np.frombuffer(text, dtype=np.uint8)


def finish(dataset: Any, verb: str, plan: Mapping[str, Any], arrays: recovery.Arrays) -> None:
    """Store a prepared run and let it take the place of a former one; may be done twice."""
    run = plan["run"]
    store(run, arrays["results"])
    commit(dataset, [{"$set": {f"runs.{run['key']}": run["_id"]}}])
    remove(plan["former"])


def store(run: Mapping[str, Any], results: np.ndarray) -> None:
    """Write a run's document and results; nothing refers to them yet."""
    files = _files()
    files.delete(run["results"])  # also half of it, from a try that died
    files.put(results.tobytes(), _id=run["results"], content_type="application/json")
    durable("runs").replace_one({"_id": run["_id"]}, dict(run), upsert=True)


def reference(dataset: Any, key: str) -> ObjectId | None:
    """Return the id of the run's document that a data set refers to by a key."""
    document = durable("datasets").find_one({"_id": info.id_of(dataset)}, {"runs": 1}) or {}
    ref = (document.get("runs") or {}).get(key)
    return getattr(ref, "id", ref)


def remove(run: ObjectId | None, *, unless: ObjectId | None = None) -> None:
    """Remove a run's document and results, once nothing refers to them."""
    if run is None or run == unless:
        return
    stored = durable("runs").find_one({"_id": run}, {"results": 1})
    if stored is not None and stored.get("results") is not None:
        _files().delete(stored["results"])
    durable("runs").delete_one({"_id": run})


def remove_former(dataset: Any, run: Mapping[str, Any]) -> None:
    """Remove what a committed run took the place of, also after a try that died doing so."""
    mine = {"_dataset_id": info.id_of(dataset), "key": run["key"], "_id": {"$ne": run["_id"]}}
    ours = {**mine, "config.method": run["config"]["method"]}
    for one in list(durable("runs").find(ours, {"_id": 1})):
        remove(one["_id"])


def recorded(dataset: Any, key: str) -> dict[str, Any] | None:
    """Return the configuration of a custom run of Curadiff's, None when there is none.

    It is read from the database. A user's own run of the key is none of Curadiff's.
    """
    config = _configs(dataset, [key]).get(key)
    return config if config and str(config.get("method")).startswith("curadiff/") else None


def runs_of(dataset: Any, verb: str) -> dict[str, dict[str, Any]]:
    """Return the configurations of all custom runs of a verb, by key, oldest first."""
    ours = {
        key: config
        for key, config in _configs(dataset).items()
        if config.get("method") == f"curadiff/{verb}"
    }
    return dict(sorted(ours.items(), key=lambda item: item[1].get("created", "")))


def all_of(dataset: Any) -> dict[str, dict[str, Any]]:
    """Return the configurations of all of Curadiff's custom runs, by key."""
    ours = _configs(dataset).items()
    return {key: one for key, one in ours if str(one.get("method")).startswith("curadiff/")}


def results_of(dataset: Any, key: str) -> dict[str, Any]:
    """Return the results of a custom run as the database has them, empty without any."""
    run = durable("runs").find_one({"_id": reference(dataset, key)}, {"results": 1}) or {}
    if run.get("results") is None:
        return {}
    return json_util.loads(_files().get(run["results"]).read())


def _configs(dataset: Any, keys: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    document = durable("datasets").find_one({"_id": info.id_of(dataset)}, {"runs": 1}) or {}
    refs = {key: getattr(ref, "id", ref) for key, ref in (document.get("runs") or {}).items()}
    if keys is not None:
        refs = {key: ref for key, ref in refs.items() if key in keys}
    stored = durable("runs").find({"_id": {"$in": list(refs.values())}}, {"config": 1})
    configs = {run["_id"]: run.get("config") or {} for run in stored}
    return {key: configs[ref] for key, ref in refs.items() if ref in configs}


def _files() -> Any:
    import gridfs

    return gridfs.GridFS(durable("fs.files").database)
