"""Carry out a job in this process: call its verb, and write how far it is to its status."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import Any

from ..common.errors import RunError, Stopped
from ..config import VERBS, RateServeSettings, given_settings
from ..datasets.database import lost_in_words
from ..runs import Lease, Run
from ..runs.failure import note_failure
from ..workflows.conditions import about_left_out
from ..workflows.progress import Report
from . import jobs
from .inputs import unpack

BETWEEN_WRITES = 0.5  # seconds between two writes of status.json


def carry_out(run: Run, report: Report | None = None) -> Any:
    """Carry out a job in this process, writing its status; return what the verb returned.

    Args:
        run: What `jobs.prepare` made.
        report: Called with ``(done, total)`` too, at most twice a second.

    Raises:
        CuradiffError: As the status then says.
        KeyboardInterrupt or Stopped: It was asked to stop; the status is ``stopped``.
    """
    with ExitStack() as stack:
        with jobs.one_at_a_time():
            record = run.record
            jobs.refuse_twin(record["verb"], record["dataset"], record.get("subject"), but=run)
            stack.enter_context(Lease(run.path))
            run.set_status("running", message="preparing", error=None, eta_seconds=None)
        meter = ProgressMeter(run, report)
        try:
            with lost_in_words():
                result, outcome = _call_verb(run, meter)
        except (KeyboardInterrupt, Stopped):
            run.set_status("stopped", message="stopped", eta_seconds=None)
            raise
        except Exception as fault:
            note_failure(run, fault, eta_seconds=None)
            raise
        run.set_status(
            "finished", message=outcome.pop("message"), outcome=outcome, eta_seconds=None
        )
    return result


def _call_verb(run: Run, report: Report) -> tuple[Any, dict[str, Any]]:
    """Call the verb; return its result and what the App should know of it, as JSON."""
    record = run.record
    arguments = {name: unpack(value) for name, value in record["inputs"].items()}
    model = VERBS.get(record["verb"])
    settings = record["settings"] if model is None else given_settings(model, run)
    match record["verb"]:
        case "import":
            from ..workflows.importing import import_images

            result = import_images(arguments["source"], **settings)
            return result, {"message": str(result), "dataset": result.dataset.name}
        case "embed":
            from ..workflows.embedding import embed

            result = embed(arguments["samples"], progress=report, **settings)
            return result, {"message": str(result), "field": result.field}
        case "generate":
            from ..workflows.generating import generate, import_generated

            folder = generate(arguments["run"], progress=report, **settings)
            linked = import_generated(folder)
            return linked, {"message": str(linked), "dataset": linked.dataset.name}
        case "evaluate":
            from ..workflows.evaluating import evaluate

            sides = (arguments["generated"], arguments["reference"])
            result = evaluate(*sides, train=arguments.get("train"), progress=report, **settings)
            message = f"{len(result.generated_rows)} generated images compared."
            message = " ".join([message, *about_left_out(result.notes)])
            return result, {"message": message, "dataset": record["dataset"]}
        case "study":
            from ..studies.engine import study

            result = study(arguments["source"], progress=report, **settings)
            outcome = {"study": result.run.id, "report": str(result.report)}
            return result, {"message": "finished", **outcome}
        case "preview":
            from ..studies.preview.engine import preview

            result = preview(arguments["source"], progress=report, **settings)
            outcome = {"preview": result.run.id, "page": str(result.page)}
            return result, {"message": "finished", **outcome}
        case "rate-serve":
            from ..studies.rating import rate_serve, rate_status

            port = RateServeSettings(**settings).port
            address = f"http://127.0.0.1:{port}{rate_status(arguments['study']).link}"
            run.set_status("running", message=f"asking people at {address}", address=address)
            rate_serve(arguments["study"], port=port, until=threading.Event())
            return None, {"message": "ended"}
    raise RunError(f"{run.id} asks for {record['verb']!r}, which is not a job.")


class ProgressMeter:
    """Write ``done, total, eta_seconds`` to a job's status, now and then."""

    def __init__(self, run: Run, report: Report | None) -> None:
        self.run, self.report = run, report
        self.written = 0.0
        self.started: tuple[float, int, int] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Note that ``done`` of ``total`` are done."""
        now = time.monotonic()
        if self.started is None or self.started[2] != total or done < self.started[1]:
            self.started = (now, done, total)
        if now - self.written < BETWEEN_WRITES and done < total:
            return
        self.written = now
        since, first, _ = self.started
        rate = (done - first) / (now - since) if now > since and done > first else None
        eta = round((total - done) / rate, 1) if rate else None
        self.run.set_status(
            "running", done=done, total=total, eta_seconds=eta, message=f"{done} of {total}"
        )
        if self.report is not None:
            self.report(done, total)
