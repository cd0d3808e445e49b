"""Views that travel to another process, as plain JSON."""

from __future__ import annotations

from typing import Any

from ..errors import DataError
from . import reading
from .database import fiftyone


def pack(samples: Any) -> dict[str, Any]:
    """Describe a data set or view so that another process can open the same.

    Args:
        samples: A FiftyOne data set, its name, or a view.

    Raises:
        DataError: It is empty, or holds no images.
    """
    dataset, view = reading.resolve(samples)
    return {"dataset": dataset.name, "stages": view._serialize()}


def unpack(packed: dict[str, Any]) -> Any:
    """Open what `pack` described.

    Raises:
        DataError: The data set is gone.
    """
    fo = fiftyone()
    name = packed["dataset"]
    if not fo.dataset_exists(name):
        raise DataError(f"the data set {name!r} is gone; import it again, or start anew.")
    return fo.DatasetView._build(fo.load_dataset(name, reload=True), packed["stages"])


def location() -> dict[str, str | None]:
    """Say where this process's database is, so that a child opens the same."""
    fo = fiftyone()
    return {
        "FIFTYONE_DATABASE_URI": fo.config.database_uri,
        "FIFTYONE_DATABASE_DIR": fo.config.database_dir,
        "FIFTYONE_DATABASE_NAME": fo.config.database_name,
    }
