"""Parquet files as `shards` needs them: opened and checked, with what they are written with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError, EnvironmentFault

DECODED = 2048  # rows that are decoded at a time
COLUMNS = ("id", "uri", "sha256", "embedding", "encoder")


def pyarrow() -> tuple[Any, Any]:
    """Return the modules ``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        EnvironmentFault: They are not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise EnvironmentFault(
            "Parquet shards need pyarrow; install it with: pip install 'curadiff[shards]'"
        ) from None
    return pyarrow, pyarrow.parquet


def open_shard(path: Path) -> Any:
    """Open a shard, memory-mapped.

    Raises:
        DataError: The file is no Parquet, lacks a column, or its embeddings are of another type.
    """
    pa, pq = pyarrow()
    try:
        file = pq.ParquetFile(path, memory_map=True)
    except (OSError, pa.ArrowInvalid) as fault:
        raise DataError(f"{path} cannot be read as Parquet ({fault}).") from None
    schema = file.schema_arrow
    missing = [name for name in ("id", "embedding") if name not in schema.names]
    if missing:
        raise DataError(
            f"{path} has no column {missing[0]!r}; a shard has the columns {', '.join(COLUMNS)}."
        )
    kind = schema.field("embedding").type
    if not pa.types.is_fixed_size_list(kind) or kind.value_type != pa.float32():
        raise DataError(
            f"the embedding column of {path} holds {kind}; write it as a fixed-size list of "
            "float32."
        )
    return file


def writing_options(schema: Any) -> dict[str, Any]:
    """Return how columns are stored: embeddings plain, so that they can be mapped."""
    compression = {}
    for field in schema:
        is_list = str(field.type).startswith("fixed")
        leaf = f"{field.name}.list.element" if is_list else field.name
        compression[leaf] = "none" if field.name == "embedding" else "zstd"
    return {"compression": compression, "use_dictionary": ["encoder"]}


def encoder_of(path: Path, file: Any) -> str | None:
    """Return the encoder of all rows of a shard; None where no row says it.

    Raises:
        DataError: Rows are of several encoders, or only some say theirs.
    """
    if "encoder" not in file.schema_arrow.names:
        return None
    names: set[str | None] = set()
    for group in range(file.metadata.num_row_groups):
        names |= {name or None for name in _encoders_in(file, group)}
    if len(names) > 1:
        said = sorted(name for name in names if name is not None)
        mixed = "rows without an encoder beside those of" if None in names else "rows of"
        raise DataError(
            f"{path} has {mixed} {' and '.join(said[:3])}; write the rows of each encoder into a "
            "folder of their own."
        )
    return next(iter(names), None)


def _encoders_in(file: Any, group: int) -> list[str | None]:
    """Return the values of a row group, by its statistics where they say that there is one."""
    rows = file.metadata.row_group(group)
    for place in range(rows.num_columns):
        column = rows.column(place)
        stats = column.statistics
        if column.path_in_schema != "encoder" or stats is None or not stats.has_min_max:
            continue
        one = stats.min == stats.max and isinstance(stats.min, str)
        if one and stats.has_null_count and not stats.null_count:
            return [stats.min]
    values = file.read_row_group(group, columns=["encoder"])["encoder"]
    return values.unique().to_pylist()


class ColumnReader:
    """Reads a column from front to back, going on where the last rows that were asked for end.

    Rows before those, and rows of a later row group, are read from the start of their row group:
    other systems write row groups of a million rows, of which each block would be decoded anew.
    """

    def __init__(self, files: Sequence[Any], name: str) -> None:
        self._groups = [
            (file, group) for file in files for group in range(file.metadata.num_row_groups)
        ]
        counts = [file.metadata.row_group(group).num_rows for file, group in self._groups]
        self._starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self._name = name
        self._at = 0  # row of the whole set that comes next
        self._rest: Any = None  # of the part that was decoded last
        self._parts = self._decoded(0)

    def read(self, begin: int, end: int) -> Iterator[Any]:
        """Go through the parts that lie between two rows."""
        if begin >= end:
            return
        group = int(np.searchsorted(self._starts, begin, "right")) - 1
        if begin < self._at or self._starts[group] > self._at:
            self._at, self._rest, self._parts = int(self._starts[group]), None, self._decoded(group)
        while self._at < end:
            part = next(self._parts) if self._rest is None else self._rest
            low, high = max(begin - self._at, 0), min(end - self._at, len(part))
            self._rest = part.slice(high) if high < len(part) else None
            self._at += high
            if low < high:
                yield part.slice(low, high - low)

    def _decoded(self, first: int) -> Iterator[Any]:
        for file, group in self._groups[first:]:
            batches = file.iter_batches(
                DECODED, row_groups=[group], columns=[self._name], use_threads=False
            )
            for batch in batches:
                yield batch.column(0)
