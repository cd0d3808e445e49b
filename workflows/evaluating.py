"""``evaluate``: compare generated images with real ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np

from .. import encoders, metrics
from ..common.errors import DataError
from ..config import EvaluateSettings
from ..config.options import EvaluateOptions
from ..config.signatures import with_settings
from ..datasets import evaluations
from ..datasets.database import lost_in_words
from ..datasets.generated import source_of
from ..metrics.suite import check_counts
from . import conditions
from .by_class import CLASSES_NEED, by_class, check_classes
from .evaluation_sides import Images, Side, featurize, side
from .over_shards.evaluating import NEEDS_IMAGES, evaluate_shards
from .over_shards.sources import shards_of
from .progress import Progress

OF_STUDY = ("covered", "nearest_generated", "nearest_generated_distance")
"""What a study writes on real images per training: enough to see what a model never draws."""


NOT_OF_METRICS = {*NEEDS_IMAGES, "classes"}


@with_settings(EvaluateSettings)
@lost_in_words()
def evaluate(
    generated: Any,
    reference: Any,
    *,
    train: Any = None,
    progress: Progress = True,
    **settings: Unpack[EvaluateOptions],
) -> metrics.Evaluation:
    """Compare generated images with real ones, and store what was found.

    Real images are judged as the model saw them: cut and resized to the size of the
    generated ones, unless ``reference_size`` says otherwise. With two FiftyOne sources,
    values go to a custom run and ``info`` of the generated data set, and one value per
    sample to fields of both; with folders nothing is stored.

    Args:
        generated: Data set, view, data set name or folder with the generated images. Or a
            folder of Parquet shards: then all sides are, their embeddings are the features, and
            encoder, weights, sizes and mirrored images cannot be given.
        reference: The same for the real images to compare with.
        train: The same for the images that the model was trained on, for memorization.
        progress: Show a bar (True), nothing (False), or call ``progress(done, total)``.
        **settings: See `EvaluateSettings`.

    Returns:
        All values, with the counts they come from.

    Raises:
        SettingsError: A setting is wrong.
        DataError: A side has too few readable images, the sides are swapped, or the
            generated images are of several sizes.
        WeightsError: The encoder's weights are not here.
    """
    config = EvaluateSettings(**settings)
    given = {"generated": generated, "reference": reference, "training": train}
    opened = {role: shards_of(source) for role, source in given.items() if source is not None}
    if any(shards is not None for shards in opened.values()):
        if config.classes is not None:
            raise DataError(CLASSES_NEED)
        return evaluate_shards(given, opened, config)
    sides = {role: side(source) for role, source in given.items() if source is not None}
    _refuse_swapped(sides["generated"], sides["reference"])
    if config.classes is not None:  # before hours of embedding
        check_classes(sides["generated"].dataset, sides["reference"].dataset, config.classes)
    real, made = (sides[role].given for role in ("reference", "generated"))
    check_counts(real=real, generated=made, counts=config.counts)  # before hours of embedding
    size = conditions.size_for(config, sides["generated"].files.paths)
    encoder = encoders.load(config.encoder, weights=config.weights, device=config.device)
    images = {
        role: featurize(
            side,
            encoder.at(size),
            role=role,
            config=config,
            mirrored=role == "training" and config.mirrored,
            progress=progress,
        )
        for role, side in sides.items()
    }
    trained = sides.get("training")
    chosen_by = conditions.selection_encoders(
        sides["generated"].view,
        None if trained is None else trained.dataset,
        [] if trained is None else trained.files.ids,
    )
    return compare(
        images["generated"],
        images["reference"],
        images.get("training"),
        config=config,
        judged=conditions.Conditions(encoder.key, size, chosen_by),
    )


def compare(
    generated: Images,
    reference: Images,
    training: Images | None,
    *,
    config: EvaluateSettings,
    judged: conditions.Conditions,
    stand_in: np.ndarray | None = None,
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
        judged: How the features were made.
        stand_in: (s, d) features of real images that are not in the reference, for the nulls.
        held_out: (h, d) features of real images that no model was trained on, for the null
            of memorization.
        study: Name of the study that this is one of many evaluations of: each generated
            image is in one of them, each real one in all, and so gets `OF_STUDY` alone.
        fields: Whether to write fields of the images at all.
    """
    by_role = {"generated": generated, "reference": reference, "training": training}
    images_by_role = {role: images for role, images in by_role.items() if images is not None}
    by_lot = config.counts == "refuse" and generated.given == reference.given
    if by_lot:  # equal counts were given: unreadable files alone are no reason to stop
        config = config.changed(counts="subsample")
    values = metrics.evaluate(
        real=reference.x,
        generated=generated.x,
        train=None if training is None else training.x,
        train_mirrored=None if training is None else training.x_mirrored,
        stand_in=stand_in,
        held_out=held_out,
        **config.model_dump(exclude=NOT_OF_METRICS),
    )
    notes = list(judged.notes)
    for role, images in images_by_role.items():
        notes += conditions.left_out(role, images.faults, images.given)
        rows = {"generated": values.generated_rows, "reference": values.real_rows}.get(role)
        if rows is not None and by_lot:  # who asks for a part is told its size, not every name
            notes += conditions.not_drawn(role, images.paths, set(rows.tolist()))
        notes += conditions.enlarged(role, images.paths, judged.size)
    evaluation = dataclasses.replace(
        values,
        settings={**values.settings, **judged.to_json()},
        notes=[*notes, *values.notes],
    )
    if config.classes is not None:
        of_classes = by_class(evaluation, generated, reference, config.classes)
        evaluation = dataclasses.replace(evaluation, classes=of_classes)
    if generated.dataset is not None and reference.dataset is not None:
        stored = evaluation if fields else dataclasses.replace(evaluation, generated={}, real={})
        if study is not None:
            few = {name: values for name, values in stored.real.items() if name in OF_STUDY}
            stored = dataclasses.replace(stored, real=few)
        _store(generated, reference, training, stored, config=config, judged=judged, study=study)
    return evaluation


