"""From a name, a data set or a view to the view that is meant, or a sentence why not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..common.errors import Busy, DataError, nearest
from ..common.shards import files_of
from . import building, identity, locking, recovery
from .database import fiftyone

EXPLICIT = "dataset:"
"""What a text begins with that can only be the name of a data set."""
_WARNED: set[str] = set()


def resolve(samples: Any) -> tuple[Any, Any]:
    """Return ``(dataset, view)`` for a data set, a view, or the name of one.

    Args:
        samples: A FiftyOne data set or view, ``"DATASET"``, or ``"DATASET:VIEW"`` for a
            saved view, such as a selection; ``"dataset:"`` may stand before both.

    Raises:
        DataError: There is no such data set or view, it is deleted or empty, or it holds
            something that Curadiff does not work on.
    """
    fo = fiftyone()
    if isinstance(samples, str):
        samples = _by_name(samples)
    if not isinstance(samples, fo.Dataset | fo.DatasetView):
        raise DataError(
            f"a FiftyOne data set, view or data set name is needed, got {type(samples).__name__}."
        )
    dataset = samples if isinstance(samples, fo.Dataset) else samples._root_dataset
    if dataset.deleted or not identity.exists(identity.id_of(dataset)):
        raise DataError(f"the data set {dataset.name!r} is deleted; open or import another one.")
    view = samples.view() if samples is dataset else samples
    _refuse_other_media(dataset, view)
    _finish_begun(dataset)
    if not view.limit(1).values("id"):  # len() may be 0 where the database was killed
        if not dataset.limit(1).values("id"):
            raise DataError(
                f"the data set {dataset.name!r} has no samples; import images into it first."
            )
        called = f"view {view.name!r}" if view.name else "view"
        raise DataError(
            f"the {called} of the data set {dataset.name!r} has no samples; widen the view."
        )
    warning = passing(dataset)
    if warning and identity.id_of(dataset) not in _WARNED:
        _WARNED.add(identity.id_of(dataset))
        warnings.warn(warning, stacklevel=3)
    return dataset, view


def resolve_dataset(dataset: Any) -> Any:
    """Return the data set of a name, a view or itself; unlike in `resolve` it may be empty.

    Raises:
        DataError: There is none, or it is deleted.
    """
    fo = fiftyone()
    if isinstance(dataset, str):
        dataset = _by_name(dataset)
    if isinstance(dataset, fo.DatasetView):
        dataset = dataset._root_dataset
    if not isinstance(dataset, fo.Dataset):
        raise DataError(
            f"a FiftyOne data set or the name of one is needed, got {type(dataset).__name__}."
        )
    if dataset.deleted or not identity.exists(identity.id_of(dataset)):
        raise DataError(f"the data set {dataset.name!r} is deleted; open or import another one.")
    _finish_begun(dataset)
    return dataset


def passing(dataset: Any) -> str | None:
    """Warn of a data set that FiftyOne will delete; None where it is kept."""
    if dataset.persistent:
        return None
    return (
        f"the data set {dataset.name!r} is not persistent: FiftyOne deletes it, with all that is "
        "computed here, when its database closes. Keep it with: dataset.persistent = True"
    )


def _finish_begun(dataset: Any) -> None:
    """Finish what a command that died has left half-written, before anything is read."""
    if recovery.pending(dataset):
        with (
            suppress(Busy),  # then its command is alive, and finishes it itself
            locking.exclusive(dataset, "finish an interrupted command", wait=0),
        ):
            pass


def _refuse_other_media(dataset: Any, view: Any) -> None:
    """Refuse what is not one whole image per sample, before anything is computed."""
    made = next(
        (
            what
            for what, is_it in {
                "object patches": view._is_patches,
                "frames of videos": view._is_frames,
                "clips of videos": view._is_clips,
            }.items()
            if is_it
        ),
        None,
    )
    if made:
        raise DataError(
            f"a view of {made} was given; Curadiff works on whole image files. Write them as files "
            "first: view.export(export_dir=FOLDER, dataset_type=fiftyone.types.ImageDirectory), "
            "then: curadiff import ./FOLDER"
        )
    if view._is_dynamic_groups:
        raise DataError(
            f"a view of {dataset.name!r} grouped by a field was given; Curadiff works on single "
            "images. Pass the view from before group_by."
        )
    if view.media_type == "group":
        slices = [name for name, kind in dataset.group_media_types.items() if kind == "image"]
        example = slices[0] if slices else "SLICE"
        raise DataError(
            f"{dataset.name!r} is a grouped data set; Curadiff works on one slice. Pass "
            f"dataset.select_group_slices({example!r}) (image slices: "
            f"{', '.join(slices) or 'none'})."
        )
    if view.media_type not in (None, "image"):
        raise DataError(
            f"{dataset.name!r} holds {view.media_type} samples; Curadiff works on images."
        )


def all_samples(dataset: Any) -> Any:
    """Return every sample of a data set, the images of all slices of a grouped one.

    FiftyOne shows one slice of a grouped data set at a time, so that samples of the others
    are not found by their ids.
    """
    if dataset.media_type != "group":
        return dataset
    return dataset.select_group_slices(media_type="image")


def names() -> list[str]:
    """List the data sets that there are, without those that are being made."""
    all_names = fiftyone().list_datasets()
    return [name for name in all_names if not name.startswith(building.UNFINISHED)]


def split_name(text: str) -> tuple[str | None, str | None]:
    """Take a text apart into the name of a data set that is there and that of a view.

    Returns:
        ``(dataset, view)``; None for what is not there or not named.
    """
    known = set(names())
    for given in (text, text.removeprefix(EXPLICIT)):
        stem, _, view = given.rpartition(":")
        if given in known:
            return given, None
        if stem in known:
            return stem, view
    return None, None


def _refuse_folder(text: str, known: Sequence[str]) -> None:
    """Say what to do with a folder where a data set is needed."""
    folder = Path(text).expanduser()
    if not folder.is_dir():
        return
    made = [name for name in identity.imported_from(str(folder.resolve())) if name in known]
    path = text if "/" in text else f"./{text}"
    advice = (
        f"its images are in {' and '.join(map(repr, made))}: give that name"
        if made
        else f"import it first, with: curadiff import {path}"
    )
    raise DataError(f"{path} is a folder, and a data set is needed; {advice}.")


def _by_name(text: str) -> Any:
    name, view = split_name(text)
    if name is None:
        known, missing = names(), text.removeprefix(EXPLICIT)
        if "/" in missing and files_of(missing):
            raise DataError(
                f"{missing} holds shards, and a data set is needed; make one of them first: "
                f"curadiff import {missing}"
            )
        building.sweep(missing)
        _refuse_folder(missing, known)
        listed = f" (there are: {', '.join(known[:12])})" if known else " (there is none yet)"
        raise DataError(
            f"no data set is named {missing!r}{nearest(missing, known)}{listed}; import one with: "
            "curadiff import ./FOLDER"
        )
    dataset = identity.load(name)  # another process may have written to it
    if view is None:
        return dataset
    views = dataset.list_saved_views()
    if view in views:
        return dataset.load_saved_view(view)
    listed = f" (there are: {', '.join(views)})" if views else " (there is none yet)"
    raise DataError(f"{name!r} has no saved view {view!r}{nearest(view, views)}{listed}.")
