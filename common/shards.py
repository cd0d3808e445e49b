"""Embeddings in Parquet files: the contract with other systems that embed or select.

A shard has one row per image and these columns, then any others:

    id         string, what the image is called; differs between all rows of a set of shards
    uri        string, where the image is
    sha256     string, hash of its file
    embedding  fixed-size list of float32
    encoder    string, identity of the encoder, the same in all rows of a set

Files are memory-mapped, embeddings are stored uncompressed and copied once, into an array of
the rows that are asked for. pyarrow is needed: ``pip install 'curadiff[shards]'``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from .arrays import Array
from .errors import DataError
from .files import replacing
from .parquet import COLUMNS, ColumnReader, encoder_of, open_shard, pyarrow, writing_options

SUFFIX = ".parquet"
GROUP = 16_384  # rows of a row group


def files_of(source: str | Path) -> list[Path]:
    """Return the shards that a path names: a ``.parquet`` file, or those of a folder, by name.

    Returns:
        No files where the path is something else.
    """
    path = Path(source).expanduser()
    if path.is_file():
        return [path] if path.suffix == SUFFIX else []
    return sorted(one for one in path.glob(f"*{SUFFIX}") if not one.name.startswith("."))


def local_path(uri: str) -> Path | None:
    """Return the file that a ``uri`` names on this machine: a path or ``file://``; else None."""
    if uri.startswith("file://"):
        parts = urlsplit(uri)
        return Path(unquote(parts.path)) if parts.netloc in ("", "localhost") else None
    return None if not uri or "://" in uri else Path(uri)