def _store(
    generated: Images,
    reference: Images,
    training: Images | None,
    evaluation: metrics.Evaluation,
    *,
    config: EvaluateSettings,
    judged: conditions.Conditions,
    study: str | None,
) -> None:
    """Write values and fields to both data sets; rows become sample ids on the way."""
    generated_ids = [generated.ids[row] for row in evaluation.generated_rows]
    reference_ids = [reference.ids[row] for row in evaluation.real_rows]
    training_ids = [] if training is None else training.ids
    evaluations.write_evaluation(
        generated.dataset,
        reference.dataset,
        config.key,
        values=evaluation.to_json(),
        config={
            "settings": config.model_dump(mode="json"),
            **judged.to_json(),
            "reference": reference.dataset.name,
            "n_generated": len(generated_ids),
            "n_reference": len(reference_ids),
        },
        generated_ids=generated_ids,
        generated_fields=_with_ids(
            evaluation.generated, {"nearest": reference_ids, "nearest_train": training_ids}
        ),
        reference_ids=reference_ids,
        reference_fields=_with_ids(evaluation.real, {"nearest_generated": generated_ids}),
        shared=study,
    )


def _with_ids(
    fields: Mapping[str, np.ndarray], ids_of: Mapping[str, list[str]]
) -> dict[str, np.ndarray]:
    """Replace rows by the ids of the samples that they are: ``nearest`` -> ``nearest_id``."""
    stored = {}
    for name, values in fields.items():
        if name in ids_of:
            stored[f"{name}_id"] = np.array([ids_of[name][row] for row in values], dtype=object)
        else:
            stored[name] = values
    return stored


def _refuse_swapped(made: Side, real: Side) -> None:
    """Refuse sides that were given the wrong way round, where the data sets say so."""
    if made.dataset is None or real.dataset is None:
        return
    if source_of(real.dataset) == str(made.dataset._doc.id) and source_of(made.dataset) is None:
        raise DataError(
            f"{real.dataset.name!r} holds the images that were generated from "
            f"{made.dataset.name!r}, so the two are the wrong way round; give the generated "
            f"images first: {real.dataset.name} {made.dataset.name}"
        )
