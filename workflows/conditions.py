"""Under which conditions generated and real images are compared, decided and recorded.

Two things decide what a value means: the pixels that the judge sees, which must be those
that the model was trained on, and the judge's encoder, which should not be the one that
chose the training images.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import runs
from ..common import preparation
from ..common.errors import DataError, RunError
from ..common.preparation import Size
from ..config import EvaluateSettings
from ..datasets import generated, selections
from ..metrics.table import number
from ..runs import Run

IN_SHORT = ("frechet_distance", "precision", "recall", "coverage", "memorized")
SHOWN = 5  # files or sizes that a sentence names


@dataclass(frozen=True)
class Conditions:
    """What a comparison was made with.

    Attributes:
        encoder: Identity of the judge's encoder, without the preparation of the pixels.
        size: Width and height that all images were cut to, None for their own.
        selected_with: Identities of the encoders that chose the training images; empty
            where that is not known, or no encoder was asked.
    """

    encoder: str
    size: Size | None
    selected_with: tuple[str, ...] = ()

    @property
    def same_encoder(self) -> bool | None:
        """Whether the judge's encoder also chose the training images; None: not known."""
        if not self.selected_with:
            return None
        return family(self.encoder) in {family(key) for key in self.selected_with}

    @property
    def notes(self) -> list[str]:
        """Sentences that a reader of the values should see first."""
        notes = [f"All images were judged {preparation.described(self.size)}."]
        if self.same_encoder:
            notes.append(
                "The judge's encoder also chose the training images, so the values favour what "
                "that encoder sees; judge with another one."
            )
        return notes

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, to be stored with the values of the comparison."""
        return {
            "encoder": self.encoder,
            "reference_size": None if self.size is None else list(self.size),
            "preparation": preparation.identity(self.size),
            "selected_with": list(self.selected_with),
            "same_encoder": self.same_encoder,
        }


def in_short(stored: Mapping[str, Any]) -> str:
    """Say a stored evaluation in a line: values with their excess, counts and conditions.

    Args:
        stored: What `datasets.evaluations` keeps of it; older versions kept less.
    """
    records = stored["values"].get("records", {})
    values = stored["values"].get("values", stored["values"])
    parts = []
    for name in IN_SHORT:
        if isinstance(values.get(name), int | float):
            excess = records.get(name, {}).get("excess")
            beside = "" if excess is None else f" (excess {number(excess, sign='+')})"
            parts.append(f"{name.replace('_', ' ')} {number(values[name])}{beside}")
    counts = f"{stored['n_generated']:,} generated, {stored['n_reference']:,} real"
    size = stored.get("reference_size")
    pixels = f", judged at {size[0]} x {size[1]} pixels" if size else ""
    same = "; the judge also selected" if stored.get("same_encoder") else ""
    left_out = [  # which ones the lot left out tells nobody anything
        f"{note.partition(': ')[0]}." if " by lot" in note else note
        for note in about_left_out(stored["values"].get("notes", []))
    ]
    return " ".join([f"{', '.join(parts)} ({counts}{pixels}{same})", *left_out])


def family(key: str) -> str:
    """Name an encoder's weights: its identity without its own pixels and number format."""
    return "|".join(key.split("|")[:-2])


def size_for(config: EvaluateSettings, paths: Sequence[str | Path]) -> Size | None:
    """Say to which size real and generated images are cut before they are compared.

    ``auto`` is the size of the generated images, square or not: it is what the model was
    trained on.

    Args:
        config: Settings of the evaluation.
        paths: Files of the generated images.

    Raises:
        DataError: The generated images are of several sizes, so that it does not follow.
    """
    if isinstance(config.reference_size, int):
        return config.reference_size, config.reference_size
    if config.reference_size == "native":
        return None
    by_size = preparation.count(preparation.sizes(paths))
    if len(by_size) > 1:
        listed = ", ".join(f"{w} x {h} ({many})" for (w, h), many in by_size[:SHOWN])
        more = f" and {len(by_size) - SHOWN} more" if len(by_size) > SHOWN else ""
        raise DataError(
            f"the generated images are of {len(by_size)} sizes: {listed}{more}, so the size that "
            "the model was trained at does not follow; give reference_size=N to compare all "
            "images at N x N pixels, or reference_size=native to compare them as they are."
        )
    return by_size[0][0] if by_size else None


def enlarged(role: str, paths: Sequence[str | Path], size: Size | None) -> list[str]:
    """Say how many images are smaller than the size that they are judged at."""
    if size is None:
        return []
    sizes = [size_known for size_known in preparation.sizes(paths) if size_known is not None]
    small = sum(wide < size[0] or high < size[1] for wide, high in sizes)
    if not small:
        return []
    return [
        f"{small} of {len(sizes)} {role} images are smaller than {size[0]} x {size[1]} pixels "
        "and were enlarged, as training does."
    ]


def left_out(role: str, faults: dict[str, str], count: int) -> list[str]:
    """Name the images that could not be read."""
    if not faults:
        return []
    named = " ".join(list(faults.values())[:SHOWN])
    more = f" And {len(faults) - SHOWN} more." if len(faults) > SHOWN else ""
    was = "was" if len(faults) == 1 else "were"
    return [f"{len(faults)} of {count} {role} images {was} left out: {named}{more}"]


def not_drawn(role: str, paths: Sequence[str | Path], kept: Collection[int]) -> list[str]:
    """Name the readable images that were left out so that both sides have equal counts."""
    others = [str(path) for row, path in enumerate(paths) if row not in kept]
    if not others:
        return []
    named = ", ".join(others[:SHOWN])
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    was = "was" if len(others) == 1 else "were"
    return [
        f"{len(others)} of {len(paths)} {role} images {was} left out by lot, so that both sides "
        f"have equal counts: {named}{more}."
    ]


def about_left_out(notes: Sequence[str]) -> list[str]:
    """Pick the notes that say which images were left out."""
    return [note for note in notes if re.match(r"\d+ of \d+ .* images (was|were) left out", note)]


def selection_encoders(source: Any, train: Any, ids: Collection[str]) -> tuple[str, ...]:
    """Find which encoders chose the images that a model was trained on.

    Args:
        source: View of the generated images, or their folder.
        train: Data set of the training images, None for a folder or where none were given.
        ids: Ids of the training images in it.
    """
    name = None if train is None else selections.selection_of(train, list(ids))
    encoders = selections.encoders_of(train, [name]) if name else []
    for run in _trainings(source):
        encoders += run.record.get("selected_with") or []
    return tuple(dict.fromkeys(encoders))


def _trainings(source: Any) -> list[Run]:
    """Return the trainings that drew these images, as far as they are still there."""
    if isinstance(source, Path):
        record = source / "generated.json"
        named = [runs.read_json(record)["run"]] if record.exists() else []
    else:
        named = generated.trainings_of(source)
    trainings = []
    for name in named:
        try:
            trainings.append(runs.open_run(name))
        except RunError:  # deleted: then nothing is known of its selection
            continue
    return trainings
