"""Values that a form begins with where the settings' own would lead into failure.

They follow what is here: weights, accelerator, size of the pool. Every form says what it chose
and why; the shell and Python keep the settings' own defaults.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from .. import encoders, runs
from ..config import EmbedSettings, EvaluateSettings, PreviewSettings, SelectSettings, StudySettings
from ..runs import Run

DRAWN = {"count": 100, "steps": 50}
"""How much is drawn where there is no accelerator."""


def has_accelerator() -> bool:
    """Tell whether this machine seems to have a GPU, without importing torch for it."""
    if sys.platform == "darwin":
        return True
    kernel = (Path("/proc/driver/nvidia/gpus"), Path("/dev/kfd"))
    return any(path.exists() for path in kernel) or shutil.which("nvidia-smi") is not None


def embedding() -> tuple[dict[str, Any], list[str]]:
    """Return defaults for embedding, and what to say of them."""
    return _encoder_here(EmbedSettings.model_fields["encoder"].default, "builtin")


def judging() -> tuple[dict[str, Any], list[str]]:
    """Return defaults for an evaluation; its encoder is another one than `embedding`'s."""
    defaults, notes = _encoder_here(EvaluateSettings.model_fields["encoder"].default, "scattering")
    return {**defaults, "counts": "subsample"}, notes


def _encoder_here(preferred: str, fallback: str) -> tuple[dict[str, Any], list[str]]:
    if encoders.is_here(preferred):
        return {}, []
    note = (
        f"The weights of {preferred} are not on this machine, so {fallback} is chosen, which needs "
        "none."
    )
    return {"encoder": fallback}, [note]


def budget(size: int) -> int:
    """Return how many of so many images to choose: the settings' own, or a quarter of fewer."""
    own = SelectSettings().budget
    return own if size >= 2 * own else max(1, size // 4)


def free_name(name: str) -> str:
    """Return a name, with a number behind it where a run has it: that one would be gone on with."""
    free, number = name, 1
    while runs.run_named(free).path.exists():
        number += 1
        free = f"{name}-{number}"
    return free


def training() -> tuple[dict[str, Any], list[str]]:
    """Return defaults for a training, and what to say of them."""
    if has_accelerator():
        return {}, []
    note = (
        "This machine has no GPU, so the preset demo is chosen: a small network and small "
        "pictures, to try the whole way in minutes."
    )
    return {"preset": "demo"}, [note]


def drawing() -> tuple[dict[str, Any], list[str]]:
    """Return defaults for drawing images, and what to say of them."""
    if has_accelerator():
        return {}, []
    return dict(DRAWN), ["This machine has no GPU, so fewer images and steps are chosen."]


def study(size: int) -> tuple[dict[str, Any], list[str]]:
    """Return defaults for a study of so many images, and what to say of them."""
    pool = int(size * (1 - StudySettings().held_out))
    defaults: dict[str, Any] = {"name": free_name("study"), "budget": budget(pool)}
    notes: list[str] = []
    for name, part in (
        ("embed", embedding()),
        ("train", training()),
        ("generate", drawing()),
        ("evaluate", judging()),
    ):
        defaults[name], words = part
        notes += words
    return defaults, notes


def preview(size: int) -> tuple[dict[str, Any], list[str]]:
    """Return defaults for a preview of so many images, and what to say of them."""
    pool = int(size * (1 - PreviewSettings().held_out))
    steps = {"embed": embedding(), "evaluate": judging()}
    values = {name: step for name, (step, _) in steps.items()}
    return {"name": free_name("preview"), "budget": budget(pool), **values}, [
        note for _, notes in steps.values() for note in notes
    ]


def drawing_seconds(run: Run, count: int, steps: int) -> float | None:
    """Estimate how long drawing takes from how fast a model was trained; None where unknown.

    A training step costs about three evaluations of the network per image: one forward and
    two backward.
    """
    rate = run.status.get("images_per_second")
    return count * steps / (3 * rate) if rate else None
