"""Remember features, so that no picture is embedded twice with the same encoder.

An encoder's key names its weights' hash, pixels and dtype, to which the version of
decoding is added, so a change of any of them, or of one byte of an image, misses.
Beyond its limit (``CURADIFF_CACHE_GB``, by default 4) the cache forgets what was not
used for the longest time.
"""

from __future__ import annotations

import sqlite3
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..common.errors import RunError, SettingsError, nearest
from ..common.images import DECODING
from ..runs import caches
from .cache_file import (
    content_hashes,
    encoder_number,
    forget_oldest,
    in_parts,
    limit,
    opened,
    path,
    signature,
)

PATH = "\0"  # stands in notes for the path of the image


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


def info() -> Info:
    """Say what the cache holds.

    Raises:
        RunError: The cache's file is damaged.
    """
    if not path().exists():
        return Info(path(), 0, limit(), {})
    with opened() as db:
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

    Raises:
        SettingsError: Nothing is kept of an encoder of this key.
    """
    if not path().exists():
        if key is not None:
            raise _unknown(key, [])
        return 0
    try:
        with opened() as db, db:
            if key is not None:
                known = sorted(row[0] for row in db.execute("SELECT key FROM encoders"))
                if not any(one == key or one.startswith(f"{key} decoding ") for one in known):
                    raise _unknown(key, known)
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


def _unknown(key: str, known: list[str]) -> SettingsError:
    kept = sorted({one.partition(" decoding ")[0] for one in known})
    return SettingsError(
        f"nothing is kept under {key!r}{nearest(key, [*kept, *caches.KINDS])}; there are features, "
        f"{', '.join(caches.KINDS)}, and encoders' features: {', '.join(kept) or 'none yet'}."
    )


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
        self._new: dict[bytes, np.ndarray] = {}
        self._notes: dict[bytes, str] = {}
        self._new_notes: dict[bytes, str] = {}
        self._flushed = time.monotonic()
        self._broken = False
        self.kept = 0
        self._signs = [signature(path) for path in paths]
        with opened() as db:
            self._contents = content_hashes(db, paths, self._signs)
            self._known = self._find(db)

    def _find(self, db: sqlite3.Connection) -> dict[bytes, np.ndarray]:
        now, size = time.time(), 4 * self.dim
        known: dict[bytes, np.ndarray] = {}
        contents = sorted({content for content in self._contents if content is not None})
        with db:
            encoder = encoder_number(db, self.key)
            for part in in_parts(contents):
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

    @property
    def contents(self) -> list[bytes | None]:
        """Hash of each file, None for one that cannot be read."""
        return self._contents

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
        note = self._notes.get(content) if content in self._known else None
        return None if note is None else note.replace(PATH, str(path))

    def keep(self, path: str | Path, row: int, vector: np.ndarray, note: str | None = None) -> None:
        """Remember a computed vector and what was noted, unless its file changed meanwhile."""
        content = self._contents[row]
        if content is None or not np.isfinite(vector).all():
            return
        if signature(path) != self._signs[row]:
            return
        self._known[content] = self._new[content] = np.array(vector, dtype="<f4")
        if note:
            self._notes[content] = self._new_notes[content] = note.replace(str(path), PATH)
        self.kept += 1
        if time.monotonic() - self._flushed > 5:  # a killed process loses seconds of work
            self.flush()

    def flush(self) -> None:
        """Write what is new."""
        self._flushed = time.monotonic()
        rows = [(c, v.tobytes(), time.time()) for c, v in self._new.items()]
        notes = [(content, DECODING, note) for content, note in self._new_notes.items()]
        self._new.clear()
        self._new_notes.clear()
        if rows and not self._broken:
            try:
                with opened() as db, db:
                    encoder = encoder_number(db, self.key)  # the file may be another one by now
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
            with opened() as db, db:
                forget_oldest(db, limit())
