"""``select`` from more shards than one process holds: in cells, on disk."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ... import selectors
from ...common.disk_faults import FULL, number_of
from ...common.errors import DataError, RunError, SettingsError
from ...common.files import ensure_folder
from ...common.shards import ShardSet
from ...common.temporary import remove
from ...config import SelectSettings
from ...runs import Busy, Lease
from ...selectors.distributed.in_cells import METHODS, InCells, check, select_in_cells
from ...selectors.random_subset import random_numbers
from .choice import Chosen, fingerprint
from .sources import BLOCK, check_finite, check_nonzero

NEEDS_ONE_PASS = ("group_field", "together_field", "weight_field")
"""Settings about extra columns that are compared over all rows at once."""
CELLS = "cells"  # beside the lease


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

    def choose(self, folder: Path) -> Chosen:
        """Choose rows, with cells in a folder that the caller holds.

        Where the work is stopped or the picks cannot be written, the same call goes on from what
        is in the folder; one with other settings or shards begins anew.

        Raises:
            SettingsError: The budget or an option is not possible in cells.
            DataError: There is no room for the cells.
            RunError: The disk is full.
        """
        if self.config.method == "random":
            return self._random()
        _check_room(folder, self.shards)
        try:
            return self._in_cells(folder / CELLS)
        except SettingsError:  # going on would end in the same way
            remove(folder / CELLS)
            raise
        except (OSError, RunError) as fault:
            number = number_of(fault)
            if number is None or number not in FULL:
                raise
            raise RunError(
                f"the cells of this selection could not be written in {folder}: "
                f"{os.strerror(number)}. What is done is kept: free some space and give the same "
                "command again, or delete that folder."
            ) from fault

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


@contextmanager
def holding(target: Path) -> Iterator[Path]:
    """Hold a folder that a selection is written to, by a hidden folder beside it for its cells.

    The hidden folder is deleted at the end where no cells are left in it: the lease goes after
    the cells, and the folder only where it is empty, as another process may have begun in it.

    Raises:
        Busy: Another process selects into the same folder.
        RunError: Nothing can be written there.
    """
    folder = target.with_name(f".{target.name}.cells")
    ensure_folder(folder)
    try:
        with ExitStack() as stack:
            try:
                lease = stack.enter_context(Lease(folder))
            except Busy as fault:
                raise Busy(
                    f"another process selects into {target}; wait for it, or give another folder."
                ) from fault
            try:
                yield folder
            finally:
                if not (folder / CELLS).exists():
                    remove(lease.path)
    finally:
        with suppress(OSError):
            folder.rmdir()


def discard_cells(target: Path) -> None:
    """Delete cells once a selection is written; those of a process at work stay."""
    if target.with_name(f".{target.name}.cells").is_dir():
        with suppress(RunError), holding(target) as folder:
            remove(folder / CELLS)


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
