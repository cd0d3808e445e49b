"""Similar images: an index of the embeddings for FiftyOne's *Sort by similarity*."""

from __future__ import annotations

from typing import Any

from ..common.errors import DataError, nearest
from ..datasets import reading
from ..datasets import similarity as index


def index_similarity(
    samples: Any, *, field: str | None = None, backend: str = index.SKLEARN
) -> str:
    """Make an index of embeddings, by which the App sorts images by similarity.

    The nearest images are those of the greatest cosine between embeddings. All samples of the
    data set that have an embedding are indexed; the index is made anew when it is called again.

    Args:
        samples: A FiftyOne data set, its name, or a view of it.
        field: The field with the embeddings; None takes the only one that there is.
        backend: ``sklearn``, which needs nothing else, or another of FiftyOne's similarity
            backends, such as ``lancedb``, ``qdrant`` or ``milvus``. Their packages and addresses
            are FiftyOne's to configure.

    Returns:
        The brain key, for ``dataset.sort_by_similarity(..., brain_key=...)`` and the App.

    Raises:
        DataError: There are no embeddings, several to choose from, or no such field.
        SettingsError: There is no such backend.
        EnvironmentFault: The backend's package or service is not there.
    """
    dataset, _ = reading.resolve(samples)
    field = field or reading.only_embedding_field(dataset)
    known = reading.embedding_fields(dataset)
    if field not in known:
        raise DataError(
            f"{dataset.name!r} has no embeddings {field!r}{nearest(field, known)}; fields with "
            f"embeddings: {', '.join(known) or 'none'}."
        )
    return index.write_index(dataset, field, backend=backend)


def backends() -> list[str]:
    """Name FiftyOne's similarity backends, the one that needs nothing else first."""
    return index.backends()
