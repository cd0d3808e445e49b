"""A preview's run directory: made once, opened again for the same images and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import runs
from ...common.errors import RunError, SettingsError
from ...config import ArmSettings, PreviewSettings, settings_of
from ...datasets import reading
from ...runs import Run
from .. import frozen_images, splitting
from ..opening import open_or_make
from ..recorded import budget_is_free, differences, preview_settings
from .arms import OwnArms

MAY_CHANGE = ("arms", "noise_seeds", "device", "fields")
"""Settings that only add work, or say where it is done."""


def open_preview(config: PreviewSettings, known: Mapping[str, Any]) -> Run:
    """Open the preview of that name, or make it.

    Args:
        config: Its settings.
        known: The data set, as `datasets.identity.identity` tells it: one that was renamed is
            the same, another that has the name now is not.

    Raises:
        SettingsError: It exists with other settings, of another data set, or is something else.
    """
    settings = config.model_dump(mode="json")
    run, new = open_or_make("preview", config, lambda run: note_settings(run, config, known))
    if new:
        return run
    _check_dataset(config.name, run.record, known)
    before = preview_settings(run).model_dump(mode="json")
    free = (*MAY_CHANGE, "budget") if budget_is_free(run) else MAY_CHANGE
    different = differences(before, settings, may_change=free)
    if different:
        raise SettingsError(
            f"the preview {config.name} was made with other settings ({'; '.join(different)}); "
            "give the same ones to go on, or choose another name. Arms and noise seeds may be "
            "added."
        )
    return run


def note_settings(run: Run, config: PreviewSettings, known: Mapping[str, Any]) -> None:
    """Record the settings and the data set of a preview, whose lease is held."""
    run.add(settings=config.model_dump(mode="json"), dataset=known["name"], identity=dict(known))


def _check_dataset(name: str, record: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse another data set; one that was imported anew from the same folders is the same."""
    before = record.get("identity") or {"name": record.get("dataset")}
    if before.get("id"):
        imported = before.get("folders") and before["folders"] == known["folders"]
        again = before["name"] == known["name"] and imported
        same = before["id"] == known["id"] or again
    else:  # a record of an older version
        same = before["name"] == known["name"]
    if not same:
        other = f", which has the same name {known['name']!r} now and other images"
        what = other if before["name"] == known["name"] else f", not of {known['name']!r}"
        raise SettingsError(
            f"name: the preview {name} is one of the data set {before['name']!r}{what}; choose "
            "another name."
        )


def own_arms(run: Run, given: OwnArms) -> dict[str, ArmSettings]:
    """Return the arms with settings of their own that a preview has, after adding those given."""
    kept = run.record.get("own_arms") or {}
    added = {name: arm.model_dump(mode="json") for name, arm in given.items()}
    if added:
        kept = {**kept, **added}
        run.add(own_arms=kept)
    return {name: settings_of(ArmSettings, run, arm) for name, arm in kept.items()}


def freeze_images(run: Run, dataset: Any, view: Any) -> splitting.Frozen:
    """Read which images a preview is of, or decide it.

    Args:
        run: The preview.
        dataset: The data set as it is now.
        view: The images that it was asked for now. They must have those that the preview was
            begun with among them; further ones are counted, and left out.

    Raises:
        RunError: Images are gone, changed, or not among those that were asked for.
    """
    frozen = splitting.freeze(run, dataset, view)
    asked = set(reading.read_paths(view).ids)
    left_out = [image.name for image in frozen.images if image.id not in asked]
    if left_out:
        raise RunError(
            f"the preview {run.id} is of {len(frozen.images)} images, and {len(left_out)} of them "
            f"are not among the {len(asked)} given now ({frozen_images.first_few(left_out)}); give "
            "the images it was begun with, or choose another name for a preview of these."
        )
    return frozen


def samples_today(run: Run, frozen: splitting.Frozen) -> dict[str, str]:
    """Return the sample that each image has today, by the one it had when the preview began."""
    begun_with = runs.read_json(run.path / splitting.IMAGES)["images"]
    return {
        str(then["id"]): image.id
        for then, image in zip(begun_with, frozen.images, strict=True)
        if image.id is not None
    }
