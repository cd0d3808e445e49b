"""``evaluate``: compare generated images with real ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import encoders, layouts, metrics
from ..config import EvaluateSettings
from ..datasets import evaluations, reading
from ..errors import DataError
from .progress import Progress, reporting

OF_STUDY = ("covered", "nearest_generated", "nearest_generated_distance")
"""What a study writes on real images per training: enough to see what a model never draws."""


@dataclass(frozen=True)
class Images:
    """One side of a comparison: readable images with their features.

    Attributes:
        ids: Sample ids, or file names where the images are a folder's.
        paths: Files, in the same order.
        names: What calls an image on any machine, in the same order.
        x: (n, d) float32 features, in the same order.
        faults: Why files were left out, by file.
        dataset: The FiftyOne data set, None for a folder.
        x_mirrored: (n, d) features of the same images mirrored, where they were asked for.
    """

    ids: list[str]
    paths: list[str]
    names: list[str]
    x: np.ndarray
    faults: dict[str, str]
    dataset: Any = None
    x_mirrored: np.ndarray | None = None


def evaluate(
    generated: Any,
    reference: Any,
    *,
    train: Any = None,
    progress: Progress = True,
    **settings: Any,
) -> metrics.Evaluation:
    """Compare generated images with real ones, and store what was found.

    With two FiftyOne sources, values go to a custom run and ``info`` of the generated
    data set, and one value per sample to fields of both; with folders nothing is stored.

    Args:
        generated: Data set, view, data set name or folder with the generated images.
        reference: The same for the real images to compare with.
        train: The same for the images that the model was trained on, for memorization.
        progress: Show a bar (True), nothing (False), or call ``progress(done, total)``.
        **settings: See `EvaluateSettings`.

    Returns:
        All values, with the counts they come from.

    Raises:
        SettingsError: A setting is wrong.
        DataError: A side has too few readable images.
        WeightsError: The encoder's weights are not here.
    """
    config = EvaluateSettings(**settings)
    encoder = encoders.load(config.encoder, weights=config.weights, device=config.device)
    sides = {
        "generated": generated,
        "reference": reference,
        **({"training": train} if train is not None else {}),
    }
    images = {
        role: featurize(
            source,
            encoder,
            role=role,
            config=config,
            mirrored=role == "training" and config.mirrored,
            progress=progress,
        )
        for role, source in sides.items()
    }
    return compare(
        images["generated"],
        images["reference"],
        images.get("training"),
        config=config,
        encoder=encoder.key,
    )


def compare(
    generated: Images,
    reference: Images,
    training: Images | None,
    *,
    config: EvaluateSettings,
    encoder: str,
    held_out: np.ndarray | None = None,
    study: str | None = None,
    fields: bool = True,
) -> metrics.Evaluation:
    """Evaluate features, and store what was found where both sides are data sets.

    Args:
        generated: The generated images.
        reference: The real images to compare with.
        training: The images that the model was trained on, for memorization.
        config: Settings of the evaluation.
        encoder: Identity of the encoder that made the features.
        held_out: (h, d) features of real images that are in neither, for the null.
        study: Name of the study that this is one of many evaluations of: each generated
            image is in one of them, each real one in all, and so gets `OF_STUDY` alone.
        fields: Whether to write fields of the images at all.
    """
    found = metrics.evaluate(
        real=reference.x,
        generated=generated.x,
        train=None if training is None else training.x,
        train_mirrored=None if training is None else training.x_mirrored,
        held_out=held_out,
        **config.model_dump(exclude={"encoder", "weights", "mirrored", "key", "batch_size"}),
    )
    if generated.dataset is not None and reference.dataset is not None:
        stored = found if fields else dataclasses.replace(found, generated={}, real={})
        if study is not None:
            few = {name: values for name, values in stored.real.items() if name in OF_STUDY}
            stored = dataclasses.replace(stored, real=few)
        _store(generated, reference, training, stored, config=config, encoder=encoder, study=study)
    return found


def featurize(
    source: Any,
    encoder: encoders.Encoder,
    *,
    role: str,
    config: EvaluateSettings,
    mirrored: bool = False,
    progress: Progress = True,
) -> Images:
    """Compute the judge's features of one side; unreadable files are left out and named."""
    files, dataset = _files(source)
    size = config.batch_size
    with reporting(progress, f"features of {role}", "image") as report:
        found = encoder.embed(files.paths, batch_size=size, progress=report, cache=True)
    good = np.flatnonzero(found.ok)
    if len(good) < 2:
        first = next(iter(found.faults.values()), "")
        raise DataError(f"{role} has {len(good)} readable images, at least 2 are needed. {first}")
    kept = [files.paths[row] for row in good]
    return Images(
        [files.ids[row] for row in good],
        kept,
        [files.names[row] for row in good],
        found.features[good],
        found.faults,
        dataset,
        encoder.mirrored().embed(kept, batch_size=size, cache=True).features if mirrored else None,
    )


def _store(
    generated: Images,
    reference: Images,
    training: Images | None,
    found: metrics.Evaluation,
    *,
    config: EvaluateSettings,
    encoder: str,
    study: str | None,
) -> None:
    """Write values and fields to both data sets; rows become sample ids on the way."""
    generated_ids = [generated.ids[row] for row in found.generated_rows]
    reference_ids = [reference.ids[row] for row in found.real_rows]
    training_ids = [] if training is None else training.ids
    evaluations.write_evaluation(
        generated.dataset,
        reference.dataset,
        config.key,
        values=found.to_json(),
        config={
            "settings": config.model_dump(mode="json"),
            "encoder": encoder,
            "reference": reference.dataset.name,
            "n_generated": len(generated_ids),
            "n_reference": len(reference_ids),
        },
        generated_ids=generated_ids,
        generated_fields=_with_ids(
            found.generated, {"nearest": reference_ids, "nearest_train": training_ids}
        ),
        reference_ids=reference_ids,
        reference_fields=_with_ids(found.real, {"nearest_generated": generated_ids}),
        shared=study,
    )


def _with_ids(
    fields: Mapping[str, np.ndarray], ids_of: Mapping[str, list[str]]
) -> dict[str, np.ndarray]:
    """Replace rows by the ids of the samples that they are: ``nearest`` -> ``nearest_id``."""
    found = {}
    for name, values in fields.items():
        if name in ids_of:
            found[f"{name}_id"] = np.array([ids_of[name][row] for row in values], dtype=object)
        else:
            found[name] = values
    return found


def _files(source: Any) -> tuple[reading.Pool, Any]:
    """Return the images and the data set of a source; None for a folder."""
    if isinstance(source, Path) or (isinstance(source, str) and Path(source).is_dir()):
        records = layouts.read(Path(source), "folder")
        ids = [record.id for record in records]
        return reading.Pool(ids, [str(record.path) for record in records], ids), None
    dataset, view = reading.resolve(source)
    return reading.read_paths(view), dataset
