"""``select`` from shards into shards: what is chosen is written as rows of the same contract."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ... import selectors
from ...common.errors import DataError, SettingsError
from ...common.files import read_json, replacing_folder, write_json
from ...common.shards import ShardSet, write_shard
from ...common.temporary import is_temporary, remove, sweep
from ...config import SelectSettings
from ...datasets.writing import ids_hash
from . import sources
from .choice import Chosen, fingerprint
from .in_cells import CELLS, PoolInCells, discard_cells, holding

RECORD, SHARD = "selection.json", "selection.parquet"
OF_FILE_MANAGERS = (".DS_Store", ".directory", "Thumbs.db", "desktop.ini")
"""What macOS, KDE and Windows leave in a folder that somebody looks at; goes with the folder."""
ROW = 200  # bytes of a row besides its embedding, about
MOST = 10_000_000  # rows that are compared at once; more are selected from in cells
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
    pool = (PoolInCells if len(shards) > MOST else Pool)(source, shards, config)
    earlier = _earlier(folder, config, pool.fingerprint)
    if earlier is not None:
        discard_cells(folder)
        return earlier["ids"], earlier, folder, True
    with holding(folder) as hidden:
        sweep(folder.parent)
        earlier = _earlier(folder, config, pool.fingerprint)  # meanwhile, by another process
        if earlier is not None:
            remove(hidden / CELLS)
            return earlier["ids"], earlier, folder, True
        chosen = pool.choose(hidden)
        record = _record(source, shards, config, pool, chosen)
        _write(folder, shards, pool, chosen, record)
        remove(hidden / CELLS)  # also what another selection left that was stopped
    return record["ids"], record, folder, False


def _record(
    source: Any, shards: ShardSet, config: SelectSettings, pool: Pool | PoolInCells, chosen: Chosen
) -> dict[str, Any]:
    """Return what is stored with a selection."""
    ids = shards.values_of("id", chosen.rows)
    return {
        "settings": config.model_dump(mode="json"),
        "selection_method": config.method,
        "fingerprint": pool.fingerprint,
        "source": str(Path(source).expanduser().absolute()),
        "encoder": shards.encoder,
        "pool_size": len(shards),
        "pool_hash": pool.hash,
        "ids_hash": ids_hash(ids),
        "missing": 0,
        "stop_reason": chosen.stop_reason,
        "shortfall": chosen.shortfall,
        "used": chosen.used,
        "flagged": chosen.flagged,
        "bound": chosen.bound,
        "cells": chosen.cells,
        "ids": ids,
    }


def _write(
    folder: Path,
    shards: ShardSet,
    pool: Pool | PoolInCells,
    chosen: Chosen,
    record: dict[str, Any],
) -> None:
    """Write the chosen rows as a folder of shards, whole or not at all."""
    rows = chosen.rows
    extra = [name for name in shards.extra if name not in ("rank", "score")]
    with replacing_folder(folder) as unfinished:
        write_shard(
            unfinished / SHARD,
            ids=record["ids"],
            uris=_texts(shards, "uri", rows),
            sha256=_texts(shards, "sha256", rows),
            embeddings=pool.embeddings(rows),
            encoder=shards.encoder or "",
            extra={
                **{name: shards.values_of(name, rows) for name in extra},
                "rank": np.arange(len(rows)),
                "score": np.asarray(chosen.scores, np.float64),
            },
        )
        write_json(unfinished / RECORD, record)


class Pool:
    """A pool that is in memory as a whole.

    Args:
        source: As it was given.
        shards: The pool.
        config: Settings.

    Raises:
        DataError: Ids are not unique, an embedding is not finite or zero, or a column has empty
            values.
    """

    def __init__(self, source: Any, shards: ShardSet, config: SelectSettings) -> None:
        pool = sources.read_pool(shards)
        assert pool.x is not None
        sources.check_nonzero(shards, pool.x, pool.ids)
        self.shards, self.config = shards, config
        self._names, self._x = pool.names, pool.x
        self._constraints = _constraints(shards, config)
        self.hash = ids_hash(pool.ids)
        content = np.ascontiguousarray(pool.x).data
        self.fingerprint = fingerprint(config, self._constraints, self.hash.encode(), content)

    def choose(self, folder: Path) -> Chosen:
        """Choose rows, exactly; nothing is written to the folder.

        Raises:
            DataError: There is no room for them, which is said before the choice.
        """
        needed = min(self.config.budget, len(self.shards)) * (4 * self.shards.dim + ROW)
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise DataError(
                f"{folder.parent} has {free / 1e9:,.1f} GB of free space, and the chosen rows take "
                f"about {needed / 1e9:,.1f} GB; free some, or write elsewhere."
            )
        chosen = selectors.select(
            self._x,
            self.config.budget,
            method=self.config.method,
            ids=self._names,
            seed=self.config.seed,
            device=self.config.device,
            **self._constraints,
            **selectors.options_of(self.config),
        )
        return Chosen(
            np.asarray(chosen.indices),
            chosen.scores,
            chosen.stop_reason,
            int(chosen.shortfall),
            chosen.settings,
            # What compares every row with the picks or with all others is left to `report`: it
            # would take longer than the choice.
            int(np.sum(chosen.flagged)) if self.config.method == "typicality" else None,
        )

    def embeddings(self, rows: np.ndarray) -> np.ndarray:
        """Return the embeddings of some rows, as the shards have them."""
        return self._x[rows]


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
    return Path(config.to_shards).expanduser().resolve()


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


def _earlier(folder: Path, config: SelectSettings, fingerprint: str) -> dict[str, Any] | None:
    """Return the record of the same selection where it is there already.

    Raises:
        DataError: The folder is not empty and holds something else, or another selection.
    """
    if not folder.exists() or (folder.is_dir() and not _names(folder)):
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
    others = sorted(_names(folder) - {RECORD, SHARD})
    if others:
        raise DataError(
            f"{folder} holds other files beside its selection ({', '.join(others[:3])}), which "
            "overwriting would delete; move them away, or give another folder."
        )
    return None


def _names(folder: Path) -> set[str]:
    """Return what a folder holds that somebody may want to keep."""
    names = {one.name for one in folder.iterdir() if not is_temporary(one.name)}
    return names - {*OF_FILE_MANAGERS}


def _texts(shards: ShardSet, name: str, rows: np.ndarray) -> list[str]:
    try:
        return [value or "" for value in shards.values_of(name, rows)]
    except DataError:
        return [""] * len(rows)
