"""``train``: a diffusion model of a view's images, in a process of its own."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from .. import diffusion, runs
from ..common.errors import RunError, Stopped
from ..config import TrainSettings, settings_of
from ..config.options import TrainOptions
from ..config.signatures import with_settings
from ..datasets import counting, identity, reading, selections, writing
from ..datasets.database import lost_in_words
from ..datasets.selection_images import SelectionImages, selection_images
from ..diffusion.train.patience import PATIENCE
from ..runs import Run, launch
from ..runs.failure import failure
from .estimating import warn_without_gpu
from .over_shards.sources import refuse
from .progress import Progress, Report, reporting, tell

ORIGIN = ("dataset", "identity", "arm", "ids_hash", "selected_with")
POLL = 0.5  # seconds between two looks at status.json


@with_settings(TrainSettings)
@lost_in_words()
def train(
    samples: Any, *, wait: bool = True, progress: Progress = True, **settings: Unpack[TrainOptions]
) -> Run:
    """Train a DDPM on the images of a view.

    The training runs in a process of its own, from a manifest of files, and outlives
    the caller's. Ctrl-C while waiting stops it at a checkpoint. With a ``name``, the same
    call goes on where an earlier one was stopped or killed.

    A selection's images are those of its record. Where a person has changed its tag or saved
    view since, that is said, with what is used, and kept as ``selection_changed`` in the run.

    Args:
        samples: A FiftyOne data set, its name, or a view such as ``select(...).view``.
        wait: Return when it has finished; otherwise at once.
        progress: Show a bar (True), nothing (False), or call ``progress(done, total)``.
        **settings: See `TrainSettings`.

    Returns:
        The run. ``DDPMPipeline.from_pretrained(run.path)`` loads the model, with ``classes``
        ``DiffusionPipeline.from_pretrained(run.path, trust_remote_code=True)``.

    Raises:
        SettingsError: A setting is wrong.
        DataError: The view is empty, or an image cannot be read.
        RunError: The training failed; the message says why and where its log is. Or another
            training has its name, or it is at work already.
    """
    config = TrainSettings(**settings)
    refuse(samples, "train", f"make a data set of them first: curadiff import {samples}")
    dataset, view = reading.resolve(samples)
    selection = selection_images(dataset, view)
    pool = reading.read_paths(selection.view if selection else view)
    if selection and selection.difference:
        tell(progress, selection.difference)
    run = _made_before(config, pool)
    if run is None:
        run = new_run(dataset, pool, config, selection=selection)
    elif run.status["state"] == "finished":
        return run
    else:
        note(dataset, run, pool.ids)
    warn_without_gpu(config)
    if rising := config.warmup_note():
        warnings.warn(rising, stacklevel=2)
    diffusion.start(run)
    return follow(run, progress=progress) if wait else run


def _made_before(config: TrainSettings, pool: reading.Samples) -> Run | None:
    """Return the training that the same call has made before, None when there is none.

    Raises:
        RunError: Its name is taken by a run of other settings or images, or it is at work.
    """
    if config.name is None or not (run := runs.run_named(config.name)).exists:
        return None
    if run.kind != "train":
        raise RunError(f"a {run.kind} run is named {config.name}; choose another name.")
    settings = config.model_dump(mode="json")
    stored = settings_of(TrainSettings, run).model_dump(mode="json")  # with settings added since
    differ = [name for name, value in settings.items() if stored.get(name) != value]
    if run.record.get("ids_hash") != writing.ids_hash(pool.ids):
        differ.append("the images")
    if differ:
        raise RunError(
            f"the training {config.name} exists and differs in {', '.join(differ)}; choose "
            f"another name, or go on with that one: curadiff train --resume {config.name}"
        )
    state = run.status["state"]
    if state in runs.ACTIVE:
        raise runs.Busy(
            f"{run.id} is {state} already; see it with: curadiff runs {run.id} --follow"
        )
    return run


def new_run(
    dataset: Any,
    pool: reading.Samples,
    config: TrainSettings,
    *,
    arm: str | None = None,
    folder: Path | None = None,
    held_out: reading.Samples | None = None,
    patience: int | None = None,
    selection: SelectionImages | None = None,
) -> Run:
    """Make a training's run directory and manifest, and record it with the data set.

    The manifest calls images by their names, which outlive the data set; its ids do not.

    Args:
        dataset: The data set.
        pool: The images.
        config: Settings.
        arm: What the choice of images is called; by default the selection's name.
        folder: Where the run's directory is made; by default among the runs of the home.
        held_out: Images of the data set that are not trained on; with ``classes`` their loss is
            that of the network with their class.
        patience: End after so many checkpoints whose loss on these has not fallen; by default
            all steps are made.
        selection: The selection that the images are of, where the caller has looked it up.
    """
    name = selection.name if selection else selections.selection_of(dataset, pool.ids)
    selected_with = selections.encoders_of(dataset, [name] if name else [])
    if arm is None and (selection is None or selection.chosen):
        arm = name
    if arm is None:
        arm = "full" if len(pool.ids) == counting.exact(dataset) else "view"
    changed = selection.difference if selection else None
    origin = {
        **({"selection_changed": changed} if changed else {}),
        **({} if patience is None else {PATIENCE: patience}),
        "dataset": dataset.name,
        "identity": identity.identity(dataset),
        "arm": arm,
        "ids_hash": writing.ids_hash(pool.ids),
        "selected_with": selected_with,
    }
    labels = held_out_labels = None
    if config.classes is not None:
        labels = reading.class_labels(dataset, list(pool.ids), config.classes)
        if held_out is not None:
            held_out_labels = reading.class_labels(dataset, held_out.ids, config.classes)
    full = config.model_dump(mode="json")
    with runs.making("train", full, name=config.name, folder=folder) as run:
        diffusion.prepare(
            run,
            ids=pool.names,
            paths=pool.paths,
            settings=config,
            extra=origin,
            held_out=held_out.paths if held_out else None,
            labels=labels,
            held_out_labels=held_out_labels,
        )
    _warn(run)
    note(dataset, run, pool.ids)
    return run


def _warn(run: Run) -> None:
    """Say what to know of how the images of a new training were read."""
    noted, notes = run.record.get("noted", 0), run.record.get("notes", [])
    if noted:
        more = f" ({noted - 1:,} more images have such a note: {run.path / 'run.json'})"
        warnings.warn(f"{notes[0]}{more if noted > 1 else ''}", stacklevel=4)


def note(dataset: Any, run: Run, ids: Sequence[str]) -> None:
    """Record a training with the data set, unless it is.

    Args:
        dataset: The data set.
        run: The training.
        ids: Samples that it is trained on.
    """
    key = f"train_{writing.key_of(run.id)}"
    known = writing.recorded(dataset, key)
    if known is not None and known.get("path") == str(run.path):
        return
    record = run.record
    origin = {name: record[name] for name in ORIGIN if name in record}
    writing.record(
        dataset,
        key,
        verb="train",
        config={**origin, "run": run.id, "path": str(run.path), "settings": run.settings},
        results={"ids": list(ids)},
    )


def prepared(run: Run) -> bool:
    """Tell whether a training's directory is complete: what is written last is there."""
    if not (run.path / "manifest.json").exists() or not run.exists:
        return False
    try:
        record = run.record
        runs.read_json(run.path / "manifest.json")
    except RunError:
        return False
    return {"dataset", "manifest_hash", "images"} <= record.keys()


