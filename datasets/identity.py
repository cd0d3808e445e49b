"""Which data set is meant: told by its id, because a name can be changed and used again.

Everything that remembers a data set (a run, a job, a study, a generated data set) keeps
what `identity` returns and finds it again with `open_by_identity`. A renamed data set is
found; a different one that has the old name now is not taken for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId

from ..common.errors import DataError
from . import info
from .database import durable, fiftyone
from .info_sections import Sections


def identity(dataset: Any) -> dict[str, Any]:
    """Return what identifies a data set, as plain JSON.

    Args:
        dataset: A FiftyOne data set.

    Returns:
        ``name`` for people, ``id`` that FiftyOne gave it, and ``folders`` that its images
        were imported from: by these a data set that was deleted and imported anew is known.
    """
    return {"name": dataset.name, "id": id_of(dataset), "folders": folders_of(dataset)}


def id_of(dataset: Any) -> str:
    """Return the id that FiftyOne gave a data set; it never changes and is never used again."""
    return str(dataset._doc.id)


def folders_of(dataset: Any) -> list[str]:
    """List the folders that a data set's images were imported from, in alphabetical order."""
    return _folders(info.read(dataset))


def imported_from(folder: str) -> list[str]:
    """Name the data sets whose images were imported from a folder, given by its whole path."""
    fiftyone()
    stored = durable("datasets").find({}, {"name": 1, f"info.{info.OURS}": 1})
    return sorted(one["name"] for one in stored if folder in _folders(info.sections(one)))


def open_by_identity(known: Mapping[str, Any]) -> Any:
    """Open the data set that was recorded, whatever its name is today.

    Args:
        known: What `identity` returned. A record without ``id``, as older versions wrote
            them, is found by its name.

    Raises:
        DataError: It was deleted. One of the same name takes its place only when it was
            imported from the same folders.
    """
    fo = fiftyone()
    name = current_name(known)
    if name is not None:
        return load(name)
    former = known["name"]
    if not known.get("id"):
        raise DataError(f"the data set {former!r} is gone; import it again.")
    raise DataError(
        f"the data set {former!r} is gone"
        + (
            ", and the one that has this name now was made of other images; rename or delete "
            "that one, then import the former images again."
            if fo.dataset_exists(former)
            else f"; import its images again with: curadiff import {_source(known)} --name {former}"
        )
    )


def load(name: str) -> Any:
    """Open the data set that has a name now.

    FiftyOne keeps open data sets by their names. When another process renames or deletes one
    and a new one takes its name, it goes on to return the former, which is noticed here.
    """
    fo = fiftyone()
    now = _datasets().find_one({"name": name}, {"_id": 1})
    if now is None:
        raise DataError(f"no data set is named {name!r}.")
    try:
        dataset = fo.load_dataset(name, reload=True)
        if id_of(dataset) == str(now["_id"]):
            return dataset
    except ValueError:  # the former one cannot be read again: it is deleted
        pass
    fo.Dataset._instances.pop(name, None)
    return fo.load_dataset(name)


def current_name(known: Mapping[str, Any]) -> str | None:
    """Return the name that a recorded data set has today, None when it is gone; see above."""
    datasets = _datasets()
    projection = {"name": 1, f"info.{info.OURS}": 1}
    if known.get("id"):
        stored = datasets.find_one({"_id": _object_id(known["id"])}, projection)
        if stored is not None:
            return stored["name"]
    stored = datasets.find_one({"name": known["name"]}, projection)
    if stored is None:
        return None
    folders = known.get("folders") or []
    again = folders and folders == _folders(info.sections(stored))
    return stored["name"] if not known.get("id") or again else None


def exists(id: str) -> bool:
    """Tell whether a data set has this id."""
    return name_of_id(id) is not None


def name_of_id(id: str) -> str | None:
    """Return today's name of the data set with this id, None when it is deleted."""
    stored = _datasets().find_one({"_id": _object_id(id)}, {"name": 1})
    return None if stored is None else stored["name"]


def _datasets() -> Any:
    fiftyone()
    from fiftyone.core.odm import get_db_conn

    return get_db_conn().datasets


def _object_id(id: str) -> ObjectId | None:
    try:
        return ObjectId(id)
    except InvalidId:  # a record that was edited by hand names nothing
        return None


def _folders(sections: Sections) -> list[str]:
    former = sections.get("import", {}).get("source")  # what older versions kept
    return sorted(sections.get("folders", {})) or ([former] if former else [])


def _source(known: Mapping[str, Any]) -> str:
    folders = known.get("folders") or []
    return folders[0] if len(folders) == 1 else "FOLDER"
