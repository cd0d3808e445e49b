"""``embed`` into shards, and from shards that another system made into a data set."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ... import encoders
from ...common.errors import DataError
from ...common.images import content_hash
from ...common.shards import SUFFIX, ShardSet, files_of, local_path, write_shard
from ...datasets.reading import Samples
from ...runs import Lease
from .sources import column

SHARD = 16_384  # rows of a file
BLOCK = 16_384  # rows that are read at a time
LEASE = ".lease"  # held while rows are written into a folder

Parts = Iterable[tuple[list[int], encoders.Embedded]]


class Writer:
    """Write rows as shards of a folder, which may have some already.

    Args:
        folder: Where to.
        encoder: Identity of the encoder.

    Attributes:
        done: Ids that the folder has.

    Raises:
        DataError: The folder holds shards of another encoder.
    """

    def __init__(self, folder: str | Path, encoder: str) -> None:
        self.folder = Path(folder).expanduser().absolute()
        self.encoder = encoder
        self.done: set[str] = set()
        files = files_of(self.folder)
        if files:
            shards = ShardSet(files)
            if shards.encoder not in (None, encoder):
                raise DataError(
                    f"{self.folder} holds embeddings by another encoder ({shards.encoder}), now "
                    f"{encoder}; give another folder."
                )
            self.done = set(shards.values("id"))
        self._number = len(files)
        self._rows: list[tuple[str, str, str, np.ndarray]] = []

    def write(self, pool: Samples, rows: Sequence[int], embedded: encoders.Embedded) -> None:
        """Take rows of a pool with their features; those that failed are left out."""
        good = [(row, place) for place, row in enumerate(rows) if embedded.ok[place]]
        with ThreadPoolExecutor(4) as threads:
            hashes = list(threads.map(content_hash, [pool.paths[row] for row, _ in good]))
        for (row, place), digest in zip(good, hashes, strict=True):
            uri = str(Path(pool.paths[row]).absolute())
            self._rows.append((pool.names[row], uri, digest, embedded.features[place]))
        while len(self._rows) >= SHARD:
            self._write(SHARD)

    def close(self) -> None:
        """Write what is left."""
        if self._rows:
            self._write(len(self._rows))

    def _write(self, count: int) -> None:
        ids, uris, hashes, x = zip(*self._rows[:count], strict=True)
        path = self._free()
        write_shard(
            path, ids=ids, uris=uris, sha256=hashes, embeddings=np.stack(x), encoder=self.encoder
        )
        del self._rows[:count]

    def _free(self) -> Path:
        while True:
            path = self.folder / f"part-{self._number:05}{SUFFIX}"
            self._number += 1
            if not path.exists():
                return path


def _made(folder: str | Path) -> Path:
    path = Path(folder).expanduser().absolute()
    if path.is_file():
        raise DataError(f"{path} is a file; give a folder for the shards.")
    path.mkdir(parents=True, exist_ok=True)
    return path


def embed_to_shards(
    folder: str | Path,
    pool: Samples,
    encoder: str,
    compute: Callable[[list[int]], Parts],
) -> tuple[int, int, dict[str, str], dict[str, str]]:
    """Write the embeddings of images as shards; images that the folder has are passed over.

    Args:
        folder: Of the shards.
        pool: The images; their names become ids.
        encoder: Identity of the encoder.
        compute: Yields features, as the encoder gives them, for rows of the pool.

    Returns:
        How many were written, how many were there, faults and notes by file.

    Raises:
        Busy: Another process writes into the folder.
        DataError: The folder holds shards of another encoder, or is a file.
    """
    faults: dict[str, str] = {}
    notes: dict[str, str] = {}
    with Lease(_made(folder), name=LEASE):
        writer = Writer(folder, encoder)
        left = [row for row, name in enumerate(pool.names) if name not in writer.done]
        try:
            for rows, embedded in compute(left):
                writer.write(pool, rows, embedded)
                faults.update(embedded.faults)
                notes.update(embedded.notes)
        finally:
            writer.close()
    return len(left) - len(faults), len(pool.ids) - len(left), faults, notes


def vectors_from(
    shards: ShardSet, pool: Samples, rows_left: Sequence[int]
) -> Generator[tuple[list[int], encoders.Embedded]]:
    """Yield, block by block, the rows of a pool that shards have an embedding of, at length 1.

    A row of the shards belongs to the image of its id or, failing that, of its ``uri``. Where no
    row fits either, to the images of its ``sha256``.

    Raises:
        DataError: No row fits any image, or an embedding is not finite.
    """
    wanted = set(rows_left)
    of_name = {pool.names[row]: [row] for row in rows_left}
    of_path = {str(Path(pool.paths[row]).absolute()): [row] for row in rows_left}

    def by_name(begin: int, end: int) -> list[list[int]]:
        ids = shards.values("id", begin, end)
        uris = [local_path(uri) for uri in column(shards, "uri", begin, end)]
        return [
            of_name.get(id) or (of_path.get(str(uri)) if uri is not None else None) or []
            for id, uri in zip(ids, uris, strict=True)
        ]

    given = 0
    for rows, embedded in _matched(shards, by_name, wanted):
        given += len(rows)
        yield rows, embedded
    if given or not rows_left:
        return
    of_hash: dict[str, list[int]] = {}
    with ThreadPoolExecutor(4) as threads:
        for row, digest in zip(
            rows_left, threads.map(_hash, [pool.paths[row] for row in rows_left]), strict=True
        ):
            of_hash.setdefault(digest, []).append(row)

    def by_hash(begin: int, end: int) -> list[list[int]]:
        return [of_hash.get(one, []) for one in column(shards, "sha256", begin, end)]

    for rows, embedded in _matched(shards, by_hash, wanted):
        given += len(rows)
        yield rows, embedded
    if not given:
        raise DataError(
            f"none of the {len(shards):,} rows of {shards.paths[0].parent} belongs to one of the "
            f"{len(rows_left):,} images: neither id nor uri nor sha256 fits; the first row has the "
            f"id {shards.values('id', 0, 1)[0]!r}, the first image {pool.names[rows_left[0]]!r}."
        )


def _matched(
    shards: ShardSet, rows_of: Callable[[int, int], list[list[int]]], wanted: set[int]
) -> Generator[tuple[list[int], encoders.Embedded]]:
    for begin in range(0, len(shards), BLOCK):
        end = min(len(shards), begin + BLOCK)
        pairs = [
            (row, place)
            for place, rows in enumerate(rows_of(begin, end))
            for row in rows
            if row in wanted
        ]
        if not pairs:
            continue
        wanted.difference_update(row for row, _ in pairs)
        places = np.array([place for _, place in pairs])
        x = encoders.unit(shards.embeddings(begin, end)[places])
        bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
        if bad.size:
            raise DataError(
                f"row {begin + int(places[bad[0]])} of {shards.paths[0].parent} has NaN or "
                "infinity; leave such rows out of the shards."
            )
        rows = [row for row, _ in pairs]
        yield rows, encoders.Embedded(x, np.ones(len(x), bool), {}, shards.encoder or "")


def _hash(path: str) -> str:
    try:
        return content_hash(path)
    except DataError:
        return path  # no hash: nothing fits
