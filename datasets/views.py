"""Views that travel to another process, as plain JSON."""

from __future__ import annotations

import re
from typing import Any

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