@with_settings(TrainSettings, unchanged=True)
@lost_in_words()
def resume(
    run: str | Path | Run,
    *,
    wait: bool = True,
    progress: Progress = True,
    **changes: Unpack[TrainOptions],
) -> Run:
    """Go on with a training from its last checkpoint, also longer or on other devices.

    Args:
        run: The run, its id or its path.
        wait: Return when it has finished; otherwise at once.
        progress: As for `train`.
        **changes: Settings to change from here on, such as ``steps=40_000`` for a training that
            has finished, or ``processes=1``; see `diffusion.change`.

    Raises:
        SettingsError: A setting cannot change any more, or its value is wrong.
        RunError: There is no such run, a process works in it, or the training failed.
    """
    run = _training(run)
    status = run.status
    if status["state"] in runs.ACTIVE:
        raise RunError(
            f"{run.id} is {status['state']}; stop it first, or follow it with: curadiff runs"
        )
    steps = settings_of(TrainSettings, run).changed(**changes).steps
    if status["state"] == "finished" and status.get("step", 0) >= steps:
        diffusion.change(run, **changes)
        return run
    diffusion.start(run, changes=changes)
    return follow(run, progress=progress) if wait else run


@lost_in_words()
def stop(run: str | Path | Run) -> Run:
    """Ask a training to write a checkpoint and end; it can be resumed.

    Raises:
        RunError: There is no such run, or nothing is running in it.
    """
    run = _training(run)
    if run.status["state"] not in runs.ACTIVE:
        raise RunError(f"{run.id} is not running (it is {run.status['state']}).")
    diffusion.stop(run)
    return run


