"""What drawings are made of, on the samples: sources of a drawing, use and harm of an image."""

from __future__ import annotations

import itertools
import json
import math
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import locking, names
from .database import fiftyone
from .field_descriptions import described
from .names import Names
from .resolving import all_samples
from .sidebar import PREVIEW, fold, of_one
from .writing import key_of, set_numbers

SOURCES, WEIGHTS, INSIDE = "source_ids", "source_weights", "near_real"
OF_DRAWINGS = (SOURCES, WEIGHTS, INSIDE)
OWNER = "previews"
Parts = tuple[Sequence[int], Sequence[float]]
"""Rows of the training images of a drawing, and their parts of it."""
PartsIn = Callable[[Path], Sequence[Parts] | None]


def write_sources(
    dataset: Any,
    folder: Path,
    sources: Sequence[Sequence[tuple[str, float]]],
    *,
    inside: Sequence[bool],
    parts_in: PartsIn | None = None,
) -> None:
    """Write on every drawing of a folder which images it is made of, largest part first.

    Args:
        dataset: Data set with the drawings.
        folder: Their folder; drawing i is the file ``{i:06d}.png``.
        sources: Per drawing ids of training samples, with their parts.
        inside: Per drawing whether a real image is near.
        parts_in: Reads what a folder's drawings are made of from their files, or returns None.
            Fields without a record, of a version that kept none, are Curadiff's where they hold
            what the files say.

    Raises:
        DataError: A field of that name is the user's; nothing was written.
        Busy: Another process changes the data set.
    """
    fo = fiftyone()
    ours = Names(fields=OF_DRAWINGS)
    with locking.exclusive(dataset, "preview"):
        inherited = OWNER not in names.owners(dataset) and _are_drawn(dataset, parts_in)
        names.check(dataset, OWNER, ours, advice=_advice(dataset, inherited), inherited=inherited)
        names.own(dataset, OWNER, ours)
    for name, kind in ((SOURCES, fo.StringField), (WEIGHTS, fo.FloatField)):
        if dataset.get_field(name) is None:
            about = described(name)
            dataset.add_sample_field(name, fo.ListField, subfield=kind, description=about)
    if dataset.get_field(INSIDE) is None:
        dataset.add_sample_field(INSIDE, fo.BooleanField, description=described(INSIDE))
    paths = [str(folder / f"{number:06d}.png") for number in range(len(sources))]
    values = {
        SOURCES: [[id for id, _ in one] for one in sources],
        WEIGHTS: [[weight for _, weight in one] for one in sources],
        INSIDE: [bool(one) for one in inside],
    }
    every = all_samples(dataset)
    known = set(every.values("filepath"))
    for name, each in values.items():
        by_path = {path: value for path, value in zip(paths, each, strict=True) if path in known}
        every.set_values(name, by_path, key_field="filepath")
    with locking.exclusive(dataset, "preview"):
        names.stamp(dataset, OWNER, ours)
        fold(dataset, PREVIEW, ours.fields)


def has_sources(name: str, folders: Iterable[Path]) -> bool:
    """Tell whether drawings of some folders all say what they are made of.

    Args:
        name: Name of the data set with the drawings. Drawings that are not there are not asked.
        folders: Their folders.
    """
    fo = fiftyone()
    if not fo.dataset_exists(name):
        return True
    dataset = fo.load_dataset(name)
    if any(dataset.get_field(field) is None for field in OF_DRAWINGS):
        return False
    asked = {str(folder) for folder in folders}
    paths, sources = all_samples(dataset).values(["filepath", SOURCES])
    return all(
        bool(ids)
        for path, ids in zip(paths, sources, strict=True)
        if str(Path(path).parent) in asked
    )


def write_harm(
    dataset: Any,
    preview: str,
    arm: str,
    *,
    ids: Sequence[str],
    use: np.ndarray,
    harm: np.ndarray,
    low: np.ndarray,
) -> None:
    """Write on training samples their share of an arm's drawings, and of its bad ones.

    Args:
        dataset: Data set with the training images.
        preview: Name of the preview, and
        arm: of its arm; fields are ``PREVIEW_ARM_use``, ``_harm`` and ``_harm_low``.
        ids: Samples, n of them.
        use: (n,) share of all drawings.
        harm: (n,) its weight in bad drawings beyond chance; NaN is left empty.
        low: (n,) lower end of the interval of ``harm``.

    Raises:
        DataError: A field of that name is the user's; nothing was written.
        Busy: Another process changes the data set.
    """
    key = key_of(f"{preview}_{arm}")
    fields = {f"{key}_use": use, f"{key}_harm": harm, f"{key}_harm_low": low}
    owner, needed_names = f"preview {preview}", Names(fields=list(fields))
    advice = "choose another name for the preview"
    with locking.exclusive(dataset, "preview") as held:
        inherited = _same_use(dataset, list(fields), dict(zip(ids, use.tolist(), strict=True)))
        names.check(dataset, owner, needed_names, advice=advice, inherited=inherited)
        held.check()
        names.own(dataset, owner, needed_names)
        set_numbers(dataset, {name: (ids, values) for name, values in fields.items()})
        names.stamp(dataset, owner, needed_names)
        fold(dataset, of_one(owner), list(fields), by=owner)


