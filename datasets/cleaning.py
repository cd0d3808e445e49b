"""What Curadiff wrote in a data set, to be shown and to be removed again.

Everything is found by its record (see `names`), so a thing that a user made, or made again
under a name of ours, is never among it. What an import brought stays: samples with their
labels, tags and splits, and how they are known again when the folder is imported once more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import (
    earlier,
    info,
    locking,
    names,
    pool_fields,
    records,
    selections,
    sidebar,
    similarity,
    vectors,
)
from .database import durable, fiftyone
from .loaded import commit
from .names import Names
from .resolving import all_samples
from .writing import drop_fields

IMPORTS = ("import", "import-generated")  # owners whose things stay
KEPT = ("folders", "generated", "import", "runs")  # sections about samples, which stay
OTHERS = ("encoders", "evaluations", "generated_datasets", vectors.UNREADABLE)


@dataclass(frozen=True)
class Written:
    """What Curadiff wrote in a data set.

    Attributes:
        names: Tags, saved views, workspaces, runs, brain runs and fields.
        selections: Names of the selections that some of these belong to.
        groups: Groups of the App's sidebar.
        unreadable: Ids of samples that were tagged as unreadable.
        notes: Entries of ``info.curadiff`` by section.
    """

    names: Names = field(default_factory=Names)
    selections: Sequence[str] = ()
    groups: Sequence[str] = ()
    unreadable: Sequence[str] = ()
    notes: dict[str, list[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.by_kind() or self.notes)

    def by_kind(self) -> dict[str, list[str]]:
        """Return the names by what they are called in FiftyOne, without empty kinds."""
        kinds = {
            "field": self.names.fields,
            "tag": [*self.names.tags, *([vectors.UNREADABLE] if self.unreadable else [])],
            "saved view": self.names.views,
            "run": self.names.runs,
            "brain run": self.names.brain_runs,
            "workspace": self.names.workspaces,
            "sidebar group": self.groups,
        }
        return {kind: list(called) for kind, called in kinds.items() if called}


def written(dataset: Any, owners: Collection[str] | None = None) -> Written:
    """Find what Curadiff wrote in a data set.

    Args:
        dataset: The data set.
        owners: Only what these wrote, such as ``select eight``; by default everything.
    """
    ours = info.read(dataset)
    made = {**earlier.fields(dataset), **ours.get(names.MADE, {})}
    called: dict[str, list[str]] = {attribute: [] for attribute in names.ATTRIBUTES.values()}
    groups: list[str] = []
    keys: list[str] = []
    for key, entry in made.items():
        owner = entry.get("by", "")
        if owner in IMPORTS or (owners is not None and owner not in owners):
            continue
        keys.append(key)
        if key.startswith(sidebar.KEY):
            groups.append(key.removeprefix(sidebar.KEY))
            continue
        kind = next(k for k in sorted(names.ATTRIBUTES, key=len, reverse=True) if _is(key, k))
        called[names.ATTRIBUTES[kind]].append(key.removeprefix(f"{kind} "))
    every = records.all_of(dataset)
    for key in every:
        if owners is None or _owner_of_run(key, every[key]) in owners:
            called["runs"] = list(dict.fromkeys([*called["runs"], key]))
    chosen = [
        name
        for name in selections.selection_names(dataset)
        if owners is None or selections.owner_of(name) in owners
    ]
    if owners is not None and chosen:  # fields of pools go with the last selection of them
        called["fields"] += pool_fields.unused(dataset, without=chosen)
    listed = names.there(dataset, Names(**called))
    notes = {names.MADE: keys} if keys else {}
    for section in OTHERS if owners is None else ():
        if entries := ours.get(section):
            notes[section] = list(entries)
    if owners is not None:
        evaluated = [key for key in ours.get("evaluations", {}) if f"evaluate {key}" in owners]
        notes |= {"evaluations": evaluated} if evaluated else {}
    unreadable = list(ours.get(vectors.UNREADABLE, {})) if owners is None else []
    return Written(listed, chosen, groups, unreadable, notes)


def owners(dataset: Any) -> set[str]:
    """List whose things there are in a data set, such as ``select eight``."""
    called = {f"evaluate {key}" for key in info.section(dataset, "evaluations")}
    called |= {_owner_of_run(key, run) for key, run in records.all_of(dataset).items()}
    return called | names.owners(dataset)


def remove(dataset: Any, owners: Collection[str] | None = None) -> Written:
    """Remove what `written` finds; where it is interrupted, it can be called again.

    Raises:
        Busy: Another process changes the data set.
    """
    with locking.exclusive(dataset, "clean") as held:
        whole = written(dataset, owners)
        held.check()
        for name in whole.selections:
            selections.delete_selection(dataset, name)
        for run in whole.names.runs:
            reference = records.reference(dataset, run)
            commit(dataset, [{"$unset": [f"runs.{run}"]}])
            records.remove(reference)
        dataset.reload()
        for view in set(whole.names.views) & {*dataset.list_saved_views()}:
            dataset.delete_saved_view(view)
        for workspace in set(whole.names.workspaces) & {*dataset.list_workspaces()}:
            dataset.delete_workspace(workspace)
        for run in whole.names.brain_runs:
            similarity.remove_index(dataset, run)
        _untag(dataset, whole)
        if whole.unreadable:
            all_samples(dataset).select(list(whole.unreadable)).untag_samples(vectors.UNREADABLE)
        drop_fields(dataset, whole.names.fields)
        sidebar.remove_empty(dataset)
        vector_filter = {"dataset": info.id_of(dataset), "field": {"$in": list(whole.names.fields)}}
        durable(vectors.VECTORS).delete_many(vector_filter)
        info.change(dataset, drop={**whole.notes})
        dataset.reload()
    return whole


def _untag(dataset: Any, whole: Written) -> None:
    """Take the tags of selections whose runs were deleted by hand from the samples with a rank.

    `selections.delete_selection` knows those of the others; a sample that its user tagged keeps
    the tag.
    """
    fo = fiftyone()
    for tag in set(whole.names.tags) - {*whole.selections}:
        rank = selections.names_of(tag).fields[0]
        if rank in whole.names.fields:
            ranked = all_samples(dataset).match(fo.ViewField(rank) != None)  # noqa: E711
            ranked.match_tags(tag).untag_samples(tag)


def _is(key: str, kind: str) -> bool:
    return key.startswith(f"{kind} ")


def _owner_of_run(key: str, config: dict[str, Any]) -> str:
    """Return who a run belongs to: what was done, and under which name."""
    verb = str(config["method"]).removeprefix("curadiff/")
    name = config.get("name") if verb == "select" else key.partition("_")[2]
    return f"{verb} {name}"
