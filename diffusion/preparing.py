"""Prepare a training: check its images and write down which they are; light to import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..common.errors import DataError, RunError, SettingsError
from ..common.images.faults import refusal
from ..config import TrainSettings, settings_of
from ..runs import Run
from . import classes, manifest, pixels
from .init import initialize
from .train.patience import PATIENCE

NOTES = 20  # at most, of the notes on how images were read, stand in ``run.json``


def prepare(
    run: Run,
    *,
    ids: Sequence[str],
    paths: Sequence[str | Path],
    settings: TrainSettings,
    extra: dict[str, Any] | None = None,
    held_out: Sequence[str | Path] | None = None,
    labels: Sequence[str | None] | None = None,
    held_out_labels: Sequence[str | None] | None = None,
) -> manifest.Manifest:
    """Check the images, prepare their pixels and write ``manifest.json``.

    Args:
        run: A new run of kind ``train``.
        ids: One per image, in the order of the selection.
        paths: Their files.
        settings: Say the size, and whether bad images are refused or skipped.
        extra: Whatever else ``run.json`` should say, such as the selection's name.
        held_out: Files of images that are not trained on; at every checkpoint the
            loss on some of them is logged beside that on training images.
        labels: The class of each image, None where it has none, if the settings have
            ``classes``; unlabeled images are trained on as images of no class.
        held_out_labels: The same of each held-out image, so that its loss is the one with its
            class. Without them all logged losses are those without a class.

    Returns:
        The manifest: ids, paths, sha256 of each file, and one hash over all. ``run.json`` says
        what was skipped, and what to know of how images were read.

    Raises:
        DataError: No images, other counts of ids, paths and labels, or bad images; the
            first bad ones are named. Or ``start_from`` is not such a checkpoint, or no held-out
            image is left whose loss can be measured.
        SettingsError: The training is to end when the loss on held-out images does not fall any
            more, and none are held out.
        RunError: ``start_from`` is no run with weights, or was trained with other settings. Or
            this run has trained already, or was made with other settings.
    """
    if (run.path / manifest.NAME).exists() and any(run.path.glob("checkpoints/step-*")):
        raise RunError(f"{run.id} has trained already; start a new training for other images.")
    if settings != settings_of(TrainSettings, run):
        raise RunError(
            f"{run.id} was made with other settings; give TrainSettings(**run.settings)."
        )
    ids = [str(one) for one in ids]
    if len(ids) != len(paths):
        raise DataError(f"got {len(ids)} ids and {len(paths)} paths; give one id per path.")
    if not ids:
        raise DataError("there are no images to train on; select at least one.")
    labels = _labels(ids, labels, settings)
    if PATIENCE in (extra or {}) and (held_out is None or not len(held_out)):
        raise SettingsError(
            "patience needs held-out images, whose loss it watches, and none are held out; hold "
            "some out, or leave patience out."
        )
    if settings.start_from is not None:
        initialize.from_setting(run, settings.start_from)
    images, skipped, notes = _read(ids, paths, settings, labels)
    manifest.write(run, images)
    if held_out is not None and len(held_out):
        notes |= _hold_out(run, held_out, held_out_labels, images, settings)
    facts = {"manifest_hash": images["hash"], "images": len(images["ids"]), "skipped": skipped}
    facts |= {"noted": len(notes), "notes": [notes[path] for path in sorted(notes)[:NOTES]]}
    if "labels" in images:
        facts |= {"classes": classes.counts(images["labels"])}
        facts |= {"unlabeled": images["labels"].count(None)}
    run.add(**(extra or {}), **facts)
    return images


def _hold_out(
    run: Run,
    paths: Sequence[str | Path],
    labels: Sequence[str | None] | None,
    trained_on: manifest.Manifest,
    settings: TrainSettings,
) -> dict[str, str]:
    """List the held-out images whose loss is logged; return what to know of how they were read."""
    known = trained_on.get("labels")
    if labels is not None and (known is None or len(labels) != len(paths)):
        raise DataError(
            f"there are {len(labels)} labels of held-out images for {len(paths)} images"
            f"{', and the setting classes is not given' if known is None else ''}; give one per "
            "image with classes, none without."
        )
    others, skipped, notes = _read([str(path) for path in paths], paths, settings, labels)
    others, both = manifest.without(others, trained_on["sha256"])
    skipped += [{"path": path, "why": "it is trained on too"} for path in both]
    if not others["ids"]:
        raise DataError("all held-out images are trained on too; hold out others.")
    if known is not None and not classes.learns_no_class(known, settings.label_dropout):
        names = classes.counts(known)
        given = others.get("labels") or [None] * len(others["ids"])
        others, unknown = manifest.keep(others, [label in names for label in given])
        why = "it has none of the classes, and with label_dropout 0 the network needs one"
        skipped += [{"path": path, "why": why} for path in unknown]
        if not others["ids"]:
            raise DataError(
                "no held-out image has one of the classes that are trained on, and with "
                "label_dropout 0 the network needs one; hold out labeled images, or give "
                "label_dropout 0.1."
            )
    manifest.write(run, others, manifest.HELD_OUT)
    run.add(skipped_held_out=skipped)
    return notes


def _labels(
    ids: Sequence[str], labels: Sequence[str | None] | None, settings: TrainSettings
) -> list[str | None] | None:
    """Check that there are labels where the settings have classes, and only there."""
    if settings.classes is None:
        if labels is not None:
            raise DataError("labels are given and the setting classes is not; give both or none.")
        return None
    if labels is None or len(labels) != len(ids):
        raise DataError(
            f"classes is {settings.classes}, so every image needs a label: got "
            f"{'none' if labels is None else len(labels)} for {len(ids)} images."
        )
    given = [label or None for label in labels]
    if not any(given):
        raise DataError(f"none of the {len(ids)} images has a label in {settings.classes}.")
    return given


def _read(
    ids: Sequence[str],
    paths: Sequence[str | Path],
    settings: TrainSettings,
    labels: Sequence[str | None] | None = None,
) -> tuple[manifest.Manifest, list[dict[str, str]], dict[str, str]]:
    """Put the images into the pixel cache.

    Returns:
        Their manifest, what was skipped, and by file what to know of how it was read.
    """
    size = settings.image_size
    sha256 = manifest.hashes(paths)
    known = [digest for digest in sha256 if digest is not None]
    if len(known) == len(paths) and pixels.is_stored(known, size):
        notes = pixels.notes_on(known, size)
        return manifest.make(ids, paths, known, labels), [], _by_path(notes, paths)
    notes: pixels.Notes = {}
    pictures, faults = pixels.decode(paths, size, notes)
    if faults and settings.bad_images == "refuse":
        raise refusal(faults, len(paths), "Or train without them: bad_images=skip.")
    good = [i for i in range(len(paths)) if i not in faults]
    if not good:
        raise DataError(f"none of the {len(paths)} images can be read. {faults[0]}")
    kept = [digest for i, digest in enumerate(sha256) if i not in faults and digest is not None]
    labels = None if labels is None else [labels[i] for i in good]
    made = manifest.make([ids[i] for i in good], [paths[i] for i in good], kept, labels)
    row_of = {place: row for row, place in enumerate(good)}
    noted = {row_of[place]: note for place, note in notes.items()}
    pixels.store(pictures[good] if faults else pictures, kept, noted)
    skipped = [{"path": str(paths[i]), "why": str(fault)} for i, fault in faults.items()]
    return made, skipped, _by_path(notes, paths)


def _by_path(notes: pixels.Notes, paths: Sequence[str | Path]) -> dict[str, str]:
    return {str(paths[place]): f"{paths[place]} {note}" for place, note in notes.items()}
