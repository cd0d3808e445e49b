"""What things are called in a data set, and whether a name is free or somebody's.

A user's tags, saved views, workspaces, runs and fields are theirs. What Curadiff made is
recorded in ``info.curadiff.made``; every other thing of a wanted name is the user's, and a
verb asks here before its first write. The record says which thing it was: when the field was
made, or the id of the view, workspace or run. So a field that was deleted by hand and made
again under the same name is the user's too.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..common.errors import DataError
from . import info
from .database import durable, fiftyone

MADE: Final = "made"
ATTRIBUTES = {
    "tag": "tags",
    "saved view": "views",
    "workspace": "workspaces",
    "run": "runs",
    "brain run": "brain_runs",
    "field": "fields",
}
"""Attributes of `Names` by what their things are called."""


def key_of(name: str) -> str:
    """Turn a name into what FiftyOne accepts as field name and run key: ``a-b 2`` -> ``a_b_2``."""
    key = re.sub(r"\W+", "_", name).strip("_").lower()
    if not key:
        raise DataError(f"a name needs at least one letter or digit, got {name!r}.")
    return key if key[0].isalpha() else f"n_{key}"


def prefix_of(key: str) -> str:
    """Return what the field names of an evaluation begin with."""
    key = key_of(key)
    return "" if key == "evaluation" else f"{key}_"


def slug_of(name: str) -> str:
    """Return what FiftyOne compares names of views and workspaces by: ``Mine V1`` -> ``mine-v1``.

    Raises:
        DataError: The name has no letter or digit that a slug can hold, or is too long.
    """
    fiftyone()
    from fiftyone.core.utils import to_slug

    try:
        return to_slug(name)
    except ValueError:
        raise DataError(
            f"{name!r} cannot name a saved view in FiftyOne, which needs at least one of a-z or "
            "0-9 and takes up to 1551 characters; choose another name."
        ) from None


def can_name_view(name: str) -> bool:
    """Tell whether FiftyOne takes a name for a saved view."""
    try:
        slug_of(name)
    except DataError:
        return False
    return True


def ids_hash(ids: Sequence[str]) -> str:
    """Return the sha256 of ids in their order, as hex."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


@dataclass(frozen=True)
class Names:
    """Names that one thing of Curadiff's needs in a data set.

    Attributes:
        tags: Tags of samples.
        views: Saved views.
        workspaces: Saved workspaces.
        runs: Keys of custom runs.
        brain_runs: Keys of brain runs.
        fields: Top-level fields of samples.
    """

    tags: Sequence[str] = ()
    views: Sequence[str] = ()
    workspaces: Sequence[str] = ()
    runs: Sequence[str] = ()
    brain_runs: Sequence[str] = ()
    fields: Sequence[str] = ()


def check(
    dataset: Any,
    owner: str,
    wanted: Names,
    *,
    advice: str = "choose another name",
    inherited: bool = False,
) -> None:
    """Refuse names that belong to somebody else; call it before the first write.

    Args:
        dataset: A FiftyOne data set.
        owner: Which thing of Curadiff's wants them, such as ``select eight``.
        wanted: The names.
        advice: What to do instead, such as ``choose another name, for example eight-2``.
        inherited: True where a version that recorded no names made this thing before: names
            without a record are then its own.

    Raises:
        DataError: A name is taken; the message says by what.
    """
    conflicts = taken(dataset, owner, wanted, inherited=inherited)
    if conflicts:
        raise DataError(f"{dataset.name!r} has {' and '.join(conflicts)}; {advice}.")


def taken(dataset: Any, owner: str, wanted: Names, *, inherited: bool = False) -> list[str]:
    """List what already has one of the wanted names and is not the owner's, in words.

    Raises:
        DataError: The data set is deleted, or a name cannot name a view.
    """
    made = info.section(dataset, MADE)
    stored = durable("datasets").find_one({"_id": info.id_of(dataset)}) or {}
    conflicts = []
    for thing in _things(stored, wanted):
        kind, name, there = thing.kind, thing.name, thing.there
        if not there:
            continue
        entry = made.get(thing.key, {})
        by = None if _is_another(entry, stored, thing) else entry.get("by")
        if by == owner or (not entry and inherited):
            continue
        whose = f"of Curadiff's {by}" if by else "that Curadiff did not make"
        called = f"{name!r}" if there is True or there == name else f"{there!r}, in short {name!r},"
        conflicts.append(f"a {kind} {called} {whose}")
    return conflicts


def first_free(dataset: Any, owner: str, wanted: str, kind: str, *, inherited: bool = False) -> str:
    """Return a name that is free or the owner's: the wanted one, or with a number behind it.

    For things that lose nothing by another name, such as a map or a workspace.

    Args:
        dataset: A FiftyOne data set.
        owner: Which thing of Curadiff's wants it.
        wanted: The name.
        kind: An attribute of `Names`, such as ``brain_runs``.
        inherited: As for `check`, of the wanted name alone.
    """
    if not taken(dataset, owner, Names(**{kind: [wanted]}), inherited=inherited):
        return wanted
    numbered = (f"{wanted}_{number}" for number in itertools.count(2))
    return next(name for name in numbered if not taken(dataset, owner, Names(**{kind: [name]})))


