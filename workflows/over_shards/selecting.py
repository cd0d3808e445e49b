"""``select`` from shards into shards: what is chosen is written as rows of the same contract."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from ... import selectors
from ...common.errors import DataError, SettingsError
from ...common.files import read_json, replacing_folder, write_json
from ...common.shards import ShardSet, write_shard
from ...config import SelectSettings
from ...datasets.reading import Samples
from ...datasets.writing import ids_hash
from . import sources

RECORD = "selection.json"
MOST = 10_000_000  # rows that one process selects from
NEEDS_DATASET = {
    "name": "tags",
    "keep": "a selection",
    "exclude_tag": "tags",
    "toward": "tags",
    "away": "tags",
    "report": "a page",
    "field": "fields",
}
"""Settings about what only a data set has."""


def select_from_shards(
    source: Any, shards: ShardSet, config: SelectSettings
) -> tuple[list[str], dict[str, Any], Path, bool]:
    """Choose rows of shards and write them, in the order of the choice, as a folder of shards.

    The folder holds one shard with the columns of the source and ``rank`` and ``score``, and
    ``selection.json`` with settings, counts and hashes. The same call does nothing a second time.

    Args:
        source: As it was given, for messages.
        shards: The pool.
        config: Settings; fields of samples are extra columns here.

    Returns:
        The ids in pick order, what is stored, the folder, and whether it was there already.

    Raises:
        SettingsError: A setting needs a data set, or the folder to write is missing.
        DataError: The folder holds something else, or another selection.
    """
    folder = _target(config)
    if any(path.absolute().parent.samefile(folder) for path in shards.paths if folder.exists()):
        raise DataError(f"{folder} is the pool, and its rows are selected; give another folder.")
    if len(shards) > MOST:
        raise DataError(
            f"{source} has {len(shards):,} rows, and one process selects from at most {MOST:,}; "
            "share them among processes: torchrun --nproc-per-node N "
            f"-m curadiff.selectors.distributed.command {source}/*.parquet"
        )
    pool = sources.read_pool(shards)
    constraints = _constraints(shards, config)
    fingerprint = _fingerprint(config, pool, constraints)
    earlier = _earlier(folder, config, fingerprint)
    if earlier is not None:
        return earlier["ids"], earlier, folder, True
    assert pool.x is not None
    chosen = selectors.select(
        pool.x,
        config.budget,
        method=config.method,
        ids=pool.names,
        seed=config.seed,
        device=config.device,
        **constraints,
        **selectors.options_of(config),
    )
    rows = np.asarray(chosen.indices)
    ids = [pool.ids[row] for row in rows]
    record = {
        "settings": config.model_dump(mode="json"),
        "selection_method": config.method,
        "fingerprint": fingerprint,
        "source": str(Path(source).expanduser().absolute()),
        "encoder": pool.encoder,
        "pool_size": len(pool.ids),
        "pool_hash": ids_hash(pool.ids),
        "ids_hash": ids_hash(ids),
        "missing": 0,
        "stop_reason": chosen.stop_reason,
        "shortfall": int(chosen.shortfall),
        "used": chosen.settings,
        # What compares every row with the picks or with all others is left to `report`: it would
        # take longer than the choice.
        "flagged": int(np.sum(chosen.flagged)) if config.method == "typicality" else None,
        "ids": ids,
    }
    with replacing_folder(folder) as unfinished:
        unfinished.mkdir(exist_ok=True)
        write_shard(
            unfinished / "selection.parquet",
            ids=ids,
            uris=[pool.paths[row] for row in rows],
            sha256=_texts(shards, "sha256", rows),
            embeddings=pool.x[rows],
            encoder=pool.encoder or "",
            extra={
                **{
                    name: shards.values_of(name, rows)
                    for name in shards.extra
                    if name not in ("rank", "score")
                },
                "rank": np.arange(len(rows)),
                "score": np.asarray(chosen.scores, np.float64),
            },
        )
        write_json(unfinished / RECORD, record)
    return ids, record, folder, False


def _target(config: SelectSettings) -> Path:
    for name, what in NEEDS_DATASET.items():
        if getattr(config, name):
            raise SettingsError(
                f"{name} needs {what} of a FiftyOne data set, which shards do not have; leave it "
                "out, or import the images first."
            )
    if config.to_shards is None:
        raise SettingsError(
            "to_shards is needed to select from shards; give a folder for the chosen rows."
        )
    return Path(config.to_shards).expanduser().absolute()


def _constraints(shards: ShardSet, config: SelectSettings) -> dict[str, Any]:
    """Read groups, weights and what belongs together from extra columns."""
    named = {
        "groups": config.group_field,
        "together": config.together_field,
        "weights": config.weight_field,
    }
    constraints: dict[str, Any] = {}
    for name, column in named.items():
        if column is None:
            continue
        values = shards.values(column)
        empty = sum(value is None for value in values)
        if empty:
            raise DataError(f"{empty} of {len(values)} rows have no {column!r}; fill it in.")
        constraints[name] = values
    if config.counts is not None:
        constraints["quotas"] = config.counts
    return constraints


def _fingerprint(config: SelectSettings, pool: Samples, constraints: dict[str, Any]) -> str:
    left_out = {"overwrite", "name", "device", "to_shards"}
    asked = config.model_dump(mode="json", exclude=left_out)
    digest = hashlib.sha256(json.dumps([asked, constraints], sort_keys=True, default=str).encode())
    digest.update(ids_hash(pool.ids).encode())
    digest.update(np.ascontiguousarray(pool.x).data)
    return digest.hexdigest()


def _earlier(folder: Path, config: SelectSettings, fingerprint: str) -> dict[str, Any] | None:
    """Return the record of the same selection where it is there already.

    Raises:
        DataError: The folder is not empty and holds something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    if not (folder / RECORD).is_file():
        raise DataError(f"{folder} is there and holds no selection; give a new or empty folder.")
    record = read_json(folder / RECORD)
    if record.get("fingerprint") == fingerprint:
        return record
    if not config.overwrite:
        raise DataError(
            f"{folder} holds another selection ({len(record['ids'])} rows by "
            f"{record['selection_method']}); give another folder, or overwrite."
        )
    return None


def _texts(shards: ShardSet, name: str, rows: np.ndarray) -> list[str]:
    try:
        return [value or "" for value in shards.values_of(name, rows)]
    except DataError:
        return [""] * len(rows)
