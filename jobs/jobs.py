"""Long verbs as jobs: a run directory and a process of their own that outlive the App.

A job is a run of kind ``job``: ``run.json`` has the verb, what it works on and its
settings, ``status.json`` says how far it is. Every verb goes on where it stopped, so
a job that was stopped or killed is resumed by starting it again. Jobs of different
verbs, or on different data sets, run side by side; a second one of the same verb on
the same data set is refused. A training is a process of its own and no job.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .. import runs
from ..common.errors import RunError, Stopped, nearest
from ..config import VERBS, RateServeSettings
from ..datasets import views
from ..datasets.database import lost_in_words
from ..diffusion import jobs as trainings
from ..runs import Lease, Run, forking, launch
from ..workflows.conditions import about_left_out
from ..workflows.progress import Report

JOBS = ("import", "embed", "generate", "evaluate", "study", "preview", "rate-serve")
SETTINGS = {**VERBS, RateServeSettings.verb: RateServeSettings}
WORKER = "curadiff.jobs.worker"
IMPORTS = (
    *trainings.IMPORTS["unet2d"],
    *("sklearn.linear_model", "plotly.express", "strawberry", "mongoengine"),
)
"""What a job spends its first seconds on, up to where FiftyOne connects to its database."""
PATIENCE = 60.0  # seconds to wait while another job is being started
BETWEEN = 0.5  # seconds between two writes of status.json


def start(
    verb: str,
    inputs: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    form: Mapping[str, Any] | None = None,
) -> Run:
    """Start a verb in a process of its own and return at once.

    Args:
        verb: One of `JOBS`.
        inputs: What the verb works on, by the name of its argument: data sets and views,
            or plain text such as a folder or the id of a run.
        settings: The verb's settings; those not given have their defaults.
        form: The values of the App's form that asked for it, to open the form again with.

    Raises:
        SettingsError: A setting is wrong.
        DataError: A view is empty.
        RunError: The same verb works on the same data set already.
    """
    with _one_at_a_time():
        run = prepare(verb, inputs, settings, form=form)
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
    form: Mapping[str, Any] | None = None,
) -> Run:
    """Make a job's run directory without starting it; see `start`."""
    if verb not in JOBS:
        raise RunError(f"{verb!r} is not a job{nearest(verb, JOBS)} (jobs: {', '.join(JOBS)}).")
    SETTINGS[verb](**settings)
    packed = {name: _packed(value) for name, value in inputs.items()}
    dataset, known = _subject(packed)
    _refuse_twin(verb, dataset, known)
    with runs.making("job", dict(settings)) as run:
        run.add(
            verb=verb,
            dataset=dataset,
            subject=known,
            datasets=_datasets(packed) or [dataset],
            inputs=packed,
            database=views.location(),
            **({} if form is None else {"form": dict(form)}),
        )
    return run


def resume(job: str | Path | Run) -> Run:
    """Start a job again that was stopped, failed or was killed.

    Raises:
        RunError: There is no such job, it is at work, or it works in another database.
    """
    run = _job(job)
    with _one_at_a_time():
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
        _refuse_twin(run.record["verb"], run.record["dataset"], run.record.get("subject"))
        _start(run)
    return run


def _one_at_a_time() -> Lease:
    """Let no other process start a job between looking for the same work and starting it."""
    folder = runs.home() / "runs"
    try:
        runs.make_folder(folder)
    except OSError as fault:
        raise RunError(
            f"could not make {folder}: {fault.strerror}; set CURADIFF_HOME to a folder that you "
            "can write to."
        ) from fault
    return Lease(folder, name="jobs.lock", wait=PATIENCE)


def stop(job: str | Path | Run) -> Run:
    """Ask a job to end; what it has done is kept.

    Raises:
        RunError: There is no such job, or it is not at work.
    """
    run = _job(job)
    if launch.end(run) is None:
        raise RunError(f"{run.id} is not running (it is {run.status['state']}).")
    return run


def work(run: Run, report: Report | None = None) -> Any:
    """Carry out a job in this process, writing its status; return what the verb returned.

    Args:
        run: What `prepare` made.
        report: Told ``(done, total)`` too, at most twice a second.

    Raises:
        CuradiffError: As the status then says.
        KeyboardInterrupt or Stopped: It was asked to stop; the status is ``stopped``.
    """
    with ExitStack() as held:
        with _one_at_a_time():
            record = run.record
            _refuse_twin(record["verb"], record["dataset"], record.get("subject"), but=run)
            held.enter_context(Lease(run.path))
            run.set_status("running", message="preparing", error=None, eta_seconds=None)
        meter = _Meter(run, report)
        try:
            with lost_in_words():
                result, outcome = _carry_out(run, meter)
        except (KeyboardInterrupt, Stopped):
            run.set_status("stopped", message="stopped", eta_seconds=None)
            raise
        except Exception as fault:
            error = str(fault) or type(fault).__name__
            run.set_status("failed", error=error, message=error, eta_seconds=None)
            raise
        run.set_status(
            "finished", message=outcome.pop("message"), outcome=outcome, eta_seconds=None
        )
    return result


