"""What an encoder is, and the loop that embeds a list of images with it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import DataError
from ..images import open_rgb

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Embedded:
    """Embeddings of a list of images, row by row.

    Attributes:
        features: (n, d) float32; the row of an image that failed is NaN.
        ok: (n,) bool, False where it failed.
        faults: One sentence per image that failed, by its path as given.
        key: Identity of the encoder; rows of different keys must not be mixed.
    """

    features: np.ndarray
    ok: np.ndarray
    faults: dict[str, str] = field(default_factory=dict)
    key: str = ""


@dataclass(frozen=True)
class Encoder:
    """A way to turn pictures into vectors.

    Attributes:
        name: As it was asked for.
        dim: Length of a vector.
        key: Names whatever decides the values: encoder, weights' hash, pixels,
            dtype. Equal keys mean comparable vectors.
        preprocess: An RGB Pillow image to the array that `forward` takes.
        forward: A stack of such arrays to ``(n, dim)`` float32.
        device: Where `forward` computes.
        dtype: Number format it computes in.
        error: Largest relative error that the number format causes, measured on
            test patterns when the encoder was loaded; 0.0 for float32.
    """

    name: str
    dim: int
    key: str
    preprocess: Callable[[Image.Image], np.ndarray]
    forward: Callable[[np.ndarray], np.ndarray]
    device: str = "cpu"
    dtype: str = "float32"
    error: float = 0.0

    def embed(
        self,
        paths: Sequence[str | Path],
        *,
        batch_size: int = 32,
        progress: Progress | None = None,
        normalize: bool = False,
    ) -> Embedded:
        """Embed image files.

        An image that cannot be read costs its own row, nothing else. Values do
        not depend on the batch size beyond float32 rounding.

        Args:
            paths: Image files; the rows of the result are in this order.
            batch_size: Images per forward pass.
            progress: Called with (done, total) after every batch.
            normalize: Scale each row to length 1, as selection wants it; metrics
                are defined on rows as they are.
        """
        if batch_size < 1:
            raise DataError(f"batch_size must be >= 1, got {batch_size}.")
        features = np.full((len(paths), self.dim), np.nan, dtype=np.float32)
        faults: dict[str, str] = {}
        done = 0
        for batch in _batches(_decoded(self.preprocess, paths), batch_size):
            for row, fault in ((row, x) for row, x in batch if isinstance(x, DataError)):
                faults[str(paths[row])] = str(fault)
            for rows, stack in _stacks(batch):
                features[rows] = self.forward(stack)
            done += len(batch)
            if progress is not None:
                progress(done, len(paths))
        self._find_broken(features, paths, faults)
        ok = np.isfinite(features).all(axis=1) if len(paths) else np.zeros(0, dtype=bool)
        features[~ok] = np.nan
        if normalize:
            features = unit(features)
        return Embedded(features, ok, faults, self.key)

    def _find_broken(
        self, features: np.ndarray, paths: Sequence[str | Path], faults: dict[str, str]
    ) -> None:
        """Name the images whose pixels were fine and whose features are not."""
        for row in np.flatnonzero(~np.isfinite(features).all(axis=1)):
            faults.setdefault(
                str(paths[row]),
                f"{paths[row]} has features that are not finite with {self.name}; "
                "its weights may be damaged.",
            )


def unit(features: np.ndarray) -> np.ndarray:
    """Scale rows to length 1; a row of zeros stays as it is."""
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.where(norms > 0, norms, 1)).astype(np.float32)


def _decoded(
    preprocess: Callable[[Image.Image], np.ndarray], paths: Sequence[str | Path]
) -> Iterator[tuple[int, np.ndarray | DataError]]:
    """Decode in threads, a bounded number of images ahead of the network, in order."""

    def decode(path: str | Path) -> np.ndarray | DataError:
        try:
            return preprocess(open_rgb(path))
        except DataError as fault:
            return fault

    workers = min(8, os.cpu_count() or 1)
    ahead: deque[tuple[int, Future[Any]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        for row, path in enumerate(paths):
            ahead.append((row, pool.submit(decode, path)))
            if len(ahead) >= 64:
                first, future = ahead.popleft()
                yield first, future.result()
        while ahead:
            first, future = ahead.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _batches(
    items: Iterator[tuple[int, np.ndarray | DataError]], size: int
) -> Iterator[list[tuple[int, np.ndarray | DataError]]]:
    batch: list[tuple[int, np.ndarray | DataError]] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _stacks(
    batch: list[tuple[int, np.ndarray | DataError]],
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Group a batch by shape, since pictures of an encoder without a fixed size differ."""
    groups: dict[tuple[int, ...], list[tuple[int, np.ndarray]]] = {}
    for row, pixels in batch:
        if not isinstance(pixels, DataError):
            groups.setdefault(pixels.shape, []).append((row, pixels))
    for group in groups.values():
        yield [row for row, _ in group], np.stack([pixels for _, pixels in group])
