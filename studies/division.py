"""Which images of a study are held out: whole groups and copies stay on one side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common.errors import DataError, SettingsError
from ..config import PreviewSettings, StudySettings
from ..datasets import reading
from ..diffusion import manifest
from . import copies


@dataclass(frozen=True)
class Division:
    """Which images may be trained on, and which are held out.

    Attributes:
        pool: Ids of the images that arms may train on.
        held_out: Ids of the images that they may not.
        copies: Held-out images that were copies of pool images before copies were kept on
            one side.
        of: How many images were held out then.
        equal: How many of ``copies`` are equal files; the others are nearly equal pictures.
    """

    pool: list[str]
    held_out: list[str]
    copies: int = 0
    of: int = 0
    equal: int = 0

    def __str__(self) -> str:
        """A sentence about copies, empty when there were none."""
        if not self.copies:
            return ""
        near = self.copies - self.equal
        kinds = [f"{self.equal} equal files"] if self.equal else []
        kinds += [f"{near} nearly equal pictures"] if near else []
        return (
            f"{self.copies} of {self.of} images that were to be held out were copies of images to "
            f"train on ({' and '.join(kinds)}); copies are kept on one side, and {len(self.pool)} "
            f"images are left to train on and {len(self.held_out)} to compare with."
        )


def split(
    view: Any,
    config: StudySettings | PreviewSettings,
    field: str | None = None,
    *,
    keep: Mapping[str, bool] | None = None,
) -> Division:
    """Divide a view's samples into those that arms may train on and the held-out rest.

    Which images are held out depends on the images' names, on which of them are copies of one
    another, and on nothing else, so it is the same for every arm and seed, and on every machine.

    Args:
        view: The images.
        config: Says how many are held out, and which field groups them.
        field: The field with their embeddings, by which near copies are found; without one only
            equal files are.
        keep: By name, whether an image was held out before; it stays so, and its group with it,
            unless one of the group was trained on.

    Raises:
        SettingsError: The group field does not exist.
        DataError: One of the two sides would have fewer than two images.
    """
    source = reading.read_paths(view)
    groups = _groups(view, config.group_field, source.names)
    copied_groups = _copies(view, source, field)
    naive = _held_out(groups, config.held_out)
    joined = _joined(groups, copied_groups.group)
    held = _kept(joined, _held_out(joined, config.held_out), source.names, keep or {})
    pool = [id for id, out in zip(source.ids, held, strict=True) if not out]
    rest = [id for id, out in zip(source.ids, held, strict=True) if out]
    copied, equal = _copied(naive, copied_groups.group), _copied(naive, copied_groups.equal)
    if len(pool) < 2 or (config.held_out > 0 and len(rest) < 2):
        raise DataError(
            f"holding out {config.held_out:g} of {len(source.ids)} images leaves {len(pool)} to "
            f"train on and {len(rest)} to compare with; both need at least 2. "
            f"{_remedy(config, groups, copied_groups)}"
        )
    return Division(pool, rest, copied, sum(naive), equal)


def _remedy(
    config: StudySettings | PreviewSettings, groups: Sequence[str], alike: copies.Copies
) -> str:
    """Say why images could not be divided, and what to do."""
    # A study may compare with what was trained on; a preview would forecast of itself.
    otherwise = (
        ", or compare with the pool (held_out=0)" if isinstance(config, StudySettings) else ""
    )
    values = len(set(groups))
    if values < len(groups):
        return (
            f"The field {config.group_field!r} has {values} values, and images that share one stay "
            f"on one side; name a field with more values, or another held_out{otherwise}."
        )
    twins = sum(count for count in Counter(alike.group).values() if count > 1)
    if twins:
        return (
            f"{twins} of them are copies of others, equal or nearly, and copies stay on one side; "
            f"remove copies{otherwise}."
        )
    return f"Give more images, or another held_out{otherwise}."


def _copies(view: Any, source: reading.Samples, field: str | None) -> copies.Copies:
    rows: list[int] = []
    x = np.zeros((0, 1), np.float32)
    if field is not None and view._dataset.get_field(field) is not None:
        without = set(reading.rows_without(view, field))
        if len(without) < len(source.ids):
            known = reading.read_embeddings(view, field)
            place = {id: row for row, id in enumerate(source.ids)}
            rows, x = [place[id] for id in known.ids], np.asarray(known.x)
    return copies.find_copies(manifest.hashes(source.paths), rows, x)


def _joined(groups: Sequence[str], alike: Sequence[int]) -> list[str]:
    """Make one group of all groups that share a copy; it is called as its first name."""
    numbers = {name: number for number, name in enumerate(sorted(set(groups)))}
    union = copies.Groups(len(numbers))
    first: dict[int, int] = {}
    for name, copy in zip(groups, alike, strict=True):
        union.join(first.setdefault(copy, numbers[name]), numbers[name])
    names = sorted(numbers)
    return [names[union.group_of(numbers[name])] for name in groups]


def _held_out(groups: Sequence[str], share: float) -> list[bool]:
    """Draw whole groups until so large a share of the images is held out.

    A group that would make it more than twice as many is left, unless nothing else is.
    """
    names, count = sorted(set(groups)), Counter(groups)
    order = [names[number] for number in np.random.default_rng(0).permutation(len(names))]
    goal = round(share * len(groups))
    held: set[str] = set()
    for most in (2 * goal, len(groups)):
        for name in order:
            done = sum(count[group] for group in held)
            if done >= goal:
                break
            if name not in held and done + count[name] <= most:
                held.add(name)
        if held:
            break
    return [group in held for group in groups]


def _kept(
    groups: Sequence[str], held: Sequence[bool], names: Sequence[str], keep: Mapping[str, bool]
) -> list[bool]:
    """Put the groups of images that were on a side before back on it."""
    before: dict[str, bool] = {}
    for group, name in zip(groups, names, strict=True):
        if name in keep:
            before[group] = before.get(group, True) and keep[name]
    return [before.get(group, out) for group, out in zip(groups, held, strict=True)]


def _copied(held: Sequence[bool], alike: Sequence[int]) -> int:
    """Count the held-out images that have a copy in the pool."""
    pool = {copy for copy, out in zip(alike, held, strict=True) if not out}
    return sum(out and copy in pool for copy, out in zip(alike, held, strict=True))


def _groups(view: Any, field: str | None, names: Sequence[str]) -> list[str]:
    if field is None:
        return list(names)
    if view._dataset.get_field(field) is None:
        raise SettingsError(
            f"group_field: {view._dataset.name!r} has no field {field!r}; leave it out, or name a "
            "field that says which images belong together."
        )
    values = view.values(field)
    return [
        name if value is None else str(value) for name, value in zip(names, values, strict=True)
    ]
