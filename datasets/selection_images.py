"""Which images a selection stands for, also after a person has changed its tag or its view.

A selection's record keeps the ids that were chosen. Its tag and its saved view show them, and
both can be edited in the App.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import selections
from .resolving import all_samples


@dataclass(frozen=True)
class SelectionImages:
    """The images that a view of a selection gives.

    Attributes:
        name: The selection.
        view: The images to take: those of its record, or of its tag where that was asked for.
        chosen: Whether they are those of the record.
        difference: What a person has changed since, in a sentence or two; None for nothing.
    """

    name: str
    view: Any
    chosen: bool
    difference: str | None


def selection_images(dataset: Any, view: Any) -> SelectionImages | None:
    """Return the images that a view of a selection stands for.

    A selection's saved view and a view of just its images mean its record. A view of its tag
    means the samples that carry the tag now.

    Args:
        dataset: The data set.
        view: A view of it.

    Returns:
        None where the view is of no selection.
    """
    names = selections.selection_names(dataset)
    ids = view.values("id")
    tag = _only_tag(view)
    name = next((one for one in names if one in (view.name, tag)), None)
    name = name or selections.selection_of(dataset, ids)
    if name is None:
        return None
    chosen = selections.read_selection(dataset, name).ids
    every = all_samples(dataset)
    recorded = every.select(chosen, ordered=True)
    deleted = len(chosen) - len(recorded)
    tagged = every.match_tags(name).values("id")
    by_tag = tag == name
    differences = [
        _differs("tag", name, tagged, recorded.values("id")),
        _differs("saved view", name, ids, recorded.values("id")) if view.name == name else None,
        f"{deleted} of the images of {name!r} are no longer in {dataset.name!r}" if deleted else "",
    ]
    message = "; ".join(one for one in differences if one)
    if not message:
        return SelectionImages(name, view, True, None)
    if by_tag and set(ids) != set(recorded.values("id")):
        used = (
            f"The {len(ids)} images with the tag are used; for those that were chosen, give "
            f"{dataset.name}:{name}."
        )
        return SelectionImages(name, view, False, f"{message}. {used}")
    used = f"The {len(recorded)} images that were chosen are used."
    return SelectionImages(name, recorded, True, f"{message}. {used}")


def _only_tag(view: Any) -> str | None:
    """Return the tag that a view is all the samples of, None for any other view."""
    stages = view._serialize(include_uuids=False)
    if len(stages) != 1 or not stages[0]["_cls"].endswith(".MatchTags"):
        return None
    given = dict(stages[0]["kwargs"])
    tags = [given["tags"]] if isinstance(given["tags"], str) else list(given["tags"])
    return tags[0] if len(tags) == 1 and given.get("bool") in (None, True) else None


def _differs(kind: str, name: str, ids: Iterable[str], recorded: Iterable[str]) -> str | None:
    now, then = set(ids), set(recorded)
    counts = [(len(now - then), "more"), (len(then - now), "fewer")]
    listed = " and ".join(f"{count} {word}" for count, word in counts if count)
    if not listed:
        return None
    return f"the {kind} {name!r} was changed since the selection was made: {listed} samples"
