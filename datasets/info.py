"""What Curadiff keeps in a data set: ``info.curadiff.SECTION.KEY``, each written on its own.

FiftyOne loads ``info`` once and writes back what was changed of that copy. Two processes
that each add an entry to a dictionary in it then lose one of the two. Here every entry is
set in the database by itself, in one atomic and journaled update, and is read from there.

The sections and their entries are those of `info_sections`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast, overload

from ..common.errors import DataError
from .database import durable
from .info_sections import DrawnBy, FolderEntry, GeneratedFrom, Made, Sections

OURS = "curadiff"
SPECIAL = re.compile(r"[%.$]")  # in an entry's key, which is part of a path
INSIDE = re.compile(r"%|^\$")  # in a key below that, where FiftyOne refuses a leading $


def read(dataset: Any) -> Sections:
    """Return all sections as the database has them now.

    Args:
        dataset: A FiftyOne data set.

    Raises:
        DataError: The data set is deleted.
    """
    stored = durable("datasets").find_one({"_id": id_of(dataset)}, {f"info.{OURS}": 1})
    if stored is None:
        raise deleted(dataset)
    return sections(stored)


@overload
def section(
    dataset: Any, name: Literal["encoders", "generated_datasets", "titles", "unreadable"]
) -> dict[str, str]: ...
@overload
def section(dataset: Any, name: Literal["evaluations"]) -> dict[str, dict[str, Any]]: ...
@overload
def section(dataset: Any, name: Literal["folders"]) -> dict[str, FolderEntry]: ...
@overload
def section(dataset: Any, name: Literal["generated"]) -> GeneratedFrom: ...
@overload
def section(dataset: Any, name: Literal["made"]) -> dict[str, Made]: ...
@overload
def section(dataset: Any, name: Literal["runs"]) -> dict[str, DrawnBy]: ...
def section(dataset: Any, name: str) -> Any:
    """Return one section as the database has it now, empty when there is none.

    Raises:
        DataError: The data set is deleted.
    """
    return cast(Mapping[str, Any], read(dataset)).get(name, {})


def sections(stored: Mapping[str, Any]) -> Sections:
    """Return the sections in a data set's document."""
    encoded = (stored.get("info") or {}).get(OURS) or {}
    decoded = {
        name: _decoded(values) for name, values in encoded.items() if isinstance(values, Mapping)
    }
    return cast(Sections, decoded)


def put(dataset: Any, section: str, values: Mapping[str, Any]) -> None:
    """Set entries of a section; the others stay as they are, whoever wrote them.

    Args:
        dataset: A FiftyOne data set.
        section: Name of the section, made when it is missing.
        values: Entries by key: plain values, dictionaries and lists.

    Raises:
        DataError: The data set is deleted.
    """
    change(dataset, put={section: values})


def drop(dataset: Any, section: str, keys: Iterable[str]) -> None:
    """Remove entries of a section; those that are not there are no fault.

    Raises:
        DataError: The data set is deleted.
    """
    change(dataset, drop={section: list(keys)})


def change(
    dataset: Any,
    *,
    put: Mapping[str, Mapping[str, Any]] | None = None,
    drop: Mapping[str, Iterable[str]] | None = None,
) -> None:
    """Set and remove entries of several sections in one atomic update.

    Args:
        dataset: A FiftyOne data set.
        put: Entries to set, by section and key.
        drop: Keys to remove, by section.

    Raises:
        DataError: The data set is deleted.
    """
    stages = update_stages(put=put, drop=drop)
    done = durable("datasets").update_one({"_id": id_of(dataset)}, stages)
    if not done.matched_count:
        raise deleted(dataset)
    refresh(dataset)


def update_stages(
    *,
    put: Mapping[str, Mapping[str, Any]] | None = None,
    drop: Mapping[str, Iterable[str]] | None = None,
) -> list[dict[str, Any]]:
    """Return what `change` does as stages of an update of a data set's document."""
    values: dict[str, Any] = {"last_modified_at": "$$NOW"}
    for section, entries in (put or {}).items():
        for key, value in entries.items():
            values[f"info.{OURS}.{section}.{encode(key)}"] = {"$literal": _encoded(value)}
    gone = [
        f"info.{OURS}.{section}.{encode(key)}"
        for section, keys in (drop or {}).items()
        for key in keys
    ]
    return [*([{"$unset": gone}] if gone else []), {"$set": values}]


def refresh(dataset: Any) -> None:
    """Bring a loaded data set's ``info`` up to date with what Curadiff keeps in it.

    What else was changed in the loaded ``info`` and not saved yet stays, and nothing is
    marked as changed: a later ``dataset.save()`` neither loses nor restores an entry of ours.
    """
    stored = durable("datasets").find_one({"_id": id_of(dataset)}, {f"info.{OURS}": 1})
    ours = ((stored or {}).get("info") or {}).get(OURS)
    loaded = dataset._doc.info
    if loaded is None:
        dataset._doc.reload("info")
    elif ours is None:
        dict.pop(loaded, OURS, None)
    else:
        dict.__setitem__(loaded, OURS, ours)  # the dictionary's own method would mark a change


def id_of(dataset: Any) -> Any:
    """Return the id of a data set's document, which no rename changes.

    Raises:
        DataError: The data set is deleted.
    """
    if dataset.deleted:
        raise deleted(dataset)
    return dataset._doc.id


def deleted(dataset: Any) -> DataError:
    """Return the error that a data set is gone."""
    return DataError(
        f"the data set {dataset.name!r} was deleted; import its images again, or choose another."
    )


def encode(key: str) -> str:
    """Turn any text into a key that MongoDB takes as one name: ``a.b`` -> ``a%2Eb``."""
    return SPECIAL.sub(_hex, str(key))


def decode(key: str) -> str:
    """Undo `encode`."""
    return re.sub(r"%(25|2E|24)", lambda match: chr(int(match[1], 16)), key)


def _hex(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def _encoded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {INSIDE.sub(_hex, str(key)): _encoded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(one) for one in value]
    return value


def _decoded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {decode(key): _decoded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    return value
