"""``choose_ema``: which length of average draws best, judged on held-out images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import runs
from ..common.errors import SettingsError
from ..config import EvaluateSettings, GenerateSettings
from ..datasets.database import lost_in_words
from ..diffusion.train import power_ema
from ..runs import Run
from .evaluating import evaluate
from .generating import generate
from .progress import Progress

LENGTHS = (None, 0.03, 0.05, 0.1, 0.15, 0.2)
FRECHET = "frechet_distance"
OF_CHOOSE_EMA = {  # what the options of drawing and judging may not say, and why
    "drawing": {
        "ema": "lengths says it",
        "folder": "the images of each length get a folder of their own",
        "progress": "it is an argument of choose_ema itself",
    },
    "judging": {
        "metrics": "lengths are ordered by the Frechet distance",
        "progress": "it is an argument of choose_ema itself",
    },
}


@lost_in_words()
def choose_ema(
    run: str | Path | Run,
    held_out: Any,
    *,
    lengths: Sequence[float | None] = LENGTHS,
    drawing: Mapping[str, Any] | None = None,
    judging: Mapping[str, Any] | None = None,
    progress: Progress = True,
) -> dict[float | None, float]:
    """Draw with averages of several lengths, and compare each with held-out images.

    The same seeds are drawn with each. Choose by other images than those that a result is
    reported on, as the best of several values is a little too good.

    Args:
        run: A training with ``power_ema_every``, its id or its path.
        held_out: Data set, view or folder with real images that it was not trained on.
        lengths: Shares of the training, see the setting ``ema``; None is the ordinary average.
        drawing: Settings of `generate`, such as ``count``, and ``checkpoint``.
        judging: Settings of `evaluate`, such as ``encoder``.
        progress: As for `generate`.

    Returns:
        Frechet distance by length, the best one first.

    Raises:
        SettingsError: A setting is wrong, or there are no lengths.
        RunError: The run has no snapshots of averages.
    """
    if not lengths:
        raise SettingsError("lengths must name at least one, such as 0.1.")
    draw: dict[str, Any] = dict(drawing or {})
    options: dict[str, Any] = {"counts": "unequal", "null_draws": 0, "bootstrap": 0}
    options |= judging or {}
    _check(runs.open_run(run), lengths, draw, options)
    values = {}
    for length in lengths:
        folder = generate(run, ema=length, progress=progress, **draw)
        found = evaluate(folder, held_out, metrics=[FRECHET], progress=progress, **options)
        values[length] = found.values[FRECHET]
    return dict(sorted(values.items(), key=lambda one: one[1]))


def _check(
    run: Run, lengths: Sequence[float | None], drawing: dict[str, Any], judging: dict[str, Any]
) -> None:
    """Refuse what would end the work after a part of the images is drawn.

    Raises:
        SettingsError: A setting is wrong, or is not for the caller to give.
        RunError: There are no snapshots for a length.
    """
    for given, settings in (("drawing", drawing), ("judging", judging)):
        for name in sorted(OF_CHOOSE_EMA[given].keys() & settings.keys()):
            raise SettingsError(
                f"{given} must not give {name}: {OF_CHOOSE_EMA[given][name]}; leave it out."
            )
    EvaluateSettings(**{name: value for name, value in judging.items() if name != "train"})
    step = drawing.get("checkpoint") or run.status.get("step", 0)
    own = {name: value for name, value in drawing.items() if name != "checkpoint"}
    for length in lengths:
        GenerateSettings(**own, ema=length)
    if any(length is not None for length in lengths):
        power_ema.check_saved(run.path, step)
