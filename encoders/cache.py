"""Remember features, so that no picture is embedded twice with the same encoder.

One SQLite file, ``<home>/cache/features/features.sqlite``, which several
processes may use at once:

    features  content hash of the image file + encoder key -> float32 vector
    notes     content hash + version of decoding -> what a reader of the pixels should know
    files     path, size, time and inode -> content hash, so that a second pass
              reads no image at all

An encoder's key names its weights' hash, pixels and dtype, to which the version of
decoding is added, so a change of any of them, or of one byte of an image, misses.
Beyond its limit (``CURADIFF_CACHE_GB``, by default 4) the cache forgets what was not
used for the longest time.
"""

from __future__ import annotations

import os
import sqlite3
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..common.errors import DataError, RunError
from ..common.images import DECODING, content_hash
from ..runs import caches, home, make_folder

PATIENCE = 60.0  # seconds to wait for another process's write
RACY = 2.0  # seconds in which a file may change without a new time stamp
CHUNK = 500  # SQLite takes 999 values in a statement
FILES = 1_000_000  # image files whose hash is remembered
DECODED = f" decoding {DECODING}"  # stands behind an encoder's key in the file
PATH = "\0"  # stands in notes for the path of the image

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


@dataclass(frozen=True)
class Info:
    """What the cache holds.

    Attributes:
        path: Its file.
        bytes: Size of the file.
        limit: Bytes of vectors that it may hold.
        images: Number of vectors, by encoder key.
    """

    path: Path
    bytes: int
    limit: int
    images: dict[str, int]


def path() -> Path:
    """Return the cache's file."""
    return home() / "cache" / "features" / "features.sqlite"


def limit() -> int:
    """Return how many bytes of vectors the cache may hold.

    Raises:
        SettingsError: ``CURADIFF_CACHE_GB`` is not a number >= 0.
    """
    return caches.limit("features", 4.0)


def info() -> Info:
    """Say what the cache holds.

    Raises:
        RunError: The cache's file is damaged.
    """
    if not path().exists():
        return Info(path(), 0, limit(), {})
    with _opened() as db:
        counts = db.execute(
            "SELECT key, COUNT(*) FROM features JOIN encoders ON encoder = id GROUP BY key"
        )
        images: dict[str, int] = {}
        for key, count in counts.fetchall():
            plain = key.split(" decoding ")[0]
            images[plain] = images.get(plain, 0) + count
        return Info(path(), path().stat().st_size, limit(), images)


def clear(key: str | None = None) -> int:
    """Forget the features of one encoder, or everything, and say how many vectors that were.

    Safe while other processes use the cache. A damaged cache is removed.
    """
    if not path().exists():
        return 0
    try:
        with _opened() as db, db:
            if key is not None:
                chosen = "(SELECT id FROM encoders WHERE key = ? OR instr(key, ?) = 1)"
                return db.execute(
                    f"DELETE FROM features WHERE encoder IN {chosen}", (key, f"{key} decoding ")
                ).rowcount
            db.execute("DELETE FROM files")
            db.execute("DELETE FROM notes")
            return db.execute("DELETE FROM features").rowcount
    except RunError as fault:
        if not isinstance(fault.__cause__, sqlite3.DatabaseError) or key is not None:
            raise
        path().unlink(missing_ok=True)
        path().with_name(path().name + "-journal").unlink(missing_ok=True)
        return 0


@contextmanager
def _opened() -> Iterator[sqlite3.Connection]:
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


