"""Make FiftyOne data sets of image folders, VITON-HD roots and other data sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import DataError
from ..layouts import Record
from . import info
from .database import fiftyone
from .tryon import LIP_LABELS, keypoints

BATCH = 1000
TAKEN = {
    "id", "filepath", "tags", "metadata", "created_at", "last_modified_at",
    "label", "parse", "pose", "source_id", "split",
}  # fmt: skip
"""Fields with a meaning of their own: a table's column of such a name is put beside it."""


def from_records(name: str, records: Sequence[Record], *, source: str) -> tuple[Any, int]:
    """Add records to the persistent data set ``name``, made when it is missing.

    A file that the data set has already is not added again. Each split becomes a
    saved view of its name.

    Returns:
        The data set, and how many samples were added.
    """
    fo = fiftyone()
    dataset = (
        fo.load_dataset(name, reload=True)
        if fo.dataset_exists(name)
        else fo.Dataset(name, persistent=True)
    )
    if dataset.media_type not in (None, "image"):
        raise DataError(
            f"the data set {name!r} exists and holds {dataset.media_type} samples; choose another "
            "name."
        )
    known = set(dataset.values("filepath"))
    fresh = [record for record in records if str(record.path) not in known]
    for start in range(0, len(fresh), BATCH):
        samples = [_sample(fo, record) for record in fresh[start : start + BATCH]]
        dataset.add_samples(samples, progress=False)
    if any("parse" in record.related for record in fresh):
        dataset.mask_targets["parse"] = dict(enumerate(LIP_LABELS))
    for split in sorted({record.split for record in fresh if record.split}):
        view = dataset.match(fo.ViewField("split") == split)
        dataset.save_view(split, view, description=f"split {split}", overwrite=True)
    info.put(dataset, "import", {"source": source})
    return dataset, len(fresh)


def from_samples(name: str, view: Any) -> tuple[Any, int]:
    """Copy a view into the persistent data set ``name``; what is there stays.

    Returns:
        The data set, and how many samples were added.
    """
    fo = fiftyone()
    if not fo.dataset_exists(name):
        dataset = view.clone(name)
        dataset.persistent = True
        return dataset, len(dataset)
    dataset = fo.load_dataset(name, reload=True)
    before = len(dataset)
    dataset.merge_samples(view, key_field="filepath", skip_existing=True)
    return dataset, len(dataset) - before


def _sample(fo: Any, record: Record) -> Any:
    sample = fo.Sample(filepath=str(record.path), tags=[*record.tags])
    sample["source_id"] = f"{record.split}/{record.id}" if record.split else record.id
    if record.split:
        sample["split"] = record.split
    if record.label:
        sample["label"] = fo.Classification(label=record.label)
    for name, value in record.fields.items():
        sample[f"{name}_column" if name.startswith("_") or name in TAKEN else name] = value
    for name, path in record.related.items():
        if name == "parse":
            sample["parse"] = fo.Segmentation(mask_path=str(path))
        elif name == "openpose_keypoints":
            sample["pose"] = keypoints(record.path, path)
        else:
            sample[f"{name}_path"] = str(path)
    return sample
