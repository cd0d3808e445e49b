"""Similarity of images by FiftyOne's brain, on embeddings that are there.

FiftyOne's own backend (``sklearn``) subtracts the mean from the embeddings it holds before it
compares them, in place. Cosines are then those of other vectors than the field's: neighbours
change places, and the index gives back vectors that differ from the field's by the mean.
Euclidean distances do not change when all vectors are moved alike, and between vectors of length
1 they have the order of cosines. So an index of that backend is made with this metric.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..common.arrays import row_lengths
from ..common.errors import (
    CuradiffError,
    DataError,
    EnvironmentFault,
    SettingsError,
    WeightsError,
    first_line,
    nearest,
)
from . import info, locking, names
from .loaded import commit
from .names import Names
from .resolving import all_samples
from .streaming import stream_vectors
from .writing import key_of

SKLEARN = "sklearn"
UNIT = 1e-3  # of length 1, to this
ZOO_MODEL = "open-clip-torch"


@dataclass(frozen=True)
class ClipText:
    """The text half of an open_clip model, as FiftyOne's model zoo loads it.

    FiftyOne loads it by name in whatever process a query comes to, so it works in an App that
    another process serves. The loaded model is held here, for FiftyOne keeps weak references.

    Attributes:
        zoo_options: The zoo's options for the model: architecture and weights file.
        loaded: The model.
    """

    zoo_options: dict[str, Any]
    loaded: Any


def clip_text(model: str, path: Path) -> ClipText:
    """Load the text half of an open_clip model by FiftyOne's model zoo.

    Args:
        model: open_clip's name of the architecture.
        path: The weights file.

    Raises:
        WeightsError: FiftyOne cannot load it.
    """
    import fiftyone.zoo as foz

    # The zoo's own text_prompt is "A photo of"; a query should mean what was typed.
    options: dict[str, Any] = {"clip_model": model, "pretrained": str(path), "text_prompt": ""}
    try:
        return ClipText(options, foz.load_zoo_model(ZOO_MODEL, **options))
    except Exception as fault:  # FiftyOne's and open_clip's errors have no common base
        if "TorchScript" in str(fault):
            raise WeightsError(
                f"{path} is a TorchScript archive, as OpenAI publishes its models, which FiftyOne "
                "does not read; ask in words with curadiff similar DATASET --text TEXT, or embed "
                "the images with the same weights as .safetensors."
            ) from fault
        raise WeightsError(
            f"FiftyOne cannot load the text half of {model} from {path} ({first_line(fault)}); "
            "embed the images with a whole checkpoint in open_clip's format."
        ) from fault


def write_index(
    dataset: Any, field: str, *, backend: str = SKLEARN, text: ClipText | None = None
) -> str:
    """Make an index of a field's vectors; Curadiff's own of the same field is replaced.

    Args:
        dataset: The data set.
        field: The field with the embeddings, of which samples may have none.
        backend: Name of one of FiftyOne's similarity backends. Where a service or address
            is needed, it is read from FiftyOne's brain configuration.
        text: The text half of the encoder, for queries in words; None without.

    Returns:
        The brain key, by which the App's *Sort by similarity* lists it.

    Raises:
        SettingsError: FiftyOne knows no such backend.
        EnvironmentFault: The backend's package or service is not there.
        DataError: Vectors are not of length 1.
        Busy: Another process changes the data set.
    """
    import fiftyone.brain as fob

    known = backends()
    if backend not in known:
        raise SettingsError(
            f"backend must be one of {', '.join(known)}, got {backend!r}{nearest(backend, known)}."
        )
    _check_unit(dataset, field)
    owner = f"similar {field}"
    options: dict[str, Any] = {"metric": "euclidean"} if backend == SKLEARN else {}
    if text is not None:
        options |= {"model": ZOO_MODEL, "model_kwargs": text.zoo_options}
    with locking.exclusive(dataset, "similar") as held:
        key = names.first_free(dataset, owner, f"similar_{key_of(field)}", "brain_runs")
        held.check()
        names.own(dataset, owner, Names(brain_runs=[key]))
        remove_index(dataset, key)
        try:
            fob.compute_similarity(
                all_samples(dataset).exists(field),
                embeddings=field,
                brain_key=key,
                backend=backend,
                **options,
            )
        except CuradiffError:
            raise
        except Exception as fault:  # a backend's package, service or address, in its own words
            remove_index(dataset, key)
            raise EnvironmentFault(
                f"the backend {backend} could not make an index "
                f"({type(fault).__name__}: {fault}); install and start it, or take {SKLEARN}."
            ) from fault
        names.stamp(dataset, owner, Names(brain_runs=[key]))
    return key


def backends() -> list[str]:
    """Name FiftyOne's similarity backends, the one that needs nothing else first."""
    import fiftyone.brain as fob

    return sorted(fob.brain_config.similarity_backends, key=lambda name: (name != SKLEARN, name))


def index_keys(dataset: Any) -> dict[str, str]:
    """Return the brain keys of our indexes by field."""
    made = info.section(dataset, names.MADE)
    owned = {
        key.removeprefix("brain run "): entry.get("by", "")
        for key, entry in made.items()
        if key.startswith("brain run ")
    }
    there = set(dataset.list_brain_runs())
    return {
        by.removeprefix("similar "): key
        for key, by in owned.items()
        if by.startswith("similar ") and key in there
    }


def takes_text(dataset: Any, key: str) -> bool:
    """Tell whether an index of ours answers queries in words."""
    return bool(dataset.get_brain_info(key).config.supports_prompts)


def remove_index(dataset: Any, key: str) -> None:
    """Remove an index of ours, also from the service that holds it and where a writing was cut."""
    dataset.reload()
    if key not in dataset.list_brain_runs():
        return
    with suppress(Exception):  # the service may be gone; the run is removed in any case
        dataset.load_brain_results(key).cleanup()
    try:
        dataset.delete_brain_run(key)
    except Exception:  # a run that was written in part
        commit(dataset, [{"$unset": [f"brain_methods.{key}"]}])
        dataset.reload()


def _check_unit(dataset: Any, field: str) -> None:
    """Refuse vectors for which Euclidean distances do not have the order of cosines."""
    for number, (id, vector) in enumerate(stream_vectors(all_samples(dataset).limit(1000), field)):
        length = float(row_lengths(np.asarray(vector, np.float64)[None])[0])
        if abs(length - 1) > UNIT and length > 0:
            raise DataError(
                f"vector {number} of {field!r} ({id}) has length {length:.3g} and similarity needs "
                "length 1; embed with Curadiff, or scale the vectors."
            )
