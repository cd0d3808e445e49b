"""Search by similarity in the App, on embeddings that are there already."""

from __future__ import annotations

from typing import Any

from ..common.errors import DataError, EnvironmentFault
from . import locking, names
from .names import Names
from .reading import embedding_fields, read_embeddings
from .resolving import all_samples
from .writing import key_of

DEFAULT_BACKEND = "sklearn"


def backends() -> list[str]:
    """List the index backends that FiftyOne's brain knows, the default first."""
    import fiftyone.brain as fob

    others = sorted(set(fob.brain_config.similarity_backends) - {DEFAULT_BACKEND})
    return [DEFAULT_BACKEND, *others]


def key_of_index(field: str) -> str:
    """Return the brain key of a field's similarity index, where that name is free."""
    return f"similar_{key_of(field)}"


def write_similarity(dataset: Any, field: str, *, backend: str = DEFAULT_BACKEND) -> str:
    """Index the embeddings of a field for FiftyOne's *Sort by similarity*.

    The vectors are those of the field as they are now; the index keeps a copy of them. Given the
    field's name instead, FiftyOne reads ids and vectors apart, and some were swapped in a test.
    Curadiff's own index of the same field is replaced; a brain run of the user's that
    has its name stays, and the index then has a number behind its key.

    Args:
        dataset: The data set.
        field: The field with the embeddings.
        backend: One of `backends`. Those but ``sklearn`` keep the vectors in a service or a
            package of their own, which FiftyOne's configuration names.

    Returns:
        The brain key.

    Raises:
        DataError: There is no such field of embeddings, or no such backend.
        EnvironmentFault: The backend cannot be used on this machine.
        Busy: Another process changes the data set.
    """
    import fiftyone.brain as fob

    if field not in embedding_fields(dataset):
        known = ", ".join(embedding_fields(dataset)) or "there is none yet"
        raise DataError(f"{dataset.name!r} has no embeddings named {field!r} ({known}).")
    if backend not in backends():
        raise DataError(f"backend must be one of {', '.join(backends())}, got {backend!r}.")
    owner = f"similarity {field}"
    with locking.exclusive(dataset, "index for similarity") as held:
        key = names.first_free(dataset, owner, key_of_index(field), "brain_runs")
        held.check()
        names.own(dataset, owner, Names(brain_runs=[key]))
        dataset.reload()
        if dataset.has_brain_run(key):
            dataset.delete_brain_run(key)
        pool = read_embeddings(all_samples(dataset).exists(field), field)
        view = all_samples(dataset).select(pool.ids, ordered=True)
        try:
            fob.compute_similarity(
                view, embeddings=pool.x, brain_key=key, backend=backend, metric="cosine"
            )
        except Exception as error:  # each backend fails in its own way
            if backend == DEFAULT_BACKEND:
                raise
            raise EnvironmentFault(
                f"the backend {backend!r} cannot be used here: {error}. Install and configure it "
                "as FiftyOne's brain documents, or take sklearn, which needs nothing."
            ) from error
    return key
