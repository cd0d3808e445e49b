"""``embed``: from images to vectors on the samples."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from .. import encoders
from ..common.errors import DataError
from ..common.shards import ShardSet, files_of
from ..common.words import plural
from ..config import EmbedSettings
from ..config.options import EmbedOptions
from ..config.signatures import with_settings
from ..datasets import locking, reading, vectors
from ..datasets.database import lost_in_words
from ..datasets.names import key_of
from ..encoders.distributed import Ranks, embed_over_processes
from .over_shards.embedding import embed_to_shards
from .over_shards.sources import refuse
from .over_shards.taking import vectors_from
from .progress import Progress, Report, reporting, tell
from .sources import images_of

FIELD = "embedding"  # of vectors that come from shards
CHUNK = 1024  # images between two writes: what an interruption can cost


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
    source = _encoder(config) if config.from_shards is None else _shards(config.from_shards, config)
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


Computed = Generator[tuple[list[int], encoders.Embedded]]


@dataclass(frozen=True)
class Source:
    """Where vectors come from: an encoder, or shards.

    Attributes:
        key: Identity of the encoder that made them.
        error: Largest relative error that the number format causes.
        compute: Yields rows of a pool with their vectors, scaled to length 1.
    """

    key: str
    error: float
    compute: Callable[[reading.Samples, list[int], str, Report, Progress], Computed]


def _encoder(config: EmbedSettings) -> Source:
    encoder = encoders.load(
        config.encoder, weights=config.weights, device=config.device, dtype=config.dtype
    )

    def compute(
        pool: reading.Samples, rows: list[int], field: str, report: Report, progress: Progress
    ) -> Computed:
        for part, embedded in _computed(encoder, pool, rows, config, field, report, progress):
            unit = encoders.unit(embedded.features)
            yield part, dataclasses.replace(embedded, features=unit)

    return Source(encoder.key, encoder.error, compute)


def _shards(folder: str, config: EmbedSettings) -> Source:
    """Open shards that another system made.

    Raises:
        DataError: There are none, or they do not say which encoder made them.
    """
    files = files_of(folder)
    if not files:
        raise DataError(f"{folder} holds no .parquet files; give a folder of shards.")
    shards = ShardSet(files)
    if not shards.encoder:
        raise DataError(
            f"{folder} does not say which encoder made its embeddings; write the column encoder."
        )
    if config.encoder != EmbedSettings.model_fields["encoder"].default:
        warnings.warn(
            f"the vectors are of {shards.encoder}, as {folder} says; encoder={config.encoder} is "
            "not used",
            stacklevel=4,
        )

    def compute(
        pool: reading.Samples, rows: list[int], field: str, report: Report, progress: Progress
    ) -> Computed:
        done = 0
        for part, embedded in vectors_from(shards, pool, rows):
            yield part, embedded
            done += len(part)
            report(done, len(rows))

    return Source(shards.encoder, 0.0, compute)


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
            lambda rows: _computed(encoder, pool, rows, config, folder, report, progress),
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


def _computed(
    encoder: encoders.Encoder,
    pool: reading.Samples,
    rows_left: list[int],
    config: EmbedSettings,
    target: str,
    report: Report,
    progress: Progress,
) -> Computed:
    """Yield rows of the pool with their features, by this process or by several."""
    report(0, len(rows_left))
    ranks = Ranks(config.processes, config.accelerate, config.weights, config.device)
    if ranks.several:
        parts = embed_over_processes(
            encoder,
            [pool.paths[row] for row in rows_left],
            ranks,
            batch_size=config.batch_size,
            cache=config.cache,
            chunk=CHUNK,
            purpose="\n".join([target, str(config.overwrite), *pool.ids]),
            progress=report,
            tell=lambda text: tell(progress, text),
        )
        with closing(parts):
            for places, embedded in parts:
                yield [rows_left[place] for place in places], embedded
        return
    for start in range(0, len(rows_left), CHUNK):
        rows = rows_left[start : start + CHUNK]
        yield (
            rows,
            encoder.embed(
                [pool.paths[row] for row in rows],
                batch_size=config.batch_size,
                cache=config.cache,
                progress=lambda done, _, start=start: report(start + done, len(rows_left)),
            ),
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
