"""Image files that are missing when a study or a preview begins: refused, or left out of all arms.

Found when an arm trains on them, hours may have passed, and arms would differ by what is missing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..common.images.faults import refusal, unopenable
from ..config import StudySettings
from ..datasets import reading
from ..runs import Run, run_named
from . import splitting
from .frozen_images import first_few

SKIP = "Or leave them out of every arm: --train.bad_images skip."


def check_files(name: str, view: Any) -> None:
    """Refuse a preview of images whose files cannot be opened; one that was begun goes on.

    Raises:
        DataError: With their count, the first ones and what to do.
    """
    if not _is_begun(run_named(name)):
        _without(view, skip=False)


def readable_view(config: StudySettings, view: Any, *, update: bool) -> tuple[Any, list[str]]:
    """Return the images of a study without those whose files cannot be opened, where it says so.

    A study that was begun keeps the images that it has; see `splitting.freeze`.

    Args:
        config: Its settings, of which ``train.bad_images`` says what to do.
        view: Its images.
        update: Whether a study that was begun takes these images from now on.

    Returns:
        The images, and a sentence with the count of those that are left out, if any are.

    Raises:
        DataError: Some cannot be opened and are not to be left out, or all.
    """
    run = run_named(config.name)
    begun = _is_begun(run) and not update
    skip = config.train.bad_images == "skip"
    if begun and not skip:
        return view, []
    return _without(
        view, skip=skip, keep=splitting.begun_with(run) if begun else (), otherwise=SKIP
    )


def _is_begun(run: Run) -> bool:
    return run.exists and splitting.is_begun(run)


def _without(
    view: Any, *, skip: bool, keep: Collection[str] = (), otherwise: str = ""
) -> tuple[Any, list[str]]:
    """Leave out what cannot be opened, but for the samples to keep, or refuse it."""
    listed = reading.read_paths(view)
    faults = unopenable(listed.paths)
    if faults and not skip:
        raise refusal(faults, len(listed.ids), otherwise)
    kept = set(keep)
    out = [place for place in faults if listed.ids[place] not in kept]
    if not out:
        return view, []
    if len(out) == len(listed.ids):
        raise refusal(faults, len(listed.ids))
    names = first_few([listed.names[place] for place in out])
    note = (
        f"{len(out)} of {len(listed.ids)} images cannot be read and are left out of every arm "
        f"({names})."
    )
    return view.exclude([listed.ids[place] for place in out]), [note]