def drawings_with(dataset: Any, ids: Sequence[str]) -> list[str]:
    """Return the ids of the drawings that are made of any of these training samples."""
    from fiftyone import ViewField

    if dataset.get_field(SOURCES) is None:
        return []
    return all_samples(dataset).match(ViewField(SOURCES).contains(list(ids))).values("id")


def sources_of(dataset: Any, ids: Sequence[str]) -> list[str]:
    """Return the training samples that drawings are made of, those of the largest part first."""
    if dataset.get_field(SOURCES) is None:
        return []
    parts: dict[str, float] = {}
    view = all_samples(dataset).select(list(ids))
    for source_ids, weights in zip(*view.values([SOURCES, WEIGHTS]), strict=True):
        for name, weight in zip(source_ids or [], weights or [], strict=True):
            parts[name] = parts.get(name, 0.0) + weight
    return sorted(parts, key=lambda name: -parts[name])


def _are_drawn(dataset: Any, parts_in: PartsIn | None) -> bool:
    """Tell whether the fields of drawings hold what the drawings' own files say, and no more.

    Files have rows in place of ids: a row must be the same id in all drawings of a folder, and
    another row another one.
    """
    fo = fiftyone()
    kinds = zip(OF_DRAWINGS, (fo.ListField, fo.ListField, fo.BooleanField), strict=True)
    right = all(isinstance(dataset.get_field(name), kind) for name, kind in kinds)
    if parts_in is None or not right:
        return False
    folders: dict[Path, Sequence[Parts]] = {}
    id_of: dict[tuple[Path, int], str] = {}
    proved = False
    rows = all_samples(dataset).values(["filepath", *OF_DRAWINGS])
    for path, ids, weights, near in zip(*rows, strict=True):
        if not ids and not weights and near is None:
            continue
        folder, name = Path(path).parent, Path(path).stem
        if folder not in folders:
            folders[folder] = parts_in(folder) or ()
        drawn = folders[folder]
        if not name.isdecimal() or int(name) >= len(drawn) or near is None:
            return False
        numbers, parts = drawn[int(name)]
        if len(ids or []) != len(weights or []) or list(weights or []) != list(parts):
            return False
        for number, id in zip(numbers, ids or [], strict=True):
            if id_of.setdefault((folder, number), id) != id:
                return False
        proved = True
    one_to_one = len({(folder, id) for (folder, _), id in id_of.items()}) == len(id_of)
    return proved and one_to_one


def _same_use(dataset: Any, fields: Sequence[str], use: Mapping[str, float]) -> bool:
    """Tell whether an arm's fields are there and hold the use that is to be written, and no more.

    So they are those of a version that kept no record of them.
    """
    if any(dataset.get_field(field) is None for field in fields):
        return False
    stored = dict(zip(*all_samples(dataset).values(["id", fields[0]]), strict=True))
    held = {id: value for id, value in stored.items() if value is not None}
    return (
        bool(held)
        and held.keys() == use.keys()
        and all(math.isclose(held[id], use[id], rel_tol=1e-6, abs_tol=1e-9) for id in held)
    )


def _advice(dataset: Any, inherited: bool) -> str:
    """Say how to keep fields of a preview's names that may be the user's."""
    schema = dataset.get_field_schema()
    moved = {
        name: next(
            free
            for free in (f"{name}_{number}" for number in itertools.count(1))
            if free not in schema
        )
        for name in OF_DRAWINGS
        if names.taken(dataset, OWNER, Names(fields=[name]), inherited=inherited)
    }
    code = (
        f"import fiftyone; fiftyone.load_dataset({json.dumps(dataset.name)})"
        f".rename_sample_fields({json.dumps(moved)})"
    )
    return (
        "they are the user's or those of a version that kept no record; keep them under other "
        f"names with: python -c {shlex.quote(code)} and then give the same command again"
    )
