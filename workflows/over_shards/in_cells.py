"""``select`` from more shards than one process holds: in cells, on disk."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ... import selectors
from ...common.errors import DataError, RunError, SettingsError
from ...common.files import remove, sweep
from ...common.shards import ShardSet
from ...config import SelectSettings
from ...runs import Lease
from ...selectors.distributed.in_cells import METHODS, InCells, check, select_in_cells
from ...selectors.random_subset import random_numbers
from .choice import Chosen, fingerprint
from .sources import BLOCK, check_finite, check_nonzero

NEEDS_ONE_PASS = ("group_field", "together_field", "weight_field")
"""Settings about extra columns that are compared over all rows at once."""
CELLS = "cells"  # beside the lease
FULL = (errno.ENOSPC, errno.EDQUOT)


class PoolInCells:
    """A pool of which a block is in memory at a time.

    Args:
        source: As it was given, for messages.
        shards: The pool.
        config: Settings.

    Raises:
        SettingsError: A method or a column needs all rows at once.
        DataError: An embedding is not finite or zero, or two rows have one id.
    """

    def __init__(self, source: Any, shards: ShardSet, config: SelectSettings) -> None:
        _check_settings(source, shards, config)
        self.shards, self.config = shards, config
        self._numbers = np.empty(len(shards))  # by id and seed alone
        names, digest = hashlib.sha256(), hashlib.sha256()
        for begin in range(0, len(shards), BLOCK):
            end = min(begin + BLOCK, len(shards))
            ids, x = shards.values("id", begin, end), shards.embeddings(begin, end)
            check_finite(shards, x, ids)
            check_nonzero(shards, x, ids)
            self._numbers[begin:end] = random_numbers(np.array(ids), config.seed)
            names.update("\n".join([""] * (begin > 0) + ids).encode())  # as of `ids_hash`
            digest.update(x.data)
        _check_unique(shards, self._numbers)
        self.hash = names.hexdigest()
        digest.update(names.digest())
        self.fingerprint = fingerprint(config, None, digest.digest())

    @contextmanager
    def choosing(self, beside: Path) -> Iterator[Chosen]:
        """Choose rows, with cells in a hidden folder beside a path.

        The folder stays until `discard_cells`: where the work is stopped or the picks cannot be
        written, the same call goes on from it; one with other settings or shards begins anew.

        Raises:
            SettingsError: The budget or an option is not possible in cells.
            DataError: There is no room for the cells.
            RunError: Another process selects there, or the disk is full.
        """
        sweep(beside.parent)
        if self.config.method == "random":
            yield self._random()
            return
        folder = folder_of_cells(beside)
        with _held(folder):
            _check_room(folder, self.shards)
            try:
                chosen = self._in_cells(folder / CELLS)
            except SettingsError:  # going on would end in the same way
                remove(folder / CELLS)
                raise
            except OSError as fault:
                if fault.errno not in FULL:
                    raise
                raise RunError(
                    f"the cells of this selection could not be written in {folder}: "
                    f"{fault.strerror}. What is done is kept: free some space and give the same "
                    "command again, or delete that folder."
                ) from fault
            yield chosen

    def _random(self) -> Chosen:
        config = self.config
        rows = np.argsort(-self._numbers, kind="stable")[: config.budget]
        used: dict[str, Any] = {"method": "random", "budget": config.budget}
        used["seed"] = config.seed
        return Chosen(rows, np.log(self._numbers[rows]), "The budget was reached.", 0, used)

    def _in_cells(self, folder: Path) -> Chosen:
        config, shards = self.config, self.shards
        rank = np.empty(len(shards), np.int64)
        rank[np.argsort(self._numbers, kind="stable")] = np.arange(len(shards))
        made = select_in_cells(
            shards,
            config.budget,
            method=config.method,
            rank=rank,
            folder=folder,
            device=config.device,
            seed=config.seed,
            key=self.fingerprint,
            **selectors.options_of(config),
        )
        return Chosen(
            made.indices,
            made.scores,
            _reason(made, config.budget),
            config.budget - len(made.indices),
            made.settings,
            made.flagged if config.method == "typicality" else None,
            made.bound,
            made.cells,
        )

    def embeddings(self, rows: np.ndarray) -> np.ndarray:
        """Return the embeddings of some rows, as the shards have them."""
        return self.shards.embeddings_of(rows)


def _reason(made: InCells, budget: int) -> str:
    if len(made.indices) == budget:
        return "The budget was reached."
    return (
        f"Only {len(made.indices)} of {budget} were chosen: the others are outliers, or within "
        f"{made.settings['min_distance']:.3g} of a chosen one; lower the budget or min_distance, "
        "or take coreset."
    )


def _check_settings(source: Any, shards: ShardSet, config: SelectSettings) -> None:
    instead = (
        f"{source} has {len(shards):,} rows, more than one process compares at once, and is "
        "selected from in cells"
    )
    if config.method not in (*METHODS, "random"):
        raise SettingsError(
            f"{instead} by {', '.join(METHODS)} or random, and not by {config.method}; take one "
            "of them."
        )
    if config.method != "random":
        check(config.method, config.budget, len(shards), config.alpha)
    elif config.budget > len(shards):
        raise SettingsError(
            f"budget must be <= {len(shards):,}, the rows that there are, got {config.budget:,}."
        )
    for name in NEEDS_ONE_PASS:
        if getattr(config, name) is not None:
            raise SettingsError(
                f"{instead} without {name}; leave it out, or select in each part of the shards."
            )


def folder_of_cells(beside: Path) -> Path:
    """Return the folder of the cells of a selection that is written to a path."""
    return beside.with_name(f".{beside.name}.cells")


def discard_cells(beside: Path) -> None:
    """Delete cells once a selection is written; those of a process at work stay."""
    folder = folder_of_cells(beside)
    if folder.is_dir():
        with suppress(RunError), _held(folder):
            remove(folder / CELLS)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder of cells, which is deleted at the end where it has none.

    The lease goes after the cells, and the folder only where it is empty: another process may
    have begun in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with Lease(folder) as lease:
            try:
                yield
            finally:
                if not (folder / CELLS).exists():
                    remove(lease.path)
    finally:
        with suppress(OSError):
            folder.rmdir()


def _check_room(folder: Path, shards: ShardSet) -> None:
    """Refuse to write cells where they do not fit; a level of them is there twice meanwhile."""
    needed = 2 * len(shards) * (4 * shards.dim + 8)
    there = sum(path.stat().st_size for path in folder.glob(f"{CELLS}/*"))
    free = shutil.disk_usage(folder).free
    if free < needed - there:
        raise DataError(
            f"{folder.parent} has {free / 1e9:,.1f} GB of free space, and cells of these shards "
            f"take up to {needed / 1e9:,.1f} GB for the while; free some, or write elsewhere."
        )


def _check_unique(shards: ShardSet, numbers: np.ndarray) -> None:
    """Refuse ids that name two rows: only rows of equal numbers can."""
    order = np.argsort(numbers, kind="stable")
    same = np.flatnonzero(numbers[order][1:] == numbers[order][:-1])
    suspects = np.unique(np.concatenate([order[same], order[same + 1]]))
    if not len(suspects):
        return
    ids = shards.values_of("id", suspects)
    twice = sorted({id for id in ids if ids.count(id) > 1})[:1]
    if twice:
        raise DataError(
            f"{shards.paths[0].parent}: several rows have the id {twice[0]!r}; each image needs an "
            "id of its own."
        )
