"""``clean``: show what Curadiff wrote in a data set, and remove it again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .. import runs
from ..common.errors import DataError, RunError, nearest
from ..common.keys import under, versioned
from ..common.words import plural
from ..datasets import cleaning
from ..datasets.database import lost_in_words
from ..datasets.names import key_of
from ..datasets.resolving import resolve_dataset
from ..runs import Run

REFERENCES = ("", "-held_out", "-pool")  # what a study's evaluations compare with


@dataclass(frozen=True)
class Cleaning:
    """What is to be removed from a data set, or was.

    Attributes:
        dataset: Its name.
        written: What Curadiff wrote there.
        study: The study that it is of, None for all of it.
        done: Whether it was removed.
    """

    dataset: str
    written: cleaning.Written
    study: str | None
    done: bool

    def __str__(self) -> str:
        whose = f"of {self.study}" if self.study else "that Curadiff wrote"
        kinds = self.written.by_kind()
        if not kinds and not self.written.notes:
            return f"There is nothing {whose} in {self.dataset}."
        begin = "Removed from" if self.done else "This would be removed from"
        lines = [f"{begin} {self.dataset}, {whose}:"]
        lines += [
            f"  {plural(len(listed), kind)}: {', '.join(listed)}" for kind, listed in kinds.items()
        ]
        notes = sum(map(len, self.written.notes.values()))
        lines += [f"  {plural(notes, 'note')} in the data set's info"] if notes else []
        return "\n".join(lines)


@lost_in_words()
def clean(dataset: Any, study: str | None = None, *, yes: bool = False) -> Cleaning:
    """Remove what Curadiff wrote in a data set; say first what that is.

    Fields, tags, saved views, runs, workspaces, maps, groups of the sidebar and notes in its
    info. Samples stay with all that an import brought, and so does everything of the user's,
    also what was made anew under a name of Curadiff's. Run directories stay; see `delete_run`.

    Args:
        dataset: A FiftyOne data set, a view of it, or its name.
        study: Name of a study or preview: remove only what it wrote.
        yes: Remove it. By default nothing is removed, and ``print`` of what is returned says
            what would be.

    Raises:
        DataError: There is no such data set or study.
        Busy: Another process changes the data set.
    """
    resolved = resolve_dataset(dataset)
    owners = None if study is None else _owners(resolved, study)
    written = cleaning.written(resolved, owners)
    if yes and written:
        written = cleaning.remove(resolved, owners)
    return Cleaning(resolved.name, written, study, done=bool(yes and written))


def _owners(dataset: Any, study: str) -> set[str]:
    """Return whose things in a data set are a study's: its selections, evaluations and fields."""
    run = _run(study)
    if run.kind == "preview":
        judged = {run.id, *(run.id + reference for reference in REFERENCES)}
        return {f"preview {run.id}", *(f"evaluate {key_of(name)}" for name in judged)}
    versions = range(1, int(run.record.get("images_version", 1)) + 1)
    labels = [versioned(run.id, version) for version in versions]
    arms = {arm["name"] for arm in run.settings["arms"]} | {*run.record.get("revisions", {})}
    named = _names(labels, arms, join="-", revision=r"\.")
    keys = [key_of(label) for label in labels]
    keyed = _names(keys, {key_of(under("a", arm))[2:] for arm in arms}, join="_", revision="_")
    return {
        owner
        for owner in cleaning.owners(dataset)
        if re.fullmatch(rf"select {named}|study {named}", owner)
        or re.fullmatch(rf"(evaluate|train) {keyed}(_held_out|_pool)?", owner)
    }


def _names(labels: Iterable[str], arms: Iterable[str], *, join: str, revision: str) -> str:
    """Return the pattern of a study's names, arms of a former choice and other draws included.

    They are ``STUDY``, ``STUDY-ARM`` and what `training_key` returns, where an arm whose settings
    became others has a number: ``STUDY-ARM.2-d1-s0``.
    """
    of_study, of_arm = ("|".join(map(re.escape, sorted(one))) for one in (labels, arms))
    return rf"({of_study})({join}({of_arm})({revision}\d+)?({join}d\d+)?({join}s\d+)?)?"


def _run(study: str) -> Run:
    known = [run for run in runs.listing() if run.kind in ("study", "preview")]
    try:
        run = runs.open_run(study)
    except RunError:
        run = None
    if run is None or run.kind not in ("study", "preview"):
        listed = [one.id for one in known]
        raise DataError(
            f"no study or preview is named {study!r}{nearest(study, listed)} (there are: "
            f"{', '.join(listed) or 'none'}); without study, everything is cleaned."
        )
    return run
