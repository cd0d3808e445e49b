"""One side of an evaluation: its images, and the features that the judge sees."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import encoders
from ..common.errors import DataError
from ..common.words import plural
from ..config import EvaluateSettings
from ..datasets import reading
from ..encoders.distributed import Ranks, embed_over_processes
from .progress import Progress, Report, reporting
from .sources import find, images_in, images_of


@dataclass(frozen=True)
class Images:
    """One side of a comparison: readable images with their features.

    Attributes:
        ids: Sample ids, or file names where the images are a folder's.
        paths: Files, in the same order.
        names: What calls an image on any machine, in the same order.
        x: (n, d) float32 features, in the same order.
        faults: Why files were left out, by file.
        dataset: The FiftyOne data set, None for a folder.
        x_mirrored: (n, d) features of the same images mirrored, where they were asked for.
    """

    ids: list[str]
    paths: list[str]
    names: list[str]
    x: np.ndarray
    faults: dict[str, str]
    dataset: Any = None
    x_mirrored: np.ndarray | None = None

    @property
    def given(self) -> int:
        """How many images there were, unreadable ones included."""
        return len(self.ids) + len(self.faults)


@dataclass(frozen=True)
class Side:
    """One side of a comparison before its images are read.

    Attributes:
        files: Ids, files and names.
        dataset: The FiftyOne data set, None for a folder.
        view: The FiftyOne view, or the folder.
        damaged: Why files of a folder that are meant to be images are none, by file.
    """

    files: reading.Samples
    dataset: Any
    view: Any
    damaged: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def given(self) -> int:
        """How many images there are, damaged ones included."""
        return len(self.files.paths) + len(self.damaged)


def side(source: Any) -> Side:
    """Find the images of one side: those of a folder, or of a data set or view."""
    resolved = find(source)
    if isinstance(resolved, Path):
        files, damaged = images_in(resolved)
        return Side(files, None, resolved, damaged)
    files, dataset = images_of(resolved)
    return Side(files, dataset, resolved)


def featurize(
    side: Side,
    encoder: encoders.Encoder,
    *,
    role: str,
    config: EvaluateSettings,
    mirrored: bool = False,
    progress: Progress = True,
) -> Images:
    """Compute the judge's features of one side; unreadable files are left out and named."""
    files = side.files
    with reporting(progress, f"features of {role}", "image") as report:
        embedded = _features(encoder, files.paths, config, report=report)
    good = np.flatnonzero(embedded.ok)
    if len(good) < 2:
        first = next(iter(embedded.faults.values()), "")
        raise DataError(
            f"{role} has {plural(len(good), 'readable image')}, at least 2 are needed. {first}"
        )
    kept = [files.paths[row] for row in good]
    return Images(
        [files.ids[row] for row in good],
        kept,
        [files.names[row] for row in good],
        embedded.features[good],
        {**side.damaged, **embedded.faults},
        side.dataset,
        _features(encoder.mirrored(), kept, config, mirrored=True).features if mirrored else None,
    )


def _features(
    encoder: encoders.Encoder,
    paths: Sequence[str],
    config: EvaluateSettings,
    *,
    mirrored: bool = False,
    report: Report | None = None,
) -> encoders.Embedded:
    """Embed files by this process or by several, with the same values."""
    ranks = Ranks(config.processes, config.accelerate, config.weights, config.device)
    size = config.batch_size
    if not ranks.several:
        return encoder.embed(paths, batch_size=size, progress=report, cache=True)
    features = np.full((len(paths), encoder.dim), np.nan, np.float32)
    ok = np.zeros(len(paths), bool)
    faults: dict[str, str] = {}
    notes: dict[str, str] = {}
    parts = embed_over_processes(
        encoder, paths, ranks, batch_size=size, mirrored=mirrored, progress=report
    )
    with closing(parts):
        for rows, part in parts:
            features[rows], ok[rows] = part.features, part.ok
            faults.update(part.faults)
            notes.update(part.notes)
    return encoders.Embedded(features, ok, faults, encoder.key, notes)