class Lookup:
    """The cache's answer for a list of images, and the place to put what it lacked.

    Args:
        key: The encoder's key.
        dim: Its vectors' length.
        paths: The images.

    Raises:
        RunError: The cache's file is damaged or cannot be written.
    """

    def __init__(self, key: str, dim: int, paths: Sequence[str | Path]) -> None:
        self.key, self.dim = key, dim
        self._fresh: dict[bytes, np.ndarray] = {}
        self._notes: dict[bytes, str] = {}
        self._fresh_notes: dict[bytes, str] = {}
        self._flushed = time.monotonic()
        self._broken = False
        self.kept = 0
        self._signs = [_signature(path) for path in paths]
        with _opened() as db:
            self._contents = _contents(db, paths, self._signs)
            self._known = self._find(db)

    def _find(self, db: sqlite3.Connection) -> dict[bytes, np.ndarray]:
        now, size = time.time(), 4 * self.dim
        known: dict[bytes, np.ndarray] = {}
        wanted = sorted({content for content in self._contents if content is not None})
        with db:
            encoder = _encoder(db, self.key)
            for part in _parts(wanted):
                among = f"content IN ({','.join('?' * len(part))})"
                where = f"encoder = ? AND {among}"
                rows = db.execute(
                    f"SELECT content, vector FROM features WHERE {where}", (encoder, *part)
                ).fetchall()
                known |= {c: np.frombuffer(v, "<f4") for c, v in rows if len(v) == size}
                notes = f"SELECT content, note FROM notes WHERE decoding = ? AND {among}"
                self._notes.update(db.execute(notes, (DECODING, *part)).fetchall())
                db.execute(f"UPDATE features SET used = ? WHERE {where}", (now, encoder, *part))
        return known

    def fill(self, features: np.ndarray) -> list[int]:
        """Fill the rows that are known, and return those that are not, each content once."""
        missing, seen = [], set()
        for row, content in enumerate(self._contents):
            if content is not None and content in self._known:
                features[row] = self._known[content]
            elif content is None or content not in seen:
                missing.append(row)
                seen.add(content)
        return missing

    def note(self, path: str | Path, row: int) -> str | None:
        """Return what was noted when the image of a row that is known was read."""
        content = self._contents[row]
        found = self._notes.get(content) if content in self._known else None
        return None if found is None else found.replace(PATH, str(path))

    def keep(self, path: str | Path, row: int, vector: np.ndarray, note: str | None = None) -> None:
        """Remember a computed vector and what was noted, unless its file changed meanwhile."""
        content = self._contents[row]
        if content is None or not np.isfinite(vector).all():
            return
        if _signature(path) != self._signs[row]:
            return
        self._known[content] = self._fresh[content] = np.array(vector, dtype="<f4")
        if note:
            self._notes[content] = self._fresh_notes[content] = note.replace(str(path), PATH)
        self.kept += 1
        if time.monotonic() - self._flushed > 5:  # a killed process loses seconds of work
            self.flush()

    def flush(self) -> None:
        """Write what is new."""
        self._flushed = time.monotonic()
        rows = [(c, v.tobytes(), time.time()) for c, v in self._fresh.items()]
        notes = [(content, DECODING, note) for content, note in self._fresh_notes.items()]
        self._fresh.clear()
        self._fresh_notes.clear()
        if rows and not self._broken:
            try:
                with _opened() as db, db:
                    encoder = _encoder(db, self.key)  # the file may be another one by now
                    db.executemany(
                        f"INSERT OR REPLACE INTO features VALUES ({encoder}, ?, ?, ?)", rows
                    )
                    db.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", notes)
            except RunError as fault:  # a full disk must not cost the computed features
                self._broken = True
                warnings.warn(f"{fault} Features are computed, but not kept.", stacklevel=2)

    def close(self) -> None:
        """Write what is new, then forget the least recently used beyond the limit."""
        self.flush()
        if self.kept and not self._broken:
            with _opened() as db, db:
                _forget(db, limit())


def _encoder(db: sqlite3.Connection, key: str) -> int:
    """Return the number that stands for an encoder's key in this file."""
    db.execute("INSERT OR IGNORE INTO encoders (key) VALUES (?)", (key + DECODED,))
    return db.execute("SELECT id FROM encoders WHERE key = ?", (key + DECODED,)).fetchone()[0]


def _forget(db: sqlite3.Connection, most: int) -> None:
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


def _signature(path: str | Path) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _contents(
    db: sqlite3.Connection,
    paths: Sequence[str | Path],
    signs: Sequence[tuple[int, int, int] | None],
) -> list[bytes | None]:
    """Hash each file, or recall its hash; None for a file that cannot be read."""
    names = [os.path.abspath(path) for path in paths]  # noqa: PTH100
    recalled: dict[str, tuple[tuple[int, int, int], bytes]] = {}
    for part in _parts(sorted(set(names))):
        marks = ",".join("?" * len(part))
        for name, *sign, content in db.execute(
            f"SELECT path, size, mtime_ns, inode, content FROM files WHERE path IN ({marks})", part
        ):
            recalled[name] = (sign[0], sign[1], sign[2]), content

    def content(name: str, sign: tuple[int, int, int] | None) -> bytes | None:
        if sign is None:
            return None
        if name in recalled and recalled[name][0] == sign:
            return recalled[name][1]
        try:
            return bytes.fromhex(content_hash(name))
        except DataError:  # the reader of the image will say what is wrong with it
            return None

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        contents = list(pool.map(content, names, signs))
    now = time.time()
    rows = [
        (name, *sign, found)
        for name, sign, found in zip(names, signs, contents, strict=True)
        if sign is not None
        and found is not None
        and recalled.get(name, (None,))[0] != sign
        and now - sign[1] / 1e9 > RACY
    ]
    with db:
        db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)
    return contents


def _parts(values: list) -> Iterator[list]:
    for begin in range(0, len(values), CHUNK):
        yield values[begin : begin + CHUNK]