def write_shard(
    path: str | Path,
    *,
    ids: Sequence[str],
    uris: Sequence[str],
    sha256: Sequence[str],
    embeddings: Array,
    encoder: str,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Write one shard, whole or not at all.

    Args:
        path: Where to, ``.parquet``.
        ids: What the images are called, n of them.
        uris: Where they are.
        sha256: Hashes of their files.
        embeddings: (n, d) numbers, stored as float32.
        encoder: Identity of the encoder.
        extra: More columns by name, each n values.

    Raises:
        DataError: Columns differ in length, or one has a name of the contract.
        EnvironmentFault: pyarrow is not installed.
    """
    pa, pq = pyarrow()
    path, count = Path(path), len(embeddings)
    extra = dict(extra or {})
    if taken := [name for name in extra if name in COLUMNS]:
        raise DataError(f"{taken[0]!r} is a column of every shard; call the extra one otherwise.")
    flat = np.ascontiguousarray(embeddings, dtype=np.float32).reshape(-1)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat), embeddings.shape[1])
    columns = {
        "id": pa.array(ids, pa.string()),
        "uri": pa.array(uris, pa.string()),
        "sha256": pa.array(sha256, pa.string()),
        "embedding": vectors,
        "encoder": pa.array([encoder] * count, pa.string()),
        **{name: pa.array(values) for name, values in extra.items()},
    }
    for name, values in columns.items():
        if len(values) != count:
            raise DataError(f"{name} has {len(values)} values and there are {count} embeddings.")
    table = pa.table(columns)
    with replacing(path) as unfinished:
        pq.write_table(table, unfinished, row_group_size=GROUP, **writing_options(table.schema))
    return path


def drop_rows(path: Path, rows: Array) -> None:
    """Write a shard anew without some of its rows; without any left, delete it.

    Args:
        path: The shard.
        rows: (n,) Boolean, true for rows to drop.
    """
    pa, pq = pyarrow()
    if rows.all():
        path.unlink()
        return
    file, at = open_shard(path), 0
    schema = file.schema_arrow
    with (
        replacing(path) as unfinished,
        pq.ParquetWriter(unfinished, schema, **writing_options(schema)) as writer,
    ):
        for group in range(file.metadata.num_row_groups):
            table = file.read_row_group(group)
            keep = pa.array(~rows[at : at + len(table)])
            writer.write_table(table.filter(keep), row_group_size=GROUP)
            at += len(table)


class ShardSet:
    """Shards read as one table, in the order given.

    Args:
        paths: ``.parquet`` files.

    Attributes:
        counts: Rows of each file.
        dim: Length of an embedding.
        encoder: Identity of the encoder; None where no row says it.

    Raises:
        DataError: A file is no shard, or rows differ in encoder or length of embeddings.
        EnvironmentFault: pyarrow is not installed.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        if not paths:
            raise DataError("no shards were given; give .parquet files.")
        self.paths = [Path(path) for path in paths]
        self._files = [open_shard(path) for path in self.paths]
        self.counts = [file.metadata.num_rows for file in self._files]
        dims = [file.schema_arrow.field("embedding").type.list_size for file in self._files]
        for path, dim in zip(self.paths, dims, strict=True):
            if dim != dims[0]:
                raise DataError(
                    f"{path} has {dim} features per row and {self.paths[0]} has {dims[0]}; give "
                    "shards of one encoder."
                )
        self._readers: dict[str, ColumnReader] = {}
        self.dim: int = dims[0]
        self.encoder: str | None = self._one_encoder()

    def _one_encoder(self) -> str | None:
        """Return the encoder of all files that have rows.

        Raises:
            DataError: There are several, or some files do not say theirs.
        """
        encoders = [
            (path, encoder_of(path, file))
            for path, file, count in zip(self.paths, self._files, self.counts, strict=True)
            if count
        ]
        for path, encoder in encoders:
            first, same = encoders[0]
            if encoder != same:
                unnamed = "an encoder that it does not name"
                raise DataError(
                    f"{path} is of {f'the encoder {encoder}' if encoder else unnamed} and {first} "
                    f"of {same or unnamed}; give shards of one encoder."
                )
        return encoders[0][1] if encoders else None

    def __len__(self) -> int:
        return sum(self.counts)

    @property
    def names(self) -> list[str]:
        """Names of the columns of the first file."""
        return self._files[0].schema_arrow.names

    @property
    def extra(self) -> list[str]:
        """Names of the columns beyond those of every shard that all files have."""
        schemas = [file.schema_arrow.names for file in self._files]
        shared = [name for name in schemas[0] if all(name in names for names in schemas)]
        return [name for name in shared if name not in COLUMNS]

    def has(self, name: str) -> bool:
        """Tell whether all files have a column."""
        return all(name in file.schema_arrow.names for file in self._files)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and features, as of a matrix."""
        return len(self), self.dim

    def __getitem__(self, rows: slice) -> Array:
        """Return the embeddings of consecutive rows, as a matrix would."""
        begin, end, _ = rows.indices(len(self))
        return self.embeddings(begin, end)

    def embeddings(self, begin: int = 0, end: int | None = None) -> Array:
        """Return the embeddings of some rows, (end - begin, d) float32; NaN where one is null."""
        end = len(self) if end is None else end
        rows = np.empty((max(0, end - begin), self.dim), np.float32)
        at = 0
        for column in self._column("embedding", begin, end):
            part = rows[at : at + len(column)]
            empty = column.is_null().to_numpy(zero_copy_only=False)
            part[empty] = np.nan  # which the flattened column leaves out
            values = column.flatten().to_numpy(zero_copy_only=False)
            part[~empty] = values.reshape(-1, self.dim)
            at += len(column)
        return rows

    def embeddings_of(self, rows: Array) -> Array:
        """Return the embeddings of single rows, in their order; NaN where one is null."""
        ascending = np.argsort(rows, kind="stable")
        result = np.empty((len(rows), self.dim), np.float32)
        for begin in range(0, len(self), GROUP):
            end = min(begin + GROUP, len(self))
            low, high = np.searchsorted(rows[ascending], [begin, end])
            if low < high:
                places = ascending[low:high]
                result[places] = self.embeddings(begin, end)[rows[places] - begin]
        return result

    def values(self, name: str, begin: int = 0, end: int | None = None) -> list[Any]:
        """Return another column of some rows.

        Raises:
            DataError: A file has no such column.
        """
        self._check_column(name)
        end = len(self) if end is None else end
        return [v for column in self._column(name, begin, end) for v in column.to_pylist()]

    def values_of(self, name: str, rows: Array) -> list[Any]:
        """Return another column of single rows, in their order.

        Raises:
            DataError: A file has no such column.
        """
        self._check_column(name)
        ascending = np.argsort(rows, kind="stable")
        result: list[Any] = [None] * len(rows)
        at = 0
        for file in self._files:
            for group in range(file.metadata.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                low, high = np.searchsorted(rows[ascending], [at, at + count])
                if low < high:
                    column = file.read_row_group(group, columns=[name])[name]
                    for place in ascending[low:high]:
                        result[place] = column[int(rows[place]) - at].as_py()
                at += count
        return result

    def _check_column(self, name: str) -> None:
        for path, file in zip(self.paths, self._files, strict=True):
            names = file.schema_arrow.names
            if name not in names:
                raise DataError(f"{path} has no column {name!r}; it has {', '.join(names)}.")

    def _column(self, name: str, begin: int, end: int) -> Iterator[Any]:
        """Go through the parts of a column that lie between two rows."""
        if name not in self._readers:
            self._readers[name] = ColumnReader(self._files, name)
        return self._readers[name].read(begin, end)
