"""Divide images into units: in the batches that one process would compute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ...common.errors import DataError
from ...common.images import content_hash
from ..cache_file import signature
from ..encoder import Embedded, Encoder, open_lookup
from . import units
from .units import Image

UNIT = 256  # images of a unit, about: what a process that dies loses
UNITS_EACH = 4  # units of a process at least, so that none waits long for the others
PIECE = 4096  # images whose features are looked up at a time


def plan(
    folder: Path,
    encoder: Encoder,
    paths: Sequence[str],
    *,
    batch_size: int,
    chunk: int | None,
    processes: int,
    cache: bool,
) -> Iterator[tuple[list[int], Embedded]]:
    """Write units of what must be computed, and yield what the cache knows.

    A value depends in its last bits on the batch that it was computed in. So a unit is made of
    whole batches, the ones that `Encoder.embed` would make of the same images.

    Args:
        folder: Of the units.
        encoder: Its cache is looked up.
        paths: Image files.
        batch_size: Images per forward pass.
        chunk: Images of one call of `Encoder.embed`, all by default: no batch reaches over two.
        processes: How many will share the work.
        cache: Look features up, and compute images of the same content once.

    Yields:
        Rows of ``paths`` with their features.
    """
    groups: dict[bytes, Image] = {}  # by content, of this call
    batch: list[tuple[Image, bytes]] = []
    batches: list[list[tuple[Image, bytes]]] = []
    for start in range(0, len(paths), chunk or max(1, len(paths))):
        end = min(len(paths), start + (chunk or len(paths)))
        for begin in range(start, end, PIECE):
            rows = range(begin, min(end, begin + PIECE))
            part = [paths[row] for row in rows]
            missing, contents, known = _looked_up(encoder, part, cache)
            if known is not None:
                yield [rows[place] for place in known[0]], known[1]
            for place in missing:
                image = Image(part[place], signature(part[place]))
                content = contents[place]
                if content in groups:
                    groups[content].copies.append((image.path, image.state))
                    continue
                if content is not None and cache:
                    groups[content] = image
                batch.append((image, content or image.path.encode()))
                if len(batch) == batch_size:
                    batches.append(batch)
                    batch = []
        if batch:
            batches.append(batch)
            batch = []
    most = -(-len(batches) // (UNITS_EACH * processes))
    together = max(1, min(UNIT // batch_size, most))
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(batches), together):
        unit = [one for batch in batches[start : start + together] for one in batch]
        images, contents = zip(*unit, strict=True)
        units.write(folder, images, contents, encoder.key)


def _looked_up(
    encoder: Encoder, paths: Sequence[str], cache: bool
) -> tuple[list[int], list[bytes | None], tuple[list[int], Embedded] | None]:
    """Return which images must be computed, the contents of all, and what is known.

    With the cache, images of one content are all returned; without, their contents are None
    where they cannot be read, and each is computed for itself.
    """
    lookup = open_lookup(encoder, paths) if cache else None
    if lookup is None:
        with ThreadPoolExecutor(8) as pool:
            return list(range(len(paths))), list(pool.map(_content, paths)), None
    features = np.full((len(paths), encoder.dim), np.nan, np.float32)
    lookup.fill(features)
    have = np.isfinite(features).all(axis=1)
    rows = np.flatnonzero(have).tolist()
    missing = np.flatnonzero(~have).tolist()
    if not rows:
        return missing, lookup.contents, None
    notes = {paths[row]: lookup.note(paths[row], row) for row in rows}
    told = {path: note for path, note in notes.items() if note}
    known = Embedded(features[rows], np.ones(len(rows), bool), {}, encoder.key, told)
    return missing, lookup.contents, (rows, known)


def _content(path: str) -> bytes | None:
    try:
        return bytes.fromhex(content_hash(path))
    except DataError:
        return None
