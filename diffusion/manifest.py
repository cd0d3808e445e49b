"""Which images a training uses: by id, by path and by content.

``manifest.json`` in the run directory is written once. A training reads its
images through it, so what was trained on is known to the byte ever after.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

from ..common.errors import DataError, RunError
from ..common.images import content_hash
from ..runs import Run, read_json, write_json

NAME = "manifest.json"
HELD_OUT = "held_out.json"
LISTS = ("ids", "paths", "sha256")


class Manifest(TypedDict):
    """Lists of equal length, and one hash over ids and contents in order."""

    ids: list[str]
    paths: list[str]
    sha256: list[str]
    hash: str
    labels: NotRequired[list[str | None]]  # of a training with classes; None for unlabeled images


def make(
    ids: Sequence[str],
    paths: Sequence[str | Path],
    sha256: Sequence[str],
    labels: Sequence[str | None] | None = None,
) -> Manifest:
    """Put a manifest together from lists of equal length."""
    hashed = [list(ids), list(sha256)] + ([] if labels is None else [list(labels)])
    content = json.dumps(hashed).encode()
    made: Manifest = {
        "ids": [str(i) for i in ids],
        "paths": [str(Path(path).absolute()) for path in paths],
        "sha256": list(sha256),
        "hash": hashlib.sha256(content).hexdigest(),
    }
    return made if labels is None else {**made, "labels": list(labels)}


def without(manifest: Manifest, sha256: Collection[str]) -> tuple[Manifest, list[str]]:
    """Leave out images of these contents; return the rest, and the paths that are left out."""
    contents = set(sha256)
    return keep(manifest, [digest not in contents for digest in manifest["sha256"]])


def keep(manifest: Manifest, kept: Sequence[bool]) -> tuple[Manifest, list[str]]:
    """Keep some of the images; return them, and the paths of the others."""
    if all(kept):
        return manifest, []
    rows = [row for row, keeps in enumerate(kept) if keeps]
    ids, paths, digests = ([manifest[key][row] for row in rows] for key in LISTS)
    labels = manifest.get("labels")
    rest = make(ids, paths, digests, None if labels is None else [labels[row] for row in rows])
    return rest, sorted(set(manifest["paths"]) - set(paths))


def read(run: Run, name: str = NAME) -> Manifest:
    """Read a run's manifest, or under ``HELD_OUT`` that of images it does not train on.

    Raises:
        RunError: The run has none, as it was not prepared for training, or it is damaged.
    """
    manifest: Any = read_json(run.path / name)
    lists = [manifest.get(key) for key in LISTS] if isinstance(manifest, dict) else []
    if lists and "labels" in manifest:
        lists.append(manifest["labels"])
    lengths = {len(one) if isinstance(one, list) else -1 for one in lists}
    if len(lengths) != 1 or -1 in lengths or not isinstance(manifest.get("hash"), str):
        raise RunError(
            f"{run.path / name} is damaged: it needs lists of equal length named "
            f"{', '.join(LISTS)}, and a hash; restore it, or start a new training."
        )
    return cast(Manifest, manifest)


def write(run: Run, manifest: Manifest, name: str = NAME) -> None:
    """Write a run's manifest."""
    write_json(run.path / name, manifest)


def hashes(paths: Sequence[str | Path]) -> list[str | None]:
    """Return the sha256 of each file, None where it cannot be read."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_hash_or_none, paths))


def _hash_or_none(path: str | Path) -> str | None:
    try:
        return content_hash(path)
    except DataError:
        return None


def check_unchanged(manifest: Manifest) -> None:
    """Make sure that the image files are still those of the manifest.

    Raises:
        DataError: Some changed or are gone; the first one is named.
    """
    now = hashes(manifest["paths"])
    pairs = zip(manifest["paths"], manifest["sha256"], now, strict=True)
    changed = [(path, new) for path, old, new in pairs if new != old]
    if changed:
        path, new = changed[0]
        what = "is gone" if new is None else "has another content"
        raise DataError(
            f"{len(changed)} of {len(now)} images changed since this training was prepared, "
            f"first {path}, which {what}; restore them, or start a new training."
        )
