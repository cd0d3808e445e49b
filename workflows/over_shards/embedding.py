"""``embed`` into shards: a row per image and content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import encoders
from ...common.errors import DataError
from ...common.files import ensure_folder
from ...common.shards import SUFFIX, ShardSet, drop_rows, files_of, write_shard
from ...common.temporary import sweep
from ...datasets.reading import Samples
from ...encoders.cache_file import signature
from ...runs import Lease
from .sources import column, hashes_of

SHARD = 16_384  # rows of a file
LEASE = ".lease"  # held while rows are written into a folder

Parts = Iterable[tuple[list[int], encoders.Embedded]]


class Writer:
    """Write rows as shards of a folder, which may have some already.

    Args:
        folder: Where to.
        encoder: Identity of the encoder.

    Raises:
        DataError: The folder holds shards of another encoder.
    """

    def __init__(self, folder: str | Path, encoder: str) -> None:
        self.folder = Path(folder).expanduser().absolute()
        self.encoder = encoder
        self._hashes: dict[str, str] = {}  # of the rows that the folder has, by id
        self._files = files_of(self.folder)
        if self._files:
            shards = ShardSet(self._files)
            if shards.encoder not in (None, encoder):
                raise DataError(
                    f"{self.folder} holds embeddings by another encoder ({shards.encoder}), now "
                    f"{encoder}; give another folder."
                )
            ids, hashes = shards.values("id"), column(shards, "sha256")
            self._hashes = dict(zip(ids, hashes, strict=True))
        self._number = len(self._files)
        self._rows: list[tuple[str, str, str, np.ndarray]] = []

    def left(self, pool: Samples) -> tuple[list[int], list[int]]:
        """Find what the folder does not have, by name and content.

        A file that cannot be read keeps the row that it has.

        Returns:
            Rows of the pool to embed, and those of them that the folder has of another content.

        Raises:
            DataError: The folder does not say of which content its rows are.
        """
        known = [row for row, name in enumerate(pool.names) if name in self._hashes]
        unsaid = [pool.names[row] for row in known if not self._hashes[pool.names[row]]]
        if unsaid:
            raise DataError(
                f"{self.folder} has no sha256 for {len(unsaid):,} of these images (first: "
                f"{unsaid[0]!r}), so that changed files would keep old rows; give another folder."
            )
        digests = zip(known, hashes_of([pool.paths[row] for row in known]), strict=True)
        changed = [
            row for row, digest in digests if digest not in (None, self._hashes[pool.names[row]])
        ]
        kept = set(known) - set(changed)
        return [row for row in range(len(pool.names)) if row not in kept], changed

    def drop(self, names: set[str]) -> None:
        """Delete the rows of some images."""
        for path in self._files if names else []:
            old = np.array([id in names for id in ShardSet([path]).values("id")], bool)
            if old.any():
                drop_rows(path, old)

    def write(self, pool: Samples, features: Iterable[tuple[int, str, np.ndarray]]) -> None:
        """Take features: the row of the pool, the hash of its file and the vector of each."""
        for row, digest, vector in features:
            uri = str(Path(pool.paths[row]).absolute())
            self._rows.append((pool.names[row], uri, digest, vector))
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
    ensure_folder(path)
    return path


@dataclass(frozen=True)
class Written:
    """What was written into a folder of shards.

    Attributes:
        done: Images written now.
        kept: Images that the folder had already, of the same content.
        changed: Images of which the folder had a row of another content, which was dropped.
        faults: Why an image was left out, by file.
        notes: What to know of images, by file.
    """

    done: int
    kept: int
    changed: int
    faults: dict[str, str]
    notes: dict[str, str]


def embed_to_shards(
    folder: str | Path,
    pool: Samples,
    encoder: str,
    compute: Callable[[list[int]], Parts],
) -> Written:
    """Write the embeddings of images as shards; what the folder has of the same content stays.

    Args:
        folder: Of the shards.
        pool: The images; their names become ids.
        encoder: Identity of the encoder.
        compute: Yields features, as the encoder gives them, for rows of the pool.

    Raises:
        Busy: Another process writes into the folder.
        DataError: The folder holds shards of another encoder, or is a file.
    """
    faults: dict[str, str] = {}
    notes: dict[str, str] = {}
    with Lease(_made(folder), name=LEASE) as lease:
        sweep(lease.path.parent)
        writer = Writer(folder, encoder)
        left, changed = writer.left(pool)
        writer.drop({pool.names[row] for row in changed})  # first: a name never has two rows
        before = [signature(path) for path in pool.paths]
        try:
            for rows, embedded in compute(left):
                features, changed_since = _unchanged(pool, rows, embedded, before)
                writer.write(pool, features)
                faults.update(embedded.faults)
                faults.update(changed_since)
                notes.update(embedded.notes)
        finally:
            writer.close()
    kept = len(pool.ids) - len(left)
    return Written(len(left) - len(faults), kept, len(changed), faults, notes)


def _unchanged(
    pool: Samples, rows: Sequence[int], embedded: encoders.Embedded, before: Sequence[Any]
) -> tuple[list[tuple[int, str, np.ndarray]], dict[str, str]]:
    """Hash the files of features, and leave out those that changed up to the end of it.

    Returns:
        Row, hash and vector of each that is as it was, and why the others are left out, by file.
    """
    good = [(row, place) for place, row in enumerate(rows) if embedded.ok[place]]
    hashes = hashes_of([pool.paths[row] for row, _ in good])
    features: list[tuple[int, str, np.ndarray]] = []
    faults: dict[str, str] = {}
    for (row, place), digest in zip(good, hashes, strict=True):
        path = pool.paths[row]
        # Compared after the hash was taken, which is so that of the file that was embedded.
        if digest is not None and signature(path) == before[row]:
            features.append((row, digest, embedded.features[place]))
        else:
            faults[path] = f"{path} changed while it was embedded; embed again."
    return features, faults