def follow(run: Run, *, progress: Progress = True, stop_on_interrupt: bool = True) -> Run:
    """Wait until a run has ended, showing how far it is.

    Args:
        run: A training.
        progress: As for `train`.
        stop_on_interrupt: Whether Ctrl-C stops the training at a checkpoint, a second one without
            waiting for that; otherwise it ends the waiting alone.

    Raises:
        Stopped: It was asked to end.
        RunError: It failed, or its process died.
    """
    with reporting(progress, f"train {run.id}", "step") as report:
        try:
            status = _until_ended(run, report)
        except KeyboardInterrupt:
            if not stop_on_interrupt:
                raise
            diffusion.stop(run)
            tell(progress, f"stopping {run.id} at a checkpoint; Ctrl-C again does not wait for it")
            try:
                status = _until_ended(run, report)
            except KeyboardInterrupt:
                raise Stopped(
                    f"{run.id} stops as soon as its checkpoint is written; go on with: "
                    f"curadiff train --resume {run.id}"
                ) from None
    if status["state"] == "finished":
        return run
    if status["state"] == "new":
        raise RunError(
            f"{run.id} was never started; start it with: curadiff runs {run.id} --resume"
        )
    if status["state"] == "stopped":
        raise Stopped(
            f"{run.id} was stopped at step {status.get('step', 0)}; go on with: "
            f"curadiff train --resume {run.id}"
        )
    why = status.get("error") or "its process ended without a word"
    message = f"{run.id} {status['state']}: {why} (log: {run.path / 'output.log'})"
    if run.kind != "train" or (status["state"] == "failed" and status.get("advised")):
        raise failure(run, message)  # the error says what to do, or the study does
    raise failure(
        run, f"{message}. Go on from its last checkpoint with: curadiff train --resume {run.id}"
    )


def end_all(trainings: Sequence[Run]) -> None:
    """Stop the trainings that still run, each at a checkpoint, and wait for that."""
    going = [run for run in trainings if run.status["state"] in runs.ACTIVE]
    for run in going:
        launch.end(run)
    for run in going:
        _until_ended(run, lambda done, total: None)


def _until_ended(run: Run, report: Report) -> dict[str, Any]:
    while True:
        status = run.status
        if status.get("steps"):
            report(status.get("step", 0), status["steps"])
        if status["state"] not in runs.ACTIVE:
            return status
        time.sleep(POLL)


def _training(run: str | Path | Run) -> Run:
    run = runs.open_run(run)
    if run.kind != "train":
        raise RunError(f"{run.id} is a {run.kind} run; give a training run.")
    return run
