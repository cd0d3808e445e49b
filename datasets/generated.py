"""Generated images as a data set of their own, linked with the images they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bson import ObjectId

from ..errors import DataError
from . import info
from .database import fiftyone

BATCH = 1000


def add_generated(
    name: str,
    *,
    paths: Sequence[Path],
    seeds: Sequence[int],
    source: Any,
    run: str,
    arm: str,
    training_seed: int,
    origin: Mapping[str, Any],
) -> tuple[Any, int]:
    """Add generated images to the persistent data set ``name``; nothing is added twice.

    Args:
        name: Data set for the generated images, made when it is missing.
        paths: Image files.
        seeds: The seed each image was drawn with.
        source: The data set that the model was trained on.
        run: Id of the training run.
        arm: Name of the arm, also set as tag.
        training_seed: Seed of the training.
        origin: What else to remember of the run: checkpoint, sampler, source ids' hash.

    Returns:
        The data set, and how many samples were added.

    Raises:
        DataError: ``name`` is the source itself, or a data set of something else.
    """
    fo = fiftyone()
    if name == source.name:
        raise DataError(
            f"generated images need a data set of their own, and {name!r} is the source; choose "
            "another name."
        )
    dataset = _open(fo, name, source)
    known = set(dataset.values("filepath"))
    fresh = [
        (path, seed) for path, seed in zip(paths, seeds, strict=True) if str(path) not in known
    ]
    for start in range(0, len(fresh), BATCH):
        dataset.add_samples(
            [
                fo.Sample(
                    filepath=str(path),
                    tags=["generated", arm],
                    source_run=run,
                    source_dataset=source.name,
                    arm=arm,
                    training_seed=training_seed,
                    image_seed=seed,
                )
                for path, seed in fresh[start : start + BATCH]
            ],
            progress=False,
        )
    info.put(
        dataset,
        "generated",
        {"source_dataset": source.name, "source_dataset_id": str(source._doc.id)},
    )
    info.put(dataset, "runs", {run: {"arm": arm, "training_seed": training_seed, **origin}})
    info.put(source, "generated_datasets", {name: str(dataset._doc.id)})
    if dataset.has_saved_view(arm):
        dataset.delete_saved_view(arm)
    dataset.save_view(arm, dataset.match(fo.ViewField("arm") == arm), description=f"arm {arm}")
    return dataset, len(fresh)


def trainings_of(view: Any) -> list[str]:
    """Return the runs that drew the images of a view: their folders, or ids where not noted."""
    if view._dataset.get_field("source_run") is None:
        return []
    noted = info.section(view._dataset, "runs")
    drew = [run for run in view.distinct("source_run") if run]
    return [noted.get(run, {}).get("path") or run for run in drew]


def source_of(dataset: Any) -> str | None:
    """Return the id of the data set that images were generated from, None for real images."""
    return info.section(dataset, "generated").get("source_dataset_id")


def _open(fo: Any, name: str, source: Any) -> Any:
    if not fo.dataset_exists(name):
        return fo.Dataset(name, persistent=True)
    dataset = fo.load_dataset(name, reload=True)
    ours = info.section(dataset, "generated")
    known = ours.get("source_dataset_id")
    anew = ours.get("source_dataset") == source.name and not _exists(fo, known)
    if known != str(source._doc.id) and not anew:
        raise DataError(
            f"the data set {name!r} exists and does not hold images generated from "
            f"{source.name!r}; choose another name."
        )
    return dataset


def _exists(fo: Any, id: str) -> bool:
    """Tell whether a data set has this id; one that was deleted and imported anew has another."""
    return fo.core.odm.get_db_conn().datasets.count_documents({"_id": ObjectId(id)}) > 0
