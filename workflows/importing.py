"""``import``: from photographs to a FiftyOne data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from .. import layouts
from ..common.errors import SettingsError
from ..common.words import plural
from ..config import ImportSettings
from ..config.options import ImportOptions
from ..config.signatures import with_settings
from ..datasets import counting, importing, reading
from ..datasets.database import lost_in_words
from ..datasets.writing import key_of
from .sources import folder_of


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        dataset: The FiftyOne data set.
        added: Samples added now.
        total: Samples that it holds.
        notes: What was left out or missing, one sentence each.
        updated: Samples that took over values from the folder.
        repointed: Samples whose files had moved and were found again.
    """

    dataset: Any
    added: int
    total: int
    notes: tuple[str, ...] = ()
    updated: int = 0
    repointed: int = 0

    def __str__(self) -> str:
        text = f"{self.dataset.name}: {plural(self.total, 'image')}, {self.added:,} new"
        for count, what in ((self.updated, "updated"), (self.repointed, "found again")):
            text += f", {count:,} {what}" if count else ""
        return "\n".join([text, *self.notes])


@with_settings(ImportSettings)
@lost_in_words()
def import_images(source: Any, **settings: Unpack[ImportOptions]) -> Imported:
    """Make a persistent FiftyOne data set from photographs.

    Args:
        source: A folder of images, the root of a VITON-HD download, a folder of Parquet shards
            whose files are on this machine, or a FiftyOne data set, view or name of one (which
            is copied under ``name``).
        **settings: See `ImportSettings`.

    Raises:
        SettingsError: A setting is wrong.
        DataError: The source has no images, or the data set of that name holds something else
            or the images of another folder.
    """
    config = ImportSettings(**settings)
    folder = folder_of(source)
    if folder is None:
        _, view = reading.resolve(source)
        if config.name is None:
            raise SettingsError("name is needed when the source is a FiftyOne data set or view.")
        return _imported(importing.from_samples(config.name, view))
    records = _records(folder, config)
    name = config.name or key_of(folder.name).replace("_", "-")
    outcome = importing.from_records(
        name,
        records,
        source=str(folder),
        add=config.add,
        update=config.update,
        repoint=config.repoint,
    )
    return _imported(outcome, records.notes)


def _records(folder: Path, config: ImportSettings) -> layouts.Records:
    if config.pool is None:
        return layouts.read(folder, config.layout, companions=config.companions == "attach")
    if not layouts.shards.recognizes(folder):
        raise SettingsError(
            f"pool is for a selection in shards, and {folder} holds none; make one with: "
            f"curadiff select {config.pool} --to-shards {folder}"
        )
    return layouts.shards.read_with_context(folder, config.pool, config.pool_sample, config.seed)


def _imported(outcome: importing.Outcome, notes: tuple[str, ...] = ()) -> Imported:
    return Imported(
        outcome.dataset,
        outcome.added,
        counting.exact(outcome.dataset),
        (*notes, *outcome.notes),
        outcome.updated,
        outcome.repointed,
    )
