"""``embed``: from images to vectors on the samples."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from .. import encoders
from ..config import EmbedSettings
from ..config.options import EmbedOptions
from ..config.signatures import with_settings
from ..datasets import locking, reading, vectors
from ..datasets.database import lost_in_words
from ..datasets.names import key_of
from .progress import Progress, reporting

CHUNK = 1024  # images between two writes: what an interruption can cost


@dataclass(frozen=True)
class EmbedResult:
    """What an embedding pass did.

    Attributes:
        field: The field that holds the vectors.
        done: Samples embedded now.
        kept: Samples that had a vector already.
        adopted: Samples, of the whole data set, whose vector is older than the records of single
            vectors; they were taken as made by the encoder that the data set names.
        emptied: Samples that lost a vector of another encoder and have none now.
        faults: Why an image could not be read, by file; its sample is tagged ``unreadable``.
        error: Largest relative error of a vector that the number format causes, measured on
            test patterns; 0 for float32.
        notes: What to know of images that were read now, by file: a picture of one colour, say.
    """

    field: str
    done: int
    kept: int
    faults: dict[str, str] = dataclasses.field(default_factory=dict)
    error: float = 0.0
    notes: dict[str, str] = dataclasses.field(default_factory=dict)
    adopted: int = 0
    emptied: int = 0

    def __str__(self) -> str:
        text = f"{self.done} images embedded into {self.field!r}, {self.kept} had one already"
        if self.adopted:
            text += (
                f"; {self.adopted} vectors had no record of their own and were taken as those of "
                "the encoder that the data set names (embed with overwrite computes them again)"
            )
        if self.emptied:
            text += (
                f"; {self.emptied} samples outside of the view, or unreadable now, lost the vector "
                "that another encoder had made"
            )
        if self.faults:
            first = next(iter(self.faults.values()))
            text += f"; {len(self.faults)} unreadable, tagged {vectors.UNREADABLE!r}: {first}"
        if self.notes:
            first = next(iter(self.notes.values()))
            text += f"; to know of {len(self.notes)} images: {first}"
        if self.error:
            text += f"; the number format moves a vector by up to {self.error:.2%} of its length"
        return text


def field_name(encoder: str) -> str:
    """Return the default field of an encoder: ``clip-vit-b32`` -> ``clip_vit_b32``."""
    if encoder.startswith("python:"):
        encoder = encoder.removeprefix("python:").rsplit("/", 1)[-1].replace(".py:", ":")
        encoder = encoder.rsplit(":", 1)[0]
    return key_of(encoder)


@with_settings(EmbedSettings)
@lost_in_words()
def embed(
    samples: Any, *, progress: Progress = True, **settings: Unpack[EmbedOptions]
) -> EmbedResult:
    """Write an embedding on every sample that has none yet.

    Vectors are float32 and L2-normalized, in a `VectorField`. They are written in
    portions, so an interrupted pass goes on where it stopped. An unreadable image
    costs its sample only: it is tagged ``unreadable`` and counted.

    Args:
        samples: A FiftyOne data set, its name, or a view.
        progress: Show a bar (True), nothing (False), or call ``progress(done, total)``.
        **settings: See `EmbedSettings`.

    Raises:
        SettingsError: A setting is wrong.
        WeightsError: The encoder's weights are not here.
        DataError: The view is empty, or its field was written by another encoder.
    """
    config = EmbedSettings(**settings)
    dataset, view = reading.resolve(samples)
    encoder = encoders.load(
        config.encoder, weights=config.weights, device=config.device, dtype=config.dtype
    )
    name = config.field or field_name(config.encoder)
    pool = reading.read_paths(view)
    files = dict(zip(pool.ids, pool.paths, strict=True))
    faults: dict[str, str] = {}
    notes: dict[str, str] = {}
    with locking.exclusive(dataset, "embed", part=name) as field_held:
        with locking.exclusive(dataset, "embed"):
            vectors.prepare(dataset, name, encoder.key, overwrite=config.overwrite)
            theirs = vectors.foreign(dataset, name)  # 0 unless they may be overwritten
            adopted = 0 if config.overwrite else vectors.adopt(dataset, name, encoder.key)
            finished_ids_of = vectors.waiting if config.overwrite else vectors.done
            finished = finished_ids_of(dataset, name, encoder.key, files)
        if theirs:
            warnings.warn(
                f"{name!r} of {dataset.name!r} holds {theirs} vectors that Curadiff did not make; "
                "they stay until all new ones are there, and are then replaced",
                stacklevel=2,
            )
        rows_left = [row for row, id in enumerate(pool.ids) if id not in finished]
        with reporting(progress, f"embed into {name}", "image") as report:
            report(0, len(rows_left))
            for start in range(0, len(rows_left), CHUNK):
                rows = rows_left[start : start + CHUNK]
                embedded = encoder.embed(
                    [pool.paths[row] for row in rows],
                    batch_size=config.batch_size,
                    normalize=True,
                    cache=config.cache,
                    progress=lambda done, _, start=start: report(start + done, len(rows_left)),
                )
                field_held.check()
                with locking.exclusive(dataset, "embed"):
                    _write(dataset, name, pool, rows, embedded, encoder.key, config.overwrite)
                faults.update(embedded.faults)
                notes.update(embedded.notes)
        emptied = 0
        if config.overwrite:
            field_held.check()
            with locking.exclusive(dataset, "embed"):
                emptied = vectors.replace(dataset, name, encoder.key)
    done, kept = len(rows_left) - len(faults), len(pool.ids) - len(rows_left)
    return EmbedResult(name, done, kept, faults, encoder.error, notes, adopted, emptied)


def _write(
    dataset: Any,
    name: str,
    pool: reading.Samples,
    rows: list[int],
    embedded: encoders.Embedded,
    encoder: str,
    overwrite: bool,
) -> None:
    good = [rows[row] for row in np.flatnonzero(embedded.ok)]
    bad = [rows[row] for row in np.flatnonzero(~embedded.ok)]
    write = vectors.stage if overwrite else vectors.write
    write(
        dataset,
        name,
        ids=[pool.ids[row] for row in good],
        paths=[pool.paths[row] for row in good],
        x=embedded.features[embedded.ok],
        encoder=encoder,
    )
    vectors.mark_unreadable(
        dataset,
        bad={pool.ids[row]: embedded.faults[pool.paths[row]] for row in bad},
        good=[pool.ids[row] for row in good],
    )
