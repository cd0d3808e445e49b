"""Views that travel to another process, as plain JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from bson import json_util

from . import identity, reading
from .database import fiftyone


def pack(samples: Any) -> dict[str, Any]:
    """Describe a data set or view so that another process can open the same.

    Args:
        samples: A FiftyOne data set, its name, or a view.

    Raises:
        DataError: It is empty, or holds no images.
    """
    dataset, view = reading.resolve(samples)
    known = identity.identity(dataset)
    return {"dataset": known["name"], "identity": known, "stages": view._serialize()}


def unpack(packed: dict[str, Any]) -> Any:
    """Open what `pack` described.

    Raises:
        DataError: The data set was deleted, also when a different one has its name now.
    """
    fo = fiftyone()
    known = packed.get("identity") or {"name": packed["dataset"]}
    return fo.DatasetView._build(identity.open_by_identity(known), packed["stages"])


def stages_of(view: Any) -> list[dict[str, Any]]:
    """Return the stages of a view as JSON, equal for equal views."""
    return json.loads(json_util.dumps(view._serialize(include_uuids=False)))


def shown(dataset: Any, request: Mapping[str, Any]) -> Any:
    """Return the view that the App has shown when it sent a request, with the sidebar's filters.

    Raises:
        Exception: A field or a saved view that it needs is gone; FiftyOne has several classes.
    """
    fiftyone()
    from fiftyone.server.view import get_view

    if request.get("view_name") is not None:
        return dataset.load_saved_view(request["view_name"])
    return get_view(
        dataset,
        stages=request.get("view"),
        filters=request.get("filters"),
        extended_stages=request.get("extended"),
    )


def selected_in(request: Mapping[str, Any]) -> list[str]:
    """Return the ids of the samples that were selected in the App when it sent a request."""
    samples = request.get("selected_samples") or request.get("selected") or []
    return [str(one["id"] if isinstance(one, dict) else one) for one in samples]


def rebuilt(dataset: Any, stages: list[dict[str, Any]]) -> Any:
    """Return the view of `stages_of`, None where a field that it needs is gone."""
    fo = fiftyone()
    try:
        return fo.DatasetView._build(dataset, json_util.loads(json.dumps(stages)))
    except Exception:  # FiftyOne raises several unrelated classes here
        return None


def connection() -> dict[str, str]:
    """Say how this process reaches its database, in variables for a child's environment.

    The address may hold a password: it is for no file and no message.
    """
    config = fiftyone().config
    named = {
        "FIFTYONE_DATABASE_URI": config.database_uri,
        "FIFTYONE_DATABASE_DIR": config.database_dir,
        "FIFTYONE_DATABASE_NAME": config.database_name,
    }
    return {name: str(value) for name, value in named.items() if value}


def location() -> dict[str, str]:
    """Say which database this process uses, without user and password: ``server`` and ``name``."""
    config = fiftyone().config
    return location_of(config.database_uri, config.database_dir, config.database_name)


def location_of(uri: str | None, folder: str | None, name: str | None) -> dict[str, str]:
    """Name a database by the hosts in its address, or by its folder where FiftyOne serves it."""
    if not uri:
        return {"server": str(folder), "name": str(name)}
    hosts = re.split("[/?]", uri.rpartition("://")[2].rpartition("@")[2])[0].lower().split(",")
    srv = uri.startswith("mongodb+srv:")
    ported = [one if srv or re.search(r":\d+$", one) else f"{one}:27017" for one in hosts]
    return {"server": ",".join(sorted(ported)), "name": str(name)}
