"""Where vectors come from: an encoder, in this process or several, or shards of another system."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

from .. import encoders
from ..common.errors import DataError
from ..common.shards import ShardSet, files_of
from ..config import EmbedSettings
from ..datasets import reading
from ..encoders.distributed import Ranks, embed_over_processes
from .over_shards.taking import vectors_from
from .progress import Progress, Report, tell

CHUNK = 1024  # images between two writes: what an interruption can cost
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


def encoder_source(config: EmbedSettings) -> Source:
    """Load the encoder that the settings name."""
    encoder = encoders.load(
        config.encoder, weights=config.weights, device=config.device, dtype=config.dtype
    )

    def compute(
        pool: reading.Samples, rows: list[int], field: str, report: Report, progress: Progress
    ) -> Computed:
        for part, embedded in compute_features(
            encoder, pool, rows, config, field, report, progress
        ):
            unit = encoders.unit(embedded.features)
            yield part, dataclasses.replace(embedded, features=unit)

    return Source(encoder.key, encoder.error, compute)


def shards_source(folder: str, config: EmbedSettings) -> Source:
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


def compute_features(
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
