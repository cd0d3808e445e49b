"""Similar images: by an index for the App's *Sort by similarity*, and by a query in words."""

from __future__ import annotations

import shlex
import warnings
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from .. import encoders
from ..common.errors import DataError, SettingsError, WeightsError, nearest
from ..config import SimilarSettings
from ..config.options import SimilarOptions
from ..config.signatures import with_settings
from ..datasets import documents, locking, reading
from ..datasets import similarity as index
from ..datasets.database import lost_in_words
from ..datasets.names import Names, check, slug_of
from ..datasets.resolving import all_samples

SHOWN = 10  # images that are listed in words
OWNER = "similar"


@dataclass(frozen=True)
class SimilarImages:
    """The images that are most like a text or an image, the most similar first.

    Attributes:
        query: The text, or the image's file.
        ids: Sample ids.
        paths: Their files.
        cosines: (n,) cosines between the query and the images.
        view: FiftyOne view of them, in this order.
        pool: How many images were compared.
        saved: Name of the saved view; None where none was asked for.
    """

    query: str
    ids: list[str]
    paths: list[str]
    cosines: np.ndarray
    view: Any
    pool: int
    saved: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the query and the images with their cosines, as JSON."""
        rows = zip(self.ids, self.paths, self.cosines.tolist(), strict=True)
        images = [{"id": id, "path": path, "cosine": cosine} for id, path, cosine in rows]
        return {"query": self.query, "pool": self.pool, "saved": self.saved, "images": images}

    def __repr__(self) -> str:
        return f"SimilarImages({self.query!r}, {len(self.ids):,} of {self.pool:,})"

    def __str__(self) -> str:
        lines = [f"{len(self.ids):,} of {self.pool:,} images most like {self.query!r}, by cosine:"]
        rows = list(zip(self.cosines, self.paths, strict=True))
        lines += [f"  {cosine:.3f}  {path}" for cosine, path in rows[:SHOWN]]
        lines += [f"  and {len(rows) - SHOWN:,} more"] if len(rows) > SHOWN else []
        lines += [f"Saved as the view {self.saved!r}."] if self.saved else []
        return "\n".join(lines)


@lost_in_words()
def index_similarity(
    samples: Any,
    *,
    field: str | None = None,
    backend: str = index.SKLEARN,
    weights: str | None = None,
) -> str:
    """Make an index of embeddings, by which the App sorts images by similarity.

    The nearest images are those of the greatest cosine between embeddings. All samples of the
    data set that have an embedding are indexed; the index is made anew when it is called again.
    Where the embeddings are by a CLIP model, the App's *Sort by similarity* takes text too, by
    the weights that embedded the images.

    Args:
        samples: A FiftyOne data set, its name, or a view of it.
        field: The field with the embeddings; None takes the only one that there is.
        backend: ``sklearn``, which needs nothing else, or another of FiftyOne's similarity
            backends, such as ``lancedb``, ``qdrant`` or ``milvus``. Their packages and addresses
            are FiftyOne's to configure.
        weights: The weights file of a CLIP model, where it is not where weights are looked for.

    Returns:
        The brain key, for ``dataset.sort_by_similarity(..., brain_key=...)`` and the App.

    Raises:
        DataError: There are no embeddings, several to choose from, or no such field.
        SettingsError: There is no such backend.
        EnvironmentFault: The backend's package or service is not there.
        WeightsError: ``weights`` is of another model.
    """
    dataset, _ = reading.resolve(samples)
    field = _field(dataset, field)
    return index.write_index(dataset, field, backend=backend, text=_text(dataset, field, weights))


def backends() -> list[str]:
    """Name FiftyOne's similarity backends, the one that needs nothing else first."""
    return index.backends()


def index_of(samples: Any, field: str | None = None) -> str:
    """Return the brain key of the index that `index_similarity` made of a field.

    Raises:
        DataError: There is none.
    """
    dataset, _ = reading.resolve(samples)
    field = _field(dataset, field)
    keys = index.index_keys(dataset)
    if field not in keys:
        raise DataError(
            f"{field!r} of {dataset.name!r} has no index; make one with: curadiff map "
            f"{shlex.quote(dataset.name)} --field {shlex.quote(field)} --similar"
        )
    return keys[field]


def takes_text(samples: Any, key: str) -> bool:
    """Tell whether an index of `index_similarity` answers queries in words."""
    return index.takes_text(reading.resolve(samples)[0], key)


def has_words(samples: Any, field: str | None = None) -> bool:
    """Tell whether embeddings are by a model that reads text too, wherever its weights are."""
    dataset, _ = reading.resolve(samples)
    return encoders.has_text(reading.encoder_of(dataset, _field(dataset, field)))


