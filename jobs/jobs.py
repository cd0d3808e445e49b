"""Long verbs as jobs: a run directory and a process of their own that outlive the App.

A job is a run of kind ``job``: ``run.json`` has the verb, what it works on and its
settings, ``status.json`` says how far it is. Every verb goes on where it stopped, so
a job that was stopped or killed is resumed by starting it again. Jobs of different
verbs, or on different data sets, run side by side; a second one of the same verb on
the same data set is refused. A training is a process of its own and no job.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import runs
from ..common.errors import RunError, nearest
from ..config import VERBS, RateServeSettings
from ..datasets import views
from ..diffusion import jobs as trainings
from ..runs import Lease, Run, forking, launch
from .inputs import dataset_names, pack, subject_of

JOBS = ("import", "embed", "generate", "evaluate", "study", "preview", "rate-serve")
SETTINGS = {**VERBS, RateServeSettings.verb: RateServeSettings}
WORKER = "curadiff.jobs.worker"
IMPORTS = (
    *trainings.IMPORTS["unet2d"],
    *("sklearn.linear_model", "plotly.express"),
    "curadiff.datasets.preloading",
    *(f"curadiff.{name}" for name in ("jobs.carry_out", "studies.engine", "studies.rating")),
    *(f"curadiff.workflows.{name}" for name in ("embedding", "evaluating", "generating")),
    *("curadiff.studies.preview.engine", "curadiff.workflows.importing"),
)
"""What a job spends its first seconds on, up to where FiftyOne connects to its database."""
START_PATIENCE = 60.0  # seconds to wait while another job is being started


def start(
    verb: str,
    inputs: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    asked: Mapping[str, Any] | None = None,
) -> Run:
    """Start a verb in a process of its own and return at once.

    Args:
        verb: One of `JOBS`.
        inputs: What the verb works on, by the name of its argument: data sets and views,
            or plain text such as a folder or the id of a run.
        settings: The verb's settings; those not given have their defaults.
        asked: What the App's form that asked for it was sent with, for the run's record.

    Raises:
        SettingsError: A setting is wrong.
        DataError: A view is empty.
        RunError: The same verb works on the same data set already.
    """
    with one_at_a_time():
        run = prepare(verb, inputs, settings, asked=asked)
        _start(run)
    return run


def import_once() -> None:
    """Let this process, which is the App's, start jobs and trainings with one import."""
    forking.keep(IMPORTS)


def prepare(
    verb: str,
    inputs: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    asked: Mapping[str, Any] | None = None,
) -> Run:
    """Make a job's run directory without starting it; see `start`."""
    if verb not in JOBS:
        raise RunError(f"{verb!r} is not a job{nearest(verb, JOBS)} (jobs: {', '.join(JOBS)}).")
    SETTINGS[verb](**settings)
    packed = {name: pack(value) for name, value in inputs.items()}
    dataset, dataset_id = subject_of(packed)
    refuse_twin(verb, dataset, dataset_id)
    with runs.making("job", dict(settings)) as run:
        run.add(
            verb=verb,
            dataset=dataset,
            subject=dataset_id,
            datasets=dataset_names(packed) or [dataset],
            inputs=packed,
            database=views.location(),
            **(asked or {}),
        )
    return run


def resume(job: str | Path | Run) -> Run:
    """Start a job again that was stopped, failed or was killed.

    Raises:
        RunError: There is no such job, it is at work, or it works in another database.
    """
    run = _job(job)
    with one_at_a_time():
        state = run.status["state"]
        if state in runs.ACTIVE:
            raise runs.Busy(f"{run.id} is {state} already; wait for it, or stop it.")
        if state == "finished":
            raise RunError(f"{run.id} has finished; there is nothing left to do.")
        _refuse_other_database(run)
        missing = [name for name in ("verb", "dataset") if name not in run.record]
        if missing:
            raise RunError(
                f"{run.path / 'run.json'} is damaged: it has no {missing[0]}; restore it or start "
                "a new job."
            )
        refuse_twin(run.record["verb"], run.record["dataset"], run.record.get("subject"))
        _start(run)
    return run


def one_at_a_time() -> Lease:
    """Let no other process start a job between looking for the same work and starting it."""
    folder = runs.home() / "runs"
    runs.make_folder(folder)
    return Lease(folder, name="jobs.lock", wait=START_PATIENCE)


def stop(job: str | Path | Run) -> Run:
    """Ask a job to end; what it has done is kept.

    Raises:
        RunError: There is no such job, or it is not at work.
    """
    run = _job(job)
    if launch.end(run) is None:
        raise RunError(f"{run.id} is not running (it is {run.status['state']}).")
    return run


def refuse_twin(
    verb: str, dataset: str | None, dataset_id: str | None, *, but: Run | None = None
) -> None:
    """Refuse a job that another one does; data sets are told by their ids, not their names."""
    for other in runs.survey("job")[0]:
        record = other.record
        its = record.get("subject")
        if record.get("verb") != verb:
            continue
        same = its == dataset_id if its and dataset_id else record.get("dataset") == dataset
        itself = but is not None and other.path == but.path
        if same and not itself and other.status["state"] in runs.ACTIVE:
            raise RunError(
                f"{other.id} does the same on {dataset!r} right now ({other.status['state']}); "
                "wait for it, or stop it."
            )


def _job(job: str | Path | Run) -> Run:
    run = runs.open_run(job)
    if run.kind != "job":
        raise RunError(f"{run.id} is a {run.kind} run, not a job.")
    return run


def _start(run: Run) -> forking.Child:
    """Start a job's process with this process's database; its address stands in no file."""
    return launch.start(run, launch.command(WORKER, str(run.path)), env=views.connection())


def _refuse_other_database(run: Run) -> None:
    """Make sure that a job goes on in the database that it began in.

    Raises:
        RunError: This process uses another one.
    """
    recorded, current = run.record.get("database"), views.location()
    if recorded is not None and "server" not in recorded:  # written with its whole address
        keys = ("FIFTYONE_DATABASE_URI", "FIFTYONE_DATABASE_DIR", "FIFTYONE_DATABASE_NAME")
        recorded = views.location_of(*(recorded.get(key) for key in keys))
        run.add(database=recorded)
    if recorded not in (None, current):
        raise RunError(
            f"{run.id} works in the database {recorded['name']!r} at {recorded['server']}, and "
            f"this process uses {current['name']!r} at {current['server']}; set "
            "FIFTYONE_DATABASE_URI or FIFTYONE_DATABASE_DIR as when it was started, and resume it "
            "again."
        )
