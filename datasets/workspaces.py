"""A saved workspace per data set: the panels that go with it, opened by one click."""

from __future__ import annotations

from typing import Any

from . import info
from .database import fiftyone

NAME = "curadiff"
MAP = "map_"  # brain runs with this beginning are our maps


def save(dataset: Any) -> Any:
    """Save the workspace ``curadiff``; a former one is replaced.

    The grid is at the left; beside it the Curadiff panel and behind that, as tabs, what
    there is to see: the map of the embeddings, two or more selections, a study.

    Args:
        dataset: Real or generated images.

    Returns:
        The `fiftyone.Space`.
    """
    fo = fiftyone()
    ours = info.read(dataset)
    beside = [fo.Panel(type="curadiff")]
    maps = [key for key in dataset.list_brain_runs() if key.startswith(MAP)]
    if maps:
        beside.append(fo.Panel(type="Embeddings", state={"brainResult": maps[-1]}))
    if len([key for key in dataset.list_runs() if key.startswith("select_")]) > 1:
        beside.append(fo.Panel(type="curadiff_selections"))
    if "generated" in ours or "generated_datasets" in ours:
        beside.append(fo.Panel(type="curadiff_study"))
    samples = fo.Panel(type="Samples", pinned=True)
    grid = fo.Space(children=[samples], active_child=samples.component_id)
    panels = fo.Space(children=beside, active_child=beside[0].component_id)
    space = fo.Space(children=[grid, panels], orientation="horizontal")
    described = "The grid beside the panels of Curadiff"
    dataset.save_workspace(NAME, space, description=described, overwrite=True)
    return space


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
