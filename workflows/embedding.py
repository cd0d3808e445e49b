"""``embed``: from images to vectors on the samples."""

from __future__ import annotations

import dataclasses
import warnings
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from .. import encoders
from ..common.words import plural
from ..config import EmbedSettings
from ..config.options import EmbedOptions
from ..config.signatures import with_settings
from ..datasets import locking, reading, vectors
from ..datasets.database import lost_in_words
from ..datasets.names import key_of
from .over_shards.embedding import embed_to_shards
from .over_shards.sources import refuse
from .progress import Progress, reporting
from .sources import images_of
from .vector_sources import compute_features, encoder_source, shards_source

FIELD = "embedding"  # of vectors that come from shards


@dataclass(frozen=True)
class EmbedResult:
    """What an embedding pass did.

    Attributes:
        field: The field that holds the vectors, or the folder of the shards.
        done: Samples embedded now.
        kept: Samples that had a vector already.
        adopted: Samples, of the whole data set, whose vector is older than the records of single
            vectors; they were taken as made by the encoder that the data set names.
        absent: Samples of which the shards that vectors were taken from have none.
        changed: Images whose file had changed since the shards that were written to got their
            row; the old row is gone.
        tagged: Whether unreadable images have a sample that was tagged.
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
    absent: int = 0
    changed: int = 0
    tagged: bool = True

    def __str__(self) -> str:
        done = plural(self.done, "image")
        text = f"{done} embedded into {self.field!r}, {self.kept} had one already"
        if self.changed:
            text += f"; the files of {self.changed} had changed, and their old rows are gone"
        if self.adopted:
            had = "its own and was" if self.adopted == 1 else "their own and were"
            text += (
                f"; {plural(self.adopted, 'vector')} had no record of {had} taken as those of "
                "the encoder that the data set names (embed with overwrite computes them again)"
            )
        if self.emptied:
            text += (
                f"; {plural(self.emptied, 'sample')} outside of the view, or unreadable now, lost "
                "the vector that another encoder had made"
            )
        if self.faults:
            first = next(iter(self.faults.values()))
            if self.tagged:
                text += f"; {len(self.faults)} unreadable, tagged {vectors.UNREADABLE!r}: {first}"
            else:
                text += f"; {len(self.faults)} unreadable, left out: {first}"
        if self.absent:
            are = "is" if self.absent == 1 else "are"
            text += f"; {plural(self.absent, 'image')} {are} not in the shards"
        if self.notes:
            first = next(iter(self.notes.values()))
            text += f"; to know of {plural(len(self.notes), 'image')}: {first}"
        if self.error:
            text += f"; the number format moves a vector by up to {self.error:.2%} of its length"
        return text


def field_name(encoder: str) -> str:
    """Return the default field of an encoder: ``clip-vit-b32`` -> ``clip_vit_b32``."""
    if encoder.startswith("python:"):
        encoder = encoder.removeprefix("python:").rsplit("/", 1)[-1].replace(".py:", ":")
        encoder = encoder.rsplit(":", 1)[0]
    return key_of(encoder)


def field_of(config: EmbedSettings) -> str:
    """Return the field that vectors are written to: as given, else by where they come from."""
    if config.from_shards is not None:
        return config.field or FIELD
    return config.field or field_name(config.encoder)


@with_settings(EmbedSettings)
@lost_in_words()
def embed(
    samples: Any, *, progress: Progress = True, **settings: Unpack[EmbedOptions]
) -> EmbedResult:
    """Write an embedding on every sample that has none yet.

    Vectors are float32 and L2-normalized, in a `VectorField`. They are written in
    portions, so an interrupted pass goes on where it stopped. An unreadable image
    costs its sample only: it is tagged ``unreadable`` and counted.

    With ``to_shards`` the vectors go to Parquet files (`curadiff.common.shards`) in place of a
    field; with ``from_shards`` they come from such files.

    Args:
        samples: A FiftyOne data set, its name, or a view; with ``to_shards`` a folder of
            images too.
        progress: Show a bar (True), nothing (False), or call ``progress(done, total)``.
        **settings: See `EmbedSettings`.

    Raises:
        SettingsError: A setting is wrong.
        WeightsError: The encoder's weights are not here.
        DataError: The view is empty, or its field was written by another encoder.
    """
    config = EmbedSettings(**settings)
    refuse(samples, "embed", "select from them with: curadiff select ./SHARDS --to-shards ./PICKS")
    if config.to_shards is not None:
        return _to_shards(samples, config, config.to_shards, progress)
    dataset, view = reading.resolve(samples)
    shards = config.from_shards
    source = encoder_source(config) if shards is None else shards_source(shards, config)
    name = field_of(config)
    pool = reading.read_paths(view)
    files = dict(zip(pool.ids, pool.paths, strict=True))
    faults: dict[str, str] = {}
    notes: dict[str, str] = {}
    with locking.exclusive(dataset, "embed", part=name) as field_held:
        with locking.exclusive(dataset, "embed"):
            vectors.prepare(dataset, name, source.key, overwrite=config.overwrite)
            theirs = vectors.foreign(dataset, name)  # 0 unless they may be overwritten
            adopted = 0 if config.overwrite else vectors.adopt(dataset, name, source.key)
            finished_ids_of = vectors.waiting if config.overwrite else vectors.done
            finished = finished_ids_of(dataset, name, source.key, files)
        if theirs:
            warnings.warn(
                f"{name!r} of {dataset.name!r} holds {plural(theirs, 'vector')} that Curadiff did "
                "not make; "
                "they stay until all new ones are there, and are then replaced",
                stacklevel=2,
            )
        rows_left = [row for row, id in enumerate(pool.ids) if id not in finished]
        written = 0
        with (
            reporting(progress, f"embed into {name}", "image") as report,
            closing(source.compute(pool, rows_left, name, report, progress)) as computed,
        ):
            for rows, embedded in computed:
                field_held.check()
                if rows:
                    with locking.exclusive(dataset, "embed"):
                        _write(dataset, name, pool, rows, embedded, source.key, config.overwrite)
                written += len(rows)
                faults.update(embedded.faults)
                notes.update(embedded.notes)
        emptied = 0
        if config.overwrite:
            field_held.check()
            with locking.exclusive(dataset, "embed"):
                emptied = vectors.replace(dataset, name, source.key)
    return EmbedResult(
        name,
        written - len(faults),
        len(pool.ids) - len(rows_left),
        faults,
        source.error,
        notes,
        adopted,
        emptied,
        absent=len(rows_left) - written,
    )


def _to_shards(samples: Any, config: EmbedSettings, folder: str, progress: Progress) -> EmbedResult:
    """Write the embeddings of images to shards, as the encoder gives them."""
    pool, _ = images_of(samples)
    encoder = encoders.load(
        config.encoder, weights=config.weights, device=config.device, dtype=config.dtype
    )
    with reporting(progress, f"embed into {folder}", "image") as report:
        written = embed_to_shards(
            folder,
            pool,
            encoder.key,
            lambda rows: compute_features(encoder, pool, rows, config, folder, report, progress),
        )
    return EmbedResult(
        folder,
        written.done,
        written.kept,
        written.faults,
        encoder.error,
        written.notes,
        changed=written.changed,
        tagged=False,
    )


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
