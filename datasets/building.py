"""A new data set appears under its name when it is whole, in one write.

It is built under a name of its own that says so. What a process that died has left there is
removed by the next import of anything, and by the next command of any kind that names it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..common.errors import Busy, DataError
from . import info, locking, stated
from .database import durable, fiftyone

UNFINISHED = "curadiff-unfinished "


@contextmanager
def built(name: str, make: Callable[[str], Any] | None = None) -> Iterator[Any]:
    """Yield an empty data set, which gets its name and becomes persistent at the end.

    Call it while holding the name, see `locking.exclusive`; afterwards `identity.load`
    opens the data set. When the block fails, nothing is left.

    Args:
        name: The name, which no data set has.
        make: Makes the data set under the name that it is given; by default an empty one.

    Raises:
        DataError: FiftyOne does not take the name.
    """
    fo = fiftyone()
    slug = _slug(name)
    hidden = UNFINISHED + name
    if fo.dataset_exists(hidden):
        _remove(fo.load_dataset(hidden))
    dataset = make(hidden) if make is not None else fo.Dataset(hidden)
    try:
        yield dataset
    except BaseException:
        _remove(dataset)
        raise
    now = datetime.datetime.now(datetime.UTC)
    final = {"name": name, "slug": slug, "persistent": True, "last_modified_at": now}
    if (
        not durable("datasets")
        .update_one({"_id": info.id_of(dataset)}, {"$set": final})
        .modified_count
    ):
        raise info.deleted(dataset)
    fo.Dataset._instances.pop(hidden, None)  # opened anew it has its name


def sweep(name: str | None = None) -> None:
    """Remove what processes that died have left of new data sets.

    Args:
        name: Of this one alone; by default of all.
    """
    fo = fiftyone()
    name_filter = {"$regex": f"^{UNFINISHED}"} if name is None else UNFINISHED + name
    for hidden in durable("datasets").distinct("name", {"name": name_filter}):
        with (
            suppress(Busy),  # then its process is alive
            locking.exclusive(hidden.removeprefix(UNFINISHED), "sweep", wait=0),
        ):
            if fo.dataset_exists(hidden):
                _remove(fo.load_dataset(hidden))


def _remove(dataset: Any) -> None:
    """Delete an unfinished data set, with what is kept of it elsewhere and its saved views."""
    durable("views").delete_many({"_dataset_id": info.id_of(dataset)})
    durable(stated.STATED).delete_many({"dataset": info.id_of(dataset)})
    dataset.delete()


def _slug(name: str) -> str:
    from fiftyone.core.dataset import _validate_dataset_name

    try:
        return _validate_dataset_name(name)
    except ValueError as fault:
        raise DataError(
            f"a data set cannot be named {name!r} ({fault}); choose another name with name "
            "(--name)."
        ) from None
