"""Views that travel to another process, as plain JSON."""

from __future__ import annotations

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


def location() -> dict[str, str | None]:
    """Say where this process's database is, so that a child opens the same."""
    fo = fiftyone()
    return {
        "FIFTYONE_DATABASE_URI": fo.config.database_uri,
        "FIFTYONE_DATABASE_DIR": fo.config.database_dir,
        "FIFTYONE_DATABASE_NAME": fo.config.database_name,
    }
