"""``embed`` from shards that another system made: which row belongs to which image."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path

import numpy as np

from ... import encoders
from ...common.errors import DataError
from ...common.shards import ShardSet, local_path
from ...datasets.reading import Samples
from .sources import column, hashes_of

BLOCK = 16_384  # rows that are read at a time


def vectors_from(
    shards: ShardSet, pool: Samples, rows_left: Sequence[int]
) -> Generator[tuple[list[int], encoders.Embedded]]:
    """Yield, block by block, the rows of a pool that shards have an embedding of, at length 1.

    A row of the shards belongs to the images of its id or, failing that, of its ``uri``, unless
    its ``sha256`` is that of another content. Images that have none then take the row of their
    content, if there is one. Last come notes on images that changed since their row was written.

    Raises:
        DataError: No row fits any image of the pool, or an embedding is not finite. Where some
            images have their vector already, that none fits the others is no fault.
    """
    wanted = set(rows_left)
    of_name = _rows_by(pool.names, rows_left)
    of_path = _rows_by([str(Path(path).absolute()) for path in pool.paths], rows_left)
    digests: dict[int, str | None] = {}  # of files, by row; each is read once
    changed: set[int] = set()

    def read_hashes(rows: Iterable[int]) -> None:
        unread = sorted({row for row in rows if row not in digests})
        digests.update(zip(unread, hashes_of([pool.paths[row] for row in unread]), strict=True))

    def by_name(begin: int, end: int) -> list[list[int]]:
        ids = shards.values("id", begin, end)
        uris = [local_path(uri) for uri in column(shards, "uri", begin, end)]
        hashes = column(shards, "sha256", begin, end)
        named = [
            of_name.get(id) or (of_path.get(str(uri)) if uri is not None else None) or []
            for id, uri in zip(ids, uris, strict=True)
        ]
        read_hashes(row for rows, sha in zip(named, hashes, strict=True) if sha for row in rows)
        fitting = []
        for rows, sha in zip(named, hashes, strict=True):
            other = [row for row in rows if sha and digests[row] not in (None, sha)]
            changed.update(other)
            fitting.append([row for row in rows if row not in other])
        return fitting

    def by_hash(begin: int, end: int) -> list[list[int]]:
        return [of_hash.get(sha, []) for sha in column(shards, "sha256", begin, end)]

    yield from _matched(shards, by_name, wanted)
    if wanted and shards.has("sha256"):
        read_hashes(wanted)
        of_hash: dict[str, list[int]] = {}
        for row in sorted(wanted):
            if (digest := digests[row]) is not None:
                of_hash.setdefault(digest, []).append(row)
        yield from _matched(shards, by_hash, wanted)
    changed &= wanted
    if len(wanted) == len(pool.ids) > 0:  # others may have theirs from an earlier call
        why = (
            f"the {len(changed):,} that it names have changed since"
            if changed
            else "neither id nor uri nor sha256 fits"
        )
        first = next(iter(shards.values("id", 0, 1)), "")
        raise DataError(
            f"none of the {len(shards):,} rows of {shards.paths[0].parent} belongs to one of the "
            f"{len(rows_left):,} images: {why}; the first row has the id {first!r}, the first "
            f"image {pool.names[rows_left[0]]!r}."
        )
    if changed:
        paths = [pool.paths[row] for row in sorted(changed)]
        notes = {path: f"{path} has changed since its row was written." for path in paths}
        nothing = np.empty((0, shards.dim), np.float32)
        yield [], encoders.Embedded(nothing, np.empty(0, bool), {}, shards.encoder or "", notes)


def _rows_by(texts: Sequence[str], rows: Sequence[int]) -> dict[str, list[int]]:
    rows_of: dict[str, list[int]] = {}
    for row in rows:
        rows_of.setdefault(texts[row], []).append(row)
    return rows_of


def _matched(
    shards: ShardSet, rows_of: Callable[[int, int], list[list[int]]], wanted: set[int]
) -> Generator[tuple[list[int], encoders.Embedded]]:
    for begin in range(0, len(shards), BLOCK):
        end = min(len(shards), begin + BLOCK)
        pairs: list[tuple[int, int]] = []
        for place, rows in enumerate(rows_of(begin, end)):
            pairs += [(row, place) for row in rows if row in wanted]
            wanted.difference_update(rows)
        if not pairs:
            continue
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