@with_settings(SimilarSettings)
@lost_in_words()
def similar(samples: Any, **settings: Unpack[SimilarOptions]) -> SimilarImages:
    """Find the images of a view that are most like a text, or like one of its images.

    Every image of the view that has an embedding is compared; no index is needed. A text needs
    embeddings by a CLIP model, whose weights are on this machine.

    Args:
        samples: A FiftyOne data set, its name, or a view.
        **settings: See `SimilarSettings`.

    Raises:
        SettingsError: A setting is wrong, or neither or both of text and image are given.
        DataError: There are no embeddings, they do not know words, there is no such image, or
            the view's name is taken.
        WeightsError: The CLIP model's weights are not here.
        Busy: Another process changes the data set.
    """
    config = SimilarSettings(**settings)
    text, image, save = config.text, config.image, config.save
    if (text is None) == (image is None):
        raise SettingsError("give either text or image (a sample's id or file), and not both.")
    dataset, view = reading.resolve(samples)
    field = _field(dataset, config.field)
    if save is not None:
        _check_view(dataset, save)
    tower = None
    if text is not None:
        key = reading.encoder_of(dataset, field)
        tower = encoders.text_encoder(key, weights=config.weights, device=config.device)
    pool = reading.read_embeddings(view, field)
    assert pool.x is not None  # they were asked for
    x = encoders.unit(pool.x)
    if tower is not None and text is not None:
        query, wanted = tower.embed([text])[0], text
        if len(query) != x.shape[1]:
            raise DataError(
                f"{field!r} holds vectors of {x.shape[1]} numbers and the text has {len(query)}; "
                "embed the images with the model that reads the text."
            )
    else:
        row = _row(pool, str(image))
        query, wanted = x[row], pool.paths[row]
    cosines = x @ query
    rows = np.argsort(-cosines, kind="stable")[: config.count]
    ids = [pool.ids[row] for row in rows]
    if save is not None:
        _save(dataset, save, ids, wanted)
    return SimilarImages(
        wanted,
        ids,
        [pool.paths[row] for row in rows],
        cosines[rows],
        all_samples(dataset).select(ids, ordered=True),
        len(pool.ids),
        save,
    )


def _field(dataset: Any, field: str | None) -> str:
    field = field or reading.only_embedding_field(dataset)
    known = reading.embedding_fields(dataset)
    if field not in known:
        raise DataError(
            f"{dataset.name!r} has no embeddings {field!r}{nearest(field, known)}; fields with "
            f"embeddings: {', '.join(known) or 'none'}."
        )
    return field


def _text(dataset: Any, field: str, weights: str | None) -> index.ClipText | None:
    """Load the text half of the encoder of a field; without it an index takes images only."""
    key = reading.encoder_of(dataset, field)
    if not encoders.has_text(key):
        return None
    try:
        tower = encoders.text_encoder(key, weights=weights)
        if tower.quick:  # FiftyOne's zoo has no option for it
            raise WeightsError(f"FiftyOne cannot load {tower.model} with QuickGELU.")
        return index.clip_text(tower.model, tower.path)
    except WeightsError as fault:
        if weights is not None:
            raise
        warnings.warn(f"the index takes images and no text: {fault}", stacklevel=4)
        return None


def _row(pool: reading.Samples, image: str) -> int:
    """Return the row of a sample by its id, its file, or the end of its file's path."""
    for known in (pool.ids, pool.paths):
        if image in known:
            return known.index(image)
    rows = [row for row, path in enumerate(pool.paths) if path.endswith(f"/{image}")]
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise DataError(
            f"image {image!r} is the file of {len(rows)} samples, such as {pool.paths[rows[0]]} "
            f"and {pool.paths[rows[1]]}; give more of its path."
        )
    raise DataError(
        f"no sample of the view with an embedding has the id or file {image!r}; give one of "
        f"those, such as {pool.paths[0]}."
    )


def _check_view(dataset: Any, name: str) -> None:
    check(dataset, OWNER, Names(views=[name]), advice="choose another name with save (--save)")


def _save(dataset: Any, name: str, ids: list[str], query: str) -> None:
    """Save the images as a view; one of an earlier query of the same name is replaced."""
    with locking.exclusive(dataset, "similar"):
        _check_view(dataset, name)
        dataset.reload()
        for other in dataset.list_saved_views():
            if slug_of(other) == slug_of(name):
                dataset.delete_saved_view(other)
        shown = all_samples(dataset).select(ids, ordered=True)
        documents.add_view(
            dataset, documents.view_document(dataset, name, shown, f"most like {query}"), OWNER
        )