def owned(owner: str, names: Names) -> dict[str, dict[str, str]]:
    """Return the entries of the section `MADE` which say that names are an owner's."""
    return {key: {"by": owner} for key in _keys(names)}


def own(dataset: Any, owner: str, names: Names) -> None:
    """Record that names are an owner's; call it after `check` and before making them."""
    info.put(dataset, MADE, owned(owner, names))


def stamp(dataset: Any, owner: str, names: Names) -> None:
    """Record which things an owner's names stand for; call it when they are made.

    Until then, as after a kill, a thing is known by its name alone.
    """
    stored = durable("datasets").find_one({"_id": info.id_of(dataset)}) or {}
    entries = {
        thing.key: {"by": owner, "stamp": f"{stored['_id']} {thing.stamp}"}
        for thing in _things(stored, names)
        if thing.there and thing.stamp is not None
    }
    if entries:
        info.put(dataset, MADE, entries)


def there(dataset: Any, names: Names) -> Names:
    """Return those of Curadiff's names whose things still exist, as they are spelt there."""
    made = info.section(dataset, MADE)
    stored = durable("datasets").find_one({"_id": info.id_of(dataset)}) or {}
    ours: dict[str, list[str]] = {}
    for thing in _things(stored, names):
        if thing.there and not _is_another(made.get(thing.key, {}), stored, thing):
            called = thing.there if isinstance(thing.there, str) else thing.name
            ours.setdefault(ATTRIBUTES[thing.kind], []).append(called)
    return Names(**ours)


def remade(dataset: Any, names: Names) -> Names:
    """Return those of Curadiff's names under which somebody else has made things since."""
    made = info.section(dataset, MADE)
    stored = durable("datasets").find_one({"_id": info.id_of(dataset)}) or {}
    others: dict[str, list[str]] = {}
    for thing in _things(stored, names):
        if thing.there and _is_another(made.get(thing.key, {}), stored, thing):
            others.setdefault(ATTRIBUTES[thing.kind], []).append(thing.name)
    return Names(**others)


def _is_another(entry: Mapping[str, Any], stored: Mapping[str, Any], thing: _Thing) -> bool:
    """Tell whether a thing is not the one that was recorded under its name.

    A copy of a data set has copies of its things, with times and ids of their own.
    """
    dataset, _, recorded = str(entry.get("stamp") or "").partition(" ")
    return bool(recorded) and dataset == str(stored.get("_id")) and recorded != thing.stamp


def disown(dataset: Any, names: Names) -> None:
    """Remove the record of names whose things are deleted."""
    info.drop(dataset, MADE, _keys(names))


def owners(dataset: Any) -> set[str]:
    """List who has names in a data set, such as ``select eight``."""
    return {entry.get("by", "") for entry in info.section(dataset, MADE).values()}


def _keys(names: Names) -> list[str]:
    plain = {
        "tag": names.tags,
        "run": names.runs,
        "brain run": names.brain_runs,
        "field": names.fields,
    }
    slugs = {"saved view": names.views, "workspace": names.workspaces}
    return [
        *(f"{kind} {name}" for kind, group in plain.items() for name in group),
        *(f"{kind} {slug_of(name)}" for kind, group in slugs.items() for name in group),
    ]


@dataclass(frozen=True)
class _Thing:
    """Something that has a wanted name, or could have.

    Attributes:
        kind: What it is, in words.
        name: The wanted name.
        key: Its entry in the section `MADE`.
        there: Its name where there is one, else False.
        stamp: What tells it from another one of its name; None of tags.
    """

    kind: str
    name: str
    key: str
    there: str | bool
    stamp: str | None = None


def _things(stored: Mapping[str, Any], wanted: Names) -> Iterable[_Thing]:
    samples = durable(stored.get("sample_collection_name") or "none")
    for tag in wanted.tags:
        there = samples.find_one({"tags": tag}, {"_id": 1}) is not None
        yield _Thing("tag", tag, f"tag {tag}", there)
    for kind, names, part, collection in (
        ("saved view", wanted.views, "saved_views", "views"),
        ("workspace", wanted.workspaces, "workspaces", "workspaces"),
    ):
        if not names:
            continue
        ids = [getattr(one, "id", one) for one in stored.get(part) or []]
        known = {one["slug"]: one for one in durable(collection).find({"_id": {"$in": ids}})}
        for name in names:
            slug = slug_of(name)
            one = known.get(slug)
            there = one["name"] if one else False
            yield _Thing(kind, name, f"{kind} {slug}", there, str(one["_id"]) if one else None)
    for kind, names, part in (
        ("run", wanted.runs, "runs"),
        ("brain run", wanted.brain_runs, "brain_methods"),
    ):
        for name in names:
            run = (stored.get(part) or {}).get(name)
            stamp = str(getattr(run, "id", run)) if run else None
            yield _Thing(kind, name, f"{kind} {name}", run is not None, stamp)
    fields = {field["name"]: field for field in stored.get("sample_fields") or []}
    for name in wanted.fields:
        made = fields.get(name, {}).get("created_at")
        stamp = made.isoformat() if made else None
        yield _Thing("field", name, f"field {name}", name in fields, stamp)
