"""Parquet files as `shards` needs them: opened and checked, with what they are written with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .errors import DataError, EnvironmentFault

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
