"""A saved workspace per data set: the panels that go with it, opened by one click."""

from __future__ import annotations

from typing import Any

from . import info, locking, names
from .database import durable, fiftyone
from .names import Names

NAME = "curadiff"
MAP = "map_"  # brain runs with this beginning are maps, of ours or of the user's
OWNER = "workspace"
DESCRIBED = "The grid beside the panels of Curadiff"


def save(dataset: Any) -> str:
    """Save the workspace ``curadiff``; a former one of Curadiff's is replaced.

    A workspace of the user's that is called so stays; this one then has a number behind
    its name.

    The grid is at the left, and behind it, as tabs, the map of the embeddings and the
    comparison of selections; beside it the Curadiff panel and behind that a study. So no tab
    lies under FiftyOne's own control at the right.

    Args:
        dataset: Real or generated images.

    Returns:
        The name of the workspace.

    Raises:
        Busy: Another process changes the data set.
    """
    fo = fiftyone()
    with locking.exclusive(dataset, "arrange the panels") as held:
        space = _arranged(fo, dataset)
        before = _described(dataset) == DESCRIBED  # by a version that recorded no names
        name = names.first_free(dataset, OWNER, NAME, "workspaces", inherited=before)
        held.check()
        names.own(dataset, OWNER, Names(workspaces=[name]))
        dataset.save_workspace(name, space, description=DESCRIBED, overwrite=True)
        names.stamp(dataset, OWNER, Names(workspaces=[name]))
    return name


def _described(dataset: Any) -> str | None:
    """Return the description of the workspace ``curadiff`` that is there."""
    workspace = durable("workspaces").find_one(
        {"_dataset_id": info.id_of(dataset), "slug": names.slug_of(NAME)}, {"description": 1}
    )
    return (workspace or {}).get("description")


def _arranged(fo: Any, dataset: Any) -> Any:
    """Lay out the panels that have something to show."""
    ours = info.read(dataset)
    samples = fo.Panel(type="Samples", pinned=True)
    grid, beside = [samples], [fo.Panel(type="curadiff")]
    maps = [key for key in dataset.list_brain_runs() if key.startswith(MAP)]
    if maps:
        grid.append(fo.Panel(type="curadiff_map"))
    if len([key for key in dataset.list_runs() if key.startswith("select_")]) > 1:
        grid.append(fo.Panel(type="curadiff_selections"))
    if "generated" in ours or "generated_datasets" in ours:
        beside.append(fo.Panel(type="curadiff_study"))
    left = fo.Space(children=grid, active_child=samples.component_id)
    panels = fo.Space(children=beside, active_child=beside[0].component_id)
    return fo.Space(children=[left, panels], orientation="horizontal")


def most_real_first(dataset: Any) -> Any | None:
    """Return generated images sorted by realism; None where it was not measured.

    Several evaluations each wrote a field of their own for the images that they compared;
    the plain one counts, or else the mean of those that an image has.
    """
    fo = fiftyone()
    fields = [name for name in dataset.get_field_schema() if name.endswith("realism")]
    if "generated" not in info.read(dataset) or not fields:
        return None
    if "realism" in fields:
        return dataset.sort_by("realism", reverse=True)
    mean = fo.ViewExpression({"$avg": [f"${name}" for name in fields]})
    return dataset.sort_by(mean, reverse=True)
