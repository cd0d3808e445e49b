"""What an encoder is, and the loop that embeds a list of images with it."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..common.arrays import unit_length
from ..common.errors import DataError, RunError
from ..common.images import reading
from ..common.preparation import Size, cut, identity
from .cache import Lookup

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Embedded:
    """Embeddings of a list of images, row by row.

    Attributes:
        features: (n, d) float32; the row of an image that failed is NaN.
        ok: (n,) bool, False where it failed.
        faults: One sentence per image that failed, by its path as given.
        key: Identity of the encoder; rows of different keys must not be mixed.
        notes: What a reader should know of images, by their path as given: values scaled
            by their own range, a picture of one colour. Of those from the cache too.
    """

    features: np.ndarray
    ok: np.ndarray
    faults: dict[str, str] = field(default_factory=dict)
    key: str = ""
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Encoder:
    """A way to turn pictures into vectors.

    Attributes:
        name: As it was asked for.
        dim: Length of a vector.
        key: Names whatever decides the values: encoder, weights' hash, pixels,
            dtype. Equal keys mean comparable vectors.
        preprocess: An RGB Pillow image to the array that `forward` takes.
        before: What is done to the image before that, in order.
        size: Width and height that images are cut to first, None for images as they are.
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
    before: tuple[Callable[[Image.Image], Image.Image], ...] = ()
    size: Size | None = None

    def embed(
        self,
        paths: Sequence[str | Path],
        *,
        batch_size: int = 32,
        progress: Progress | None = None,
        normalize: bool = False,
        cache: bool = False,
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
            cache: Look features up by the images' content, and remember new ones.

        Raises:
            DataError: The batch size is below 1.
        """
        if batch_size < 1:
            raise DataError(f"batch_size must be >= 1, got {batch_size}.")
        features = np.full((len(paths), self.dim), np.nan, dtype=np.float32)
        faults: dict[str, str] = {}
        notes: dict[str, str] = {}
        lookup = open_lookup(self, paths) if cache else None
        rows = lookup.fill(features) if lookup else list(range(len(paths)))
        try:
            self._compute(paths, rows, features, faults, notes, batch_size, progress, lookup)
        finally:
            if lookup:
                lookup.close()
        if lookup:  # copies of images that were computed, and of images that failed
            again = sorted(set(lookup.fill(features)) - set(rows))
            self._compute(paths, again, features, faults, notes, batch_size, None, None)
            known = {str(path): lookup.note(path, row) for row, path in enumerate(paths)}
            notes.update({path: note for path, note in known.items() if note})
        ok = np.asarray(np.isfinite(features).all(axis=1))
        for row in np.flatnonzero(~ok).tolist():
            faults.setdefault(
                str(paths[row]),
                f"{paths[row]} has features that are not finite with {self.name}; "
                "its weights may be damaged.",
            )
        features[~ok] = np.nan
        return Embedded(unit(features) if normalize else features, ok, faults, self.key, notes)

    def at(self, size: Size | None) -> Encoder:
        """Return the encoder that sees every picture as a model trained at ``size`` saw it.

        Pictures are cut and resized by `preparation.cut`, the function that prepares the
        images of a training, and only then turned into what the network takes. None
        returns the encoder itself, which sees pictures at their own size and shape.

        Args:
            size: Width and height of the model's images.
        """
        if size is None or size == self.size:
            return self
        if self.size is not None:
            raise ValueError(f"the encoder is at {self.size} already; take the plain one.")
        return replace(
            self,
            key=f"{self.key}|{identity(size)}",
            before=(partial(cut, size=size), *self.before),
            size=size,
        )

    def mirrored(self) -> Encoder:
        """Return the encoder that sees every picture mirrored, for finding mirrored copies.

        Like a training, it mirrors what was cut, so an odd margin makes no difference.
        """
        return replace(self, key=f"{self.key} mirrored", before=(*self.before, ImageOps.mirror))

    def pixels(self, image: Image.Image) -> np.ndarray:
        """Turn an RGB picture into the array that `forward` takes."""
        for step in self.before:
            image = step(image)
        return self.preprocess(image)

    def _compute(
        self,
        paths: Sequence[str | Path],
        rows: Sequence[int],
        features: np.ndarray,
        faults: dict[str, str],
        notes: dict[str, str],
        batch_size: int,
        progress: Progress | None,
        lookup: Lookup | None,
    ) -> None:
        """Embed some rows, batch by batch, into ``features``, ``faults`` and ``notes``."""
        done = len(paths) - len(rows)
        if progress is not None and done:
            progress(done, len(paths))
        decoded = _decoded(self.pixels, paths, rows, 2 * batch_size, notes)
        for batch in _batches(decoded, batch_size):
            for row, pixels in batch:
                if isinstance(pixels, DataError):
                    faults[str(paths[row])] = str(pixels)
            for group, stack in _stacks(batch):
                features[group] = self.forward(stack)
                if lookup is not None:
                    for row in group:
                        lookup.keep(paths[row], row, features[row], notes.get(str(paths[row])))
            done += len(batch)
            if progress is not None:
                progress(done, len(paths))


def unit(features: np.ndarray) -> np.ndarray:
    """Return rows scaled to length 1, float32; a row of zeros stays as it is."""
    return unit_length(features).astype(np.float32)


def open_lookup(encoder: Encoder, paths: Sequence[str | Path]) -> Lookup | None:
    """Open the cache; a cache that does not work is worth a warning, not a failure."""
    try:
        return Lookup(encoder.key, encoder.dim, paths)
    except RunError as fault:
        warnings.warn(f"{fault} Going on without it.", stacklevel=3)
        return None


def _decoded(
    pixels: Callable[[Image.Image], np.ndarray],
    paths: Sequence[str | Path],
    rows: Sequence[int],
    most: int,
    notes: dict[str, str],
) -> Iterator[tuple[int, np.ndarray | DataError]]:
    """Decode in threads, at most ``most`` images ahead of the network, in order."""

    def decode(path: str | Path) -> np.ndarray | DataError:
        remarks: list[str] = []
        try:
            with reading(path, remarks) as image:
                made = pixels(image)
        except DataError as fault:
            return fault
        if remarks:
            notes[str(path)] = " ".join(remarks)
        return made

    ahead: deque[tuple[int, Future[np.ndarray | DataError]]] = deque()
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="decode")
    try:
        for row in rows:
            ahead.append((row, pool.submit(decode, paths[row])))
            if len(ahead) > most:
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