def _carry_out(run: Run, report: Report) -> tuple[Any, dict[str, Any]]:
    """Call the verb; return its result and what the App should know of it, as JSON."""
    from ..studies.engine import study
    from ..studies.preview.engine import preview
    from ..studies.rating import rate_serve, rate_status
    from ..workflows.embedding import embed
    from ..workflows.evaluating import evaluate
    from ..workflows.generating import generate, import_generated
    from ..workflows.importing import import_images

    record = run.record
    given = {name: _unpacked(value) for name, value in record["inputs"].items()}
    settings = record["settings"]
    match record["verb"]:
        case "import":
            done = import_images(given["source"], **settings)
            return done, {"message": str(done), "dataset": done.dataset.name}
        case "embed":
            done = embed(given["samples"], progress=report, **settings)
            return done, {"message": str(done), "field": done.field}
        case "generate":
            folder = generate(given["run"], progress=report, **settings)
            linked = import_generated(folder)
            return linked, {"message": str(linked), "dataset": linked.dataset.name}
        case "evaluate":
            sides = (given["generated"], given["reference"])
            done = evaluate(*sides, train=given.get("train"), progress=report, **settings)
            said = f"{len(done.generated_rows)} generated images compared."
            said = " ".join([said, *about_left_out(done.notes)])
            return done, {"message": said, "dataset": record["dataset"]}
        case "study":
            done = study(given["source"], progress=report, **settings)
            outcome = {"study": done.run.id, "report": str(done.report)}
            return done, {"message": "the study is finished", **outcome}
        case "preview":
            done = preview(given["source"], progress=report, **settings)
            outcome = {"preview": done.run.id, "page": str(done.page)}
            return done, {"message": "the preview is finished", **outcome}
        case "rate-serve":
            port = RateServeSettings(**settings).port
            address = f"http://127.0.0.1:{port}{rate_status(given['study']).link}"
            run.set_status("running", message=f"asking people at {address}", address=address)
            rate_serve(given["study"], port=port, until=threading.Event())
            return None, {"message": "ended"}
    raise RunError(f"{run.id} asks for {record['verb']!r}, which is not a job.")


class _Meter:
    """Write ``done, total, eta_seconds`` to a job's status, now and then."""

    def __init__(self, run: Run, report: Report | None) -> None:
        self.run, self.report = run, report
        self.wrote = 0.0
        self.began: tuple[float, int, int] | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self.began is None or self.began[2] != total or done < self.began[1]:
            self.began = (now, done, total)
        if now - self.wrote < BETWEEN and done < total:
            return
        self.wrote = now
        since, first, _ = self.began
        rate = (done - first) / (now - since) if now > since and done > first else None
        eta = round((total - done) / rate, 1) if rate else None
        self.run.set_status(
            "running", done=done, total=total, eta_seconds=eta, message=f"{done} of {total}"
        )
        if self.report is not None:
            self.report(done, total)


def _refuse_twin(
    verb: str, dataset: str | None, known: str | None, *, but: Run | None = None
) -> None:
    """Refuse a job that another one does; data sets are told by their ids, not their names."""
    for other in runs.survey("job")[0]:
        record = other.record
        its = record.get("subject")
        if record.get("verb") != verb:
            continue
        same = its == known if its and known else record.get("dataset") == dataset
        itself = but is not None and other.path == but.path
        if same and not itself and other.status["state"] in runs.ACTIVE:
            raise RunError(
                f"{other.id} does the same on {dataset!r} right now ({other.status['state']}); "
                "wait for it, or stop it."
            )


def _packed(value: Any) -> Any:
    if value is None or isinstance(value, str | Path | Run):
        return value.id if isinstance(value, Run) else value and str(value)
    return views.pack(value)


def _unpacked(value: Any) -> Any:
    return views.unpack(value) if isinstance(value, dict) else value


def _datasets(packed: Mapping[str, Any]) -> list[str]:
    """Name all data sets among a job's inputs."""
    return [value["dataset"] for value in packed.values() if isinstance(value, dict)]


def _subject(packed: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the name and the id of the data set that a job works on: its first input.

    The id is None where the job works on a folder, or an older version wrote none.
    """
    for value in packed.values():
        if isinstance(value, dict):
            return value["dataset"], value.get("identity", {}).get("id")
    if "run" in packed:
        record = runs.open_run(packed["run"]).record
        return record.get("dataset"), record.get("identity", {}).get("id")
    return next((value for value in packed.values() if value), None), None


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
    made_in, here = run.record.get("database"), views.location()
    if made_in is not None and "server" not in made_in:  # written with its whole address
        keys = ("FIFTYONE_DATABASE_URI", "FIFTYONE_DATABASE_DIR", "FIFTYONE_DATABASE_NAME")
        made_in = views.location_of(*(made_in.get(key) for key in keys))
        run.add(database=made_in)
    if made_in not in (None, here):
        raise RunError(
            f"{run.id} works in the database {made_in['name']!r} at {made_in['server']}, and this "
            f"process uses {here['name']!r} at {here['server']}; set FIFTYONE_DATABASE_URI or "
            "FIFTYONE_DATABASE_DIR as when it was started, and resume it again."
        )
