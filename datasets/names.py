"""What things are called in a data set, and whether a name is free or somebody's.

A user's tags, saved views, workspaces, runs and fields are theirs. What Curadiff made is
recorded in ``info.curadiff.made``; every other thing of a wanted name is the user's, and a
verb asks here before its first write.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.errors import DataError
from . import info
from .database import durable, fiftyone

MADE = "made"


def key_of(name: str) -> str:
    """Turn a name into what FiftyOne accepts as field name and run key: ``a-b 2`` -> ``a_b_2``."""
    key = re.sub(r"\W+", "_", name).strip("_").lower()
    if not key:
        raise DataError(f"a name needs at least one letter or digit, got {name!r}.")
    return key if key[0].isalpha() else f"n_{key}"


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
    found = taken(dataset, owner, wanted, inherited=inherited)
    if found:
        raise DataError(f"{dataset.name!r} has {' and '.join(found)}; {advice}.")


def taken(dataset: Any, owner: str, wanted: Names, *, inherited: bool = False) -> list[str]:
    """List what already has one of the wanted names and is not the owner's, in words.

    Raises:
        DataError: The data set is deleted, or a name cannot name a view.
    """
    made = info.section(dataset, MADE)
    stored = durable("datasets").find_one({"_id": info.id_of(dataset)}) or {}
    found = []
    for kind, name, identity, there in _things(stored, wanted):
        if not there:
            continue
        by = made.get(f"{kind} {identity}", {}).get("by")
        if by == owner or (by is None and inherited):
            continue
        whose = f"of Curadiff's {by}" if by else "that Curadiff did not make"
        called = f"{name!r}" if there is True or there == name else f"{there!r}, in short {name!r},"
        found.append(f"a {kind} {called} {whose}")
    return found


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


def _things(stored: Mapping[str, Any], wanted: Names) -> Iterable[tuple[str, str, str, str | bool]]:
    """Yield (kind, wanted name, what it is recorded by, what is there: its name, True or False)."""
    samples = durable(stored.get("sample_collection_name") or "none")
    for tag in wanted.tags:
        yield "tag", tag, tag, samples.find_one({"tags": tag}, {"_id": 1}) is not None
    for kind, names, part, collection in (
        ("saved view", wanted.views, "saved_views", "views"),
        ("workspace", wanted.workspaces, "workspaces", "workspaces"),
    ):
        if not names:
            continue
        ids = [getattr(one, "id", one) for one in stored.get(part) or []]
        there = {
            one["slug"]: one["name"] for one in durable(collection).find({"_id": {"$in": ids}})
        }
        for name in names:
            slug = slug_of(name)
            yield kind, name, slug, there.get(slug, False)
    for kind, names, part in (
        ("run", wanted.runs, "runs"),
        ("brain run", wanted.brain_runs, "brain_methods"),
    ):
        for name in names:
            yield kind, name, name, name in (stored.get(part) or {})
    fields = {field["name"] for field in stored.get("sample_fields") or []}
    for name in wanted.fields:
        yield "field", name, name, name in fields
