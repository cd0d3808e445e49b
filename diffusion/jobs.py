"""Prepare, start and stop a training; light to import."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..common.errors import DataError, RunError, SettingsError
from ..common.process import Process
from ..config import TrainSettings, launch_words
from ..runs import Busy, Run, StopRequest, launch, lease
from ..runs.forking import Child
from . import classes, manifest, pixels
from .init import initialize

MODULE = "curadiff.diffusion.train.worker"
NOTES = 20  # at most, of the notes on how images were read, stand in ``run.json``
LOOP = ("torch._dynamo", "curadiff.diffusion.train.loop")  # PyTorch's optimizers import the first
IMPORTS = {
    "unet2d": (*LOOP, "diffusers.models.unets.unet_2d", "curadiff.diffusion.networks.attention"),
    "lucidrains": LOOP,
    "analytic": ("curadiff.diffusion.analytic.freezing",),
}
"""What the process of a training spends its first seconds on, by network; see `runs.forking`."""
MAY_CHANGE = (  # when a training goes on: how long and where, not what it learns from
    "steps",
    "cooldown",
    "learning_rate",
    "checkpoint_every",
    "keep_checkpoints",
    "keep_every",
    "grid_every",
    "tracker",
    "processes",
    "accelerate",
    "accumulate",
    "device",
    "mixed_precision",
    "compile",
)


def prepare(
    run: Run,
    *,
    ids: Sequence[str],
    paths: Sequence[str | Path],
    settings: TrainSettings,
    extra: dict[str, Any] | None = None,
    held_out: Sequence[str | Path] | None = None,
    labels: Sequence[str | None] | None = None,
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

    Returns:
        The manifest: ids, paths, sha256 of each file, and one hash over all. ``run.json`` says
        what was skipped, and what to know of how images were read.

    Raises:
        DataError: No images, other counts of ids and paths, or bad images; the
            first bad ones are named. Or ``start_from`` is not such a checkpoint.
        RunError: ``start_from`` is no run with weights, or was trained with other settings. Or
            this run has trained already, or was made with other settings.
    """
    if (run.path / manifest.NAME).exists() and any(run.path.glob("checkpoints/step-*")):
        raise RunError(f"{run.id} has trained already; start a new training for other images.")
    if settings != TrainSettings(**run.settings):
        raise RunError(
            f"{run.id} was made with other settings; give TrainSettings(**run.settings)."
        )
    ids = [str(one) for one in ids]
    if len(ids) != len(paths):
        raise DataError(f"got {len(ids)} ids and {len(paths)} paths; give one id per path.")
    if not ids:
        raise DataError("there are no images to train on; select at least one.")
    labels = _labels(ids, labels, settings)
    if settings.start_from is not None:
        initialize.from_setting(run, settings.start_from)
    images, skipped, notes = _read(ids, paths, settings, labels)
    manifest.write(run, images)
    if held_out is not None and len(held_out):
        names = [str(path) for path in held_out]
        others, left_out, more = _read(names, held_out, settings)
        notes |= more
        others, both = manifest.without(others, images["sha256"])
        if not others["ids"]:
            raise DataError("all held-out images are trained on too; hold out others.")
        manifest.write(run, others, manifest.HELD_OUT)
        left_out += [{"path": path, "why": "it is trained on too"} for path in both]
        run.add(skipped_held_out=left_out)
    facts = {"manifest_hash": images["hash"], "images": len(images["ids"]), "skipped": skipped}
    facts |= {"noted": len(notes), "notes": [notes[path] for path in sorted(notes)[:NOTES]]}
    if "labels" in images:
        facts |= {"classes": classes.counts(images["labels"])}
        facts |= {"unlabeled": images["labels"].count(None)}
    run.add(**(extra or {}), **facts)
    return images


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
        first = " ".join(str(fault) for fault in list(faults.values())[:3])
        raise DataError(
            f"{len(faults)} of {len(paths)} images cannot be read. {first} "
            "Or train without them: bad_images=skip."
        )
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


def change(run: Run, **values: Any) -> None:
    """Change settings of a training that no process works in; ``run.json`` keeps the old ones.

    Args:
        run: Prepared with `prepare`; it goes on with `start`.
        **values: Some of `MAY_CHANGE`, such as more ``steps``.

    Raises:
        SettingsError: A setting is fixed once a training has begun, or a value is wrong.
    """
    fixed = [name for name in values if name not in MAY_CHANGE]
    if fixed:
        raise SettingsError(
            f"{', '.join(fixed)} cannot change once a training has begun; what can: "
            f"{', '.join(MAY_CHANGE)}. Or begin another with start_from={run.id}."
        )
    before = TrainSettings(**run.settings)
    after = before.changed(**values)
    done = run.status.get("step", 0)
    if after.steps < done:
        raise SettingsError(f"steps must be >= {done}, which are done, got {after.steps}.")
    old = {name: getattr(before, name) for name in values}
    if old != {name: getattr(after, name) for name in values}:
        changes = [*run.record.get("changes", []), {"step": done, "before": old}]
        run.add(settings=after.model_dump(mode="json"), changes=changes)


def start(run: Run, *, slot: int = 0, slots: int = 1) -> Child:
    """Train in a process of its own, from the last checkpoint if there is one.

    Args:
        run: Prepared with `prepare`.
        slot: Number of this training among those that run side by side.
        slots: How many do; it takes its share of the processor's cores, and of several GPUs
            the one that is its turn.

    Raises:
        RunError: The run was not prepared, or a process works in it already.
    """
    manifest.read(run)
    holder = lease.holder(run.path)
    if holder is not None:
        raise Busy(f"{run.id} is being trained already, by {holder}; stop it first.")
    settings = TrainSettings(**run.settings)
    flags = launch_words(settings.accelerate)
    command = launch.launcher(MODULE, str(run.path), processes=settings.processes, flags=flags)
    return launch.start(run, command, env=_share(settings, slot, slots))


def _share(settings: TrainSettings, slot: int, slots: int) -> dict[str, str]:
    """Say in environment variables what one of several trainings may use."""
    if slots == 1:
        return {}
    variables = {}
    if "OMP_NUM_THREADS" not in os.environ:
        variables["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // slots))
    if settings.processes == 1 and not settings.accelerate:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = visible.split(",") if visible else [str(n) for n in range(_gpus())]
        if len(names) > 1:
            variables["CUDA_VISIBLE_DEVICES"] = names[slot % len(names)]
    return variables


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


def train_here(run: Run) -> str:
    """Train in this process until the end, ``finished``, or until it is asked to stop.

    SIGTERM, `stop` from another process and Ctrl-C write a checkpoint; then this returns
    ``stopped``.

    Raises:
        CuradiffError: As the status of the run then says.
    """
    from .train.worker import train_run

    manifest.read(run)
    stop_request = StopRequest()
    with stop_request.listening():
        return train_run(run, stop_request)


def freeze(run: Run) -> str:
    """Keep the images of a prepared run of the network ``analytic``; ends with ``finished``.

    It takes seconds and, unlike `train_here`, ends at Ctrl-C.

    Raises:
        CuradiffError: As the status of the run then says.
    """
    from .train.worker import train_run

    return train_run(run, lambda: False)


def stop(run: Run) -> Process:
    """Ask a training to write a checkpoint and end; returns its process at once.

    Raises:
        RunError: Nothing is training in this run.
    """
    process = launch.end(run)
    if process is None:
        raise RunError(f"{run.id} is not being trained (it is {run.status['state']}).")
    return process
