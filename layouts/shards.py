"""Parquet shards: rows that name image files on this machine, see `common.shards`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..common.errors import DataError, EnvironmentFault
from ..common.shards import ShardSet, files_of, local_path
from ..common.words import plural
from .records import Record, Records, Value

LABEL = "label"
CONTEXT, SELECTION = "context", "selection"  # splits, each a saved view
BLOCK = 16_384  # rows that are read at a time


def recognizes(root: Path) -> bool:
    """Tell whether a folder holds shards; other ``.parquet`` files are none."""
    files = files_of(root)
    try:
        return bool(files) and "uri" in ShardSet(files[:1]).names
    except (DataError, EnvironmentFault):
        return False


def read(root: Path) -> Records:
    """List the rows of all shards of a folder, with their extra columns as fields.

    The column ``label`` names the class. Rows whose file is not on this machine are left out.

    Raises:
        DataError: There are no shards, or no file of theirs is here.
        EnvironmentFault: pyarrow is not installed.
    """
    shards = _opened(root)
    records, missing = [], 0
    for begin in range(0, len(shards), BLOCK):
        end = min(len(shards), begin + BLOCK)
        columns = {name: shards.values(name, begin, end) for name in _columns(shards)}
        for record in _records(columns):
            if record is None:
                missing += 1
            else:
                records.append(record)
    return _listed(root, records, missing)


def read_with_context(root: Path, pool: str | Path, count: int, seed: int) -> Records:
    """List a selection and some random rows of the shards that it is of, each as a split.

    Args:
        root: The selection, a folder of shards.
        pool: What it was selected from, a folder of shards.
        count: How many random rows that are not in the selection; fewer where there are fewer.
        seed: Of the draw.

    Raises:
        DataError: As `read`, or the two are of different encoders.
    """
    picks, rest = _opened(root), _opened(Path(pool).expanduser().absolute())
    if None not in (picks.encoder, rest.encoder) and picks.encoder != rest.encoder:
        raise DataError(
            f"the selection in {root} is of the encoder {picks.encoder} and the shards in {pool} "
            f"of {rest.encoder}; give the pool that it was selected from."
        )
    chosen = read(root)
    ids = {record.id for record in chosen}
    few = min(len(rest), count + len(ids))  # enough, even if the draw meets the whole selection
    rows = np.sort(np.random.default_rng(seed).choice(len(rest), few, replace=False))
    drawn = rest.values_of("id", rows)
    rows = rows[[id not in ids for id in drawn]]
    if len(rows) > count:
        rows = np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))
    columns = {name: rest.values_of(name, rows) for name in _columns(rest)}
    found = list(_records(columns))
    others = [record for record in found if record is not None]
    notes = [*chosen.notes, *_absent(len(found) - len(others))]
    listed = [
        *(replace(record, split=SELECTION) for record in chosen),
        *(replace(record, split=CONTEXT) for record in others),
    ]
    return Records(listed, layout="shards", ignored=chosen.ignored, notes=notes)


def _opened(root: Path) -> ShardSet:
    files = files_of(root)
    if not files:
        raise DataError(f"{root} holds no .parquet files; give a folder of shards.")
    return ShardSet(files)


def _columns(shards: ShardSet) -> list[str]:
    return ["id", "uri", *shards.extra]


def _records(columns: Mapping[str, Sequence[Any]]) -> Iterator[Record | None]:
    """Yield the record of each row, None where its file is not here."""
    for row, (id, uri) in enumerate(zip(columns["id"], columns["uri"], strict=True)):
        path = local_path(uri or "")
        if path is None or not path.is_file():
            yield None
            continue
        fields: dict[str, Value] = {
            name: values[row]
            for name, values in columns.items()
            if name not in ("id", "uri", LABEL) and isinstance(values[row], str | int | float)
        }
        label = columns[LABEL][row] if LABEL in columns else None
        yield Record(path.absolute(), id=id, label=None if label is None else str(label),
                     fields=fields)  # fmt: skip


def _listed(root: Path, records: list[Record], missing: int) -> Records:
    if not records:
        raise DataError(
            f"none of the {missing:,} files that the shards in {root} name is on this machine; "
            "bring the chosen images here and write their paths into the column uri."
        )
    return Records(records, layout="shards", ignored=missing, notes=_absent(missing))


def _absent(missing: int) -> list[str]:
    if not missing:
        return []
    were = "is not on this machine and was", "are not on this machine and were"
    return [f"{plural(missing, 'file')} {were[missing > 1]} left out."]
