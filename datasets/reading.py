"""From a data set or view to arrays that travel with their ids."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common.errors import DataError, nearest
from . import info, streaming
from .database import fiftyone
from .resolving import all_samples
from .resolving import resolve as resolve


@dataclass(frozen=True)
class Samples:
    """What can be selected: sample ids with their files and, where asked, embeddings.

    Attributes:
        ids: Sample ids, n of them.
        paths: Image files, in the same order.
        names: What identifies an image on any machine (its ``source_id``, else its path);
            seeded choices depend on these, so a data set imported anew gives the same.
        x: (n, d) float32 embeddings, None where none were asked for.
        missing: How many samples of the view were left out for want of an embedding.
        encoder: Identity of the encoder that made ``x``, when it is recorded.
    """

    ids: list[str]
    paths: list[str]
    names: list[str]
    x: np.ndarray | None = None
    missing: int = 0
    encoder: str | None = None


def read_paths(view: Any) -> Samples:
    """Read ids and image files of a view."""
    ids, paths, names = _identity(view)
    return Samples(ids, paths, names)


def _identity(view: Any) -> tuple[list[str], list[str], list[str]]:
    ids, paths = view.values(["id", "filepath"])
    if len(set(paths)) < len(paths):
        path, times = Counter(paths).most_common(1)[0]
        raise DataError(
            f"{times} samples have the file {path} ({len(paths) - len(set(paths))} samples too "
            "many in all); delete the others, or pass a view with one of each."
        )
    if view._dataset.get_field("source_id") is None:
        return ids, paths, paths
    named = view.values("source_id")
    if None in named or len(set(named)) < len(named):
        return ids, paths, paths
    return ids, paths, named


def read_embeddings(view: Any, field: str | None) -> Samples:
    """Read the samples of a view that have an embedding.

    Args:
        view: A FiftyOne view.
        field: The field that holds them; None takes the only one that there is.

    Raises:
        DataError: There is no such field, none or several to choose from, or the
            vectors are not finite or not all of one length.
    """
    dataset = view._dataset
    field = field or only_embedding_field(dataset)
    if field not in dataset.get_field_schema():
        known = embedding_fields(dataset)
        listed = f"; fields with embeddings: {', '.join(known)}" if known else ""
        raise DataError(
            f"{dataset.name!r} has no field {field!r}{nearest(field, known)}{listed}. "
            f"Make it with: curadiff embed {dataset.name}"
        )
    ids, paths, names = _identity(view)
    have, x, odd = streaming.read_rows(view, field, ids)
    if odd is not None and x is not None and streaming.is_vector(odd):
        raise DataError(
            f"{field!r} mixes vectors of {x.shape[1]} and {len(odd)} numbers; embed all samples "
            "with one encoder (embed with overwrite)."
        )
    if odd is not None:
        known = ", ".join(embedding_fields(dataset)) or "there is none yet"
        raise DataError(
            f"field {field!r} of {dataset.name!r} holds {type(dataset.get_field(field)).__name__}, "
            f"not vectors; give one with embeddings ({known}), or make one with: "
            f"curadiff embed {dataset.name}"
        )
    if x is None:
        raise DataError(
            f"no sample of the view has {field!r} yet; run: curadiff embed {dataset.name}"
        )
    bad = np.flatnonzero(~_finite(x))
    if bad.size:
        raise DataError(
            f"{field!r} of {bad.size} samples has NaN or infinity (first: {paths[have[bad[0]]]}); "
            "embed them again with overwrite."
        )
    return Samples(
        [ids[number] for number in have],
        [paths[number] for number in have],
        [names[number] for number in have],
        x,
        missing=len(ids) - len(have),
        encoder=encoder_of(dataset, field),
    )


def _finite(x: np.ndarray) -> np.ndarray:
    """Tell which rows are finite, (n,), block by block: a mask of everything is a quarter of it."""
    blocks = [np.isfinite(x[at : at + 4096]).all(axis=1) for at in range(0, len(x), 4096)]
    return np.concatenate(blocks)


def rows_without(view: Any, field: str) -> list[int]:
    """Return the rows of a view whose samples have no value in a field yet."""
    fo = fiftyone()
    if view._dataset.get_field(field) is None:
        return list(range(len(view)))
    have = view.values(fo.ViewField(field).exists())
    return [row for row, there in enumerate(have) if not there]


def field_values(dataset: Any, ids: list[str], path: str) -> list[Any]:
    """Read a field, such as ``label.label``, of the samples with these ids, in their order.

    Raises:
        DataError: There is no such field, a sample has no value in it, or it holds lists.
    """
    if dataset.get_field(path) is None:
        known = list(dataset.get_field_schema(flat=True))
        raise DataError(f"{dataset.name!r} has no field {path!r}{nearest(path, known)}.")
    values = all_samples(dataset).select(ids, ordered=True).values(path)
    empty = sum(value is None for value in values)
    if empty:
        raise DataError(
            f"{empty} of {len(ids)} samples have no {path!r}; fill it in, or leave them out of "
            "the view."
        )
    if any(isinstance(value, list | tuple | dict | np.ndarray) for value in values):
        raise DataError(
            f"{path!r} of {dataset.name!r} holds lists; a field with one value per sample is "
            "needed, such as label.label."
        )
    return values


def class_labels(dataset: Any, ids: list[str], field: str) -> list[str | None]:
    """Read the class of the samples with these ids, in their order; None where there is none.

    Args:
        dataset: The data set.
        ids: Sample ids.
        field: See `class_path`.

    Raises:
        DataError: There is no such field, or it holds something else.
    """
    path = class_path(dataset, field)
    return all_samples(dataset).select(ids, ordered=True).values(path)


def class_path(dataset: Any, field: str) -> str:
    """Return the path of the text in a field with classes.

    Args:
        dataset: The data set.
        field: A field of classifications, such as ground_truth, or of text, such as
            ground_truth.label.

    Raises:
        DataError: There is no such field, or it holds something else.
    """
    fo = fiftyone()
    path = field
    known = dataset.get_field(path)
    if isinstance(known, fo.EmbeddedDocumentField) and known.document_type is fo.Classification:
        path = f"{field}.label"
        known = dataset.get_field(path)
    if not isinstance(known, fo.StringField):
        fields = class_fields(dataset)
        what = "has no field" if known is None else "has no classes in the field"
        raise DataError(
            f"{dataset.name!r} {what} {field!r}{nearest(field, fields)}; give a field of "
            f"classifications, or of text (there: {', '.join(fields) or 'none'})."
        )
    return path


def class_fields(dataset: Any) -> list[str]:
    """List the top-level fields of a data set that can hold classes, classifications first."""
    fo = fiftyone()
    schema = dataset.get_field_schema()
    of_classes = [
        name
        for name, field in schema.items()
        if isinstance(field, fo.EmbeddedDocumentField) and field.document_type is fo.Classification
    ]
    of_text = [
        name
        for name, field in schema.items()
        if isinstance(field, fo.StringField) and name not in ("filepath", "media_type")
    ]
    return [*of_classes, *of_text]


def embedding_fields(dataset: Any) -> list[str]:
    """List the top-level fields that hold vectors."""
    fo = fiftyone()
    return list(dataset.get_field_schema(ftype=fo.VectorField))


def only_embedding_field(dataset: Any) -> str:
    """Return the field with embeddings, when there is just one.

    Raises:
        DataError: There is none, or there are several.
    """
    fields = embedding_fields(dataset)
    if not fields:
        raise DataError(
            f"{dataset.name!r} has no embeddings yet; run: curadiff embed {dataset.name}"
        )
    if len(fields) > 1:
        raise DataError(
            f"{dataset.name!r} has several fields with embeddings: {', '.join(fields)}; "
            "say which with field."
        )
    return fields[0]


def encoder_of(dataset: Any, field: str) -> str | None:
    """Return the recorded identity of the encoder that wrote a field."""
    return info.section(dataset, "encoders").get(field)
