"""What is read of shards for a verb: rows with their embeddings, as of a data set."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ...common.errors import DataError
from ...common.images import content_hash
from ...common.shards import ShardSet, files_of
from ...config import EmbedSettings
from ...config.embed import OF_COMPUTING
from ...datasets.reading import Samples
from ...datasets.resolving import EXPLICIT

OTHER_VECTORS = ("encoder", "weights", "dtype")
"""Settings of ``embed`` that ask for other vectors than those that shards have."""

BLOCK = 65_536  # rows that are looked at in one go


def shards_of(source: Any) -> ShardSet | None:
    """Open the shards that a source names: a folder with ``.parquet`` files, or one such file.

    Returns:
        None where the source is something else.

    Raises:
        DataError: Files in it are no shards, or of several encoders.
        EnvironmentFault: pyarrow is not installed.
    """
    if not isinstance(source, str | Path) or str(source).startswith(EXPLICIT):
        return None
    text = str(source)
    if isinstance(source, str) and "/" not in text and not text.startswith((".", "~")):
        return None  # the name of a data set
    files = files_of(source)
    return ShardSet(files) if files else None


def refuse(source: Any, verb: str, instead: str) -> None:
    """Refuse shards where a verb needs something else.

    Raises:
        DataError: The source is shards; the message says what to do.
    """
    if isinstance(source, str | Path) and not str(source).startswith(EXPLICIT):
        text = str(source)
        if ("/" in text or isinstance(source, Path)) and files_of(source):
            raise DataError(f"{source} holds shards, and {verb} needs images; {instead}")


def vectors_of(folder: Path, embed: EmbedSettings) -> EmbedSettings:
    """Take the vectors of a folder of shards, as ``from_shards``, where no others are asked for.

    Args:
        folder: What a study or a preview is of; other folders than shards change nothing.
        embed: Its settings, which ask for others by ``from_shards`` or by one of `OTHER_VECTORS`.
            Those that only say how to compute vectors are left out, with a warning.
    """
    if embed.from_shards is not None or embed.model_fields_set & {*OTHER_VECTORS}:
        return embed
    shards = shards_of(folder)
    if shards is None or shards.encoder is None:
        return embed
    usual = {name: EmbedSettings.model_fields[name].default for name in OF_COMPUTING}
    unused = [
        f"embed.{name}={getattr(embed, name)}"
        for name, value in usual.items()
        if getattr(embed, name) != value
    ]
    if unused:
        warnings.warn(
            f"the vectors are those of {folder}, and {', '.join(unused)} is not used; give "
            "embed.encoder to compute others",
            stacklevel=4,
        )
    return embed.changed(from_shards=str(folder.absolute()), **usual)


def read_pool(shards: ShardSet) -> Samples:
    """Read all rows of shards into memory, the embeddings once.

    Raises:
        DataError: Ids are not unique, or embeddings are not finite.
    """
    ids = shards.values("id")
    check_unique(shards, ids)
    x = shards.embeddings()
    check_finite(shards, x, ids)
    return Samples(ids, column(shards, "uri"), ids, x, encoder=shards.encoder)


def check_unique(shards: ShardSet, ids: list[str]) -> None:
    """Refuse ids that name two rows.

    Raises:
        DataError: They do; one is named.
    """
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        twice = next(id for id in ids if id in seen or seen.add(id))
        raise DataError(
            f"{shards.paths[0].parent}: {len(ids) - len(set(ids))} rows have the id of another "
            f"row (first: {twice!r}); each image needs an id of its own."
        )


def check_finite(shards: ShardSet, x: np.ndarray, ids: list[str]) -> None:
    """Refuse embeddings with NaN or infinity.

    Raises:
        DataError: There are some; one is named.
    """
    for at in range(0, len(x), BLOCK):
        bad = np.flatnonzero(~np.isfinite(x[at : at + BLOCK]).all(axis=1))
        if bad.size:
            raise DataError(
                f"{shards.paths[0].parent}: the embedding of {ids[at + int(bad[0])]!r} has NaN or "
                "infinity; leave such rows out of the shards, or embed them again."
            )


def check_nonzero(shards: ShardSet, x: np.ndarray, ids: list[str]) -> None:
    """Refuse embeddings that are zero, which a selection cannot scale to length 1.

    Raises:
        DataError: There are some; one is named.
    """
    zero = np.flatnonzero(~x.any(axis=1))
    if zero.size:
        raise DataError(
            f"{shards.paths[0].parent}: the embedding of {ids[int(zero[0])]!r} has only zeros, so "
            "no direction; leave such rows out of the shards, or embed them again."
        )


def column(shards: ShardSet, name: str, begin: int = 0, end: int | None = None) -> list[str]:
    """Return a text column of some rows, empty texts where files of others have none."""
    try:
        values = shards.values(name, begin, end)
    except DataError:
        return [""] * ((len(shards) if end is None else end) - begin)
    return ["" if value is None else value for value in values]


def hashes_of(paths: Sequence[str]) -> list[str | None]:
    """Return the sha256 of files; None for one that cannot be read."""

    def digest(path: str) -> str | None:
        try:
            return content_hash(path)
        except DataError:
            return None

    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(digest, paths))
