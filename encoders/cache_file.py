"""The file of the feature cache: its tables, and the hashes of images that it remembers.

One SQLite file, ``<home>/cache/features/features.sqlite``, which several
processes may use at once:

    features  content hash of the image file + encoder key -> float32 vector
    notes     content hash + version of decoding -> what a reader of the pixels should know
    files     path, size, time and inode -> content hash, so that a second pass
              reads no image at all
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from ..common.errors import DataError, RunError
from ..common.images import DECODING, content_hash
from ..runs import caches, home, make_folder

PATIENCE = 60.0  # seconds to wait for another process's write
RACY = 2.0  # seconds in which a file may change without a new time stamp
CHUNK = 500  # SQLite takes 999 values in a statement
FILES = 1_000_000  # image files whose hash is remembered
DECODED = f" decoding {DECODING}"  # stands behind an encoder's key in the file

SCHEMA = """
CREATE TABLE IF NOT EXISTS encoders (id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS features (
    encoder INTEGER NOT NULL, content BLOB NOT NULL, vector BLOB NOT NULL, used REAL NOT NULL,
    PRIMARY KEY (encoder, content)
);
CREATE INDEX IF NOT EXISTS features_by_use ON features (used);
CREATE TABLE IF NOT EXISTS notes (
    content BLOB, decoding INTEGER, note TEXT NOT NULL, PRIMARY KEY (content, decoding)
);
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, inode INTEGER, content BLOB NOT NULL
);
"""


def path() -> Path:
    """Return the cache's file."""
    return home() / "cache" / "features" / "features.sqlite"


def limit() -> int:
    """Return how many bytes of vectors the cache may hold.

    Raises:
        SettingsError: ``CURADIFF_CACHE_GB`` is not a number >= 0.
    """
    return caches.limit("features", 4.0)


@contextmanager
def opened() -> Iterator[sqlite3.Connection]:
    """Open the cache; whatever goes wrong in it is a `RunError`."""
    try:
        make_folder(path().parent)
        with closing(sqlite3.connect(path(), timeout=PATIENCE)) as db:
            db.execute("PRAGMA auto_vacuum = FULL")  # forgotten rows give their space back
            db.execute("PRAGMA synchronous = NORMAL")
            db.executescript(SCHEMA)
            yield db
    except (sqlite3.Error, OSError) as fault:
        raise RunError(
            f"the cache {path()} cannot be used ({fault}); clear it with: curadiff cache --clear"
        ) from fault


def encoder_number(db: sqlite3.Connection, key: str) -> int:
    """Return the number that stands for an encoder's key in this file."""
    db.execute("INSERT OR IGNORE INTO encoders (key) VALUES (?)", (key + DECODED,))
    return db.execute("SELECT id FROM encoders WHERE key = ?", (key + DECODED,)).fetchone()[0]


def forget_oldest(db: sqlite3.Connection, most: int) -> None:
    """Delete the vectors used longest ago until at most 0.9 of the limit is held."""
    db.execute("DELETE FROM files WHERE rowid <= (SELECT MAX(rowid) FROM files) - ?", (FILES,))
    (held,) = db.execute("SELECT TOTAL(LENGTH(vector)) FROM features").fetchone()
    if held <= most:
        return
    spare, oldest = held - 0.9 * most, []
    for row, size in db.execute("SELECT rowid, LENGTH(vector) FROM features ORDER BY used, rowid"):
        if spare <= 0:
            break
        oldest.append((row,))
        spare -= size
    db.executemany("DELETE FROM features WHERE rowid = ?", oldest)
    db.execute("DELETE FROM notes WHERE content NOT IN (SELECT content FROM features)")


def signature(path: str | Path) -> tuple[int, int, int] | None:
    """Return size, time of change and inode of a file; None where it is not there."""
    try:
        stat = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def content_hashes(
    db: sqlite3.Connection,
    paths: Sequence[str | Path],
    signs: Sequence[tuple[int, int, int] | None],
) -> list[bytes | None]:
    """Hash each file, or recall its hash; None for a file that cannot be read."""
    names = [os.path.abspath(path) for path in paths]  # noqa: PTH100
    recalled: dict[str, tuple[tuple[int, int, int], bytes]] = {}
    for part in in_parts(sorted(set(names))):
        marks = ",".join("?" * len(part))
        for name, *sign, content in db.execute(
            f"SELECT path, size, mtime_ns, inode, content FROM files WHERE path IN ({marks})", part
        ):
            recalled[name] = (sign[0], sign[1], sign[2]), content

    def hash_of(name: str, sign: tuple[int, int, int] | None) -> bytes | None:
        if sign is None:
            return None
        if name in recalled and recalled[name][0] == sign:
            return recalled[name][1]
        try:
            return bytes.fromhex(content_hash(name))
        except DataError:  # the reader of the image will say what is wrong with it
            return None

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        contents = list(pool.map(hash_of, names, signs))
    now = time.time()
    rows = [
        (name, *sign, hashed)
        for name, sign, hashed in zip(names, signs, contents, strict=True)
        if sign is not None
        and hashed is not None
        and recalled.get(name, (None,))[0] != sign
        and now - sign[1] / 1e9 > RACY
    ]
    with db:
        db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)
    return contents


def in_parts(values: list) -> Iterator[list]:
    """Cut a list into parts that fit in one statement."""
    for begin in range(0, len(values), CHUNK):
        yield values[begin : begin + CHUNK]
