"""What can be done with a study or a preview that is at work, or that ended before its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fiftyone.operators import types

from ... import runs
from ...runs import Run
from ..follow_jobs import named_by, progress_text
from . import layout


def job_of(run: Run, jobs: Sequence[Run]) -> Run | None:
    """Return the newest job that makes a study or a preview; None where a shell makes it."""
    return next((job for job in reversed(jobs) if makes(job, run)), None)


def stands_for(run: Run, job: Run) -> bool:
    """Tell whether the row of a study or a preview says what its job would say.

    That of a finished one does where it was finished after the job had ended, as in a shell.
    """
    ended, last = (one.status.get("heartbeat", 0) for one in (run, job))
    return makes(job, run) and (run.status["state"] != "finished" or ended > last)


def makes(job: Run, run: Run) -> bool:
    """Tell whether a job makes a study or a preview."""
    return job.record.get("verb") == run.kind and named_by(job) == run.id


def state_of(run: Run, job: Run | None) -> str:
    """Return the state of a study or a preview, or that of its job while this begins again."""
    own = run.status["state"]
    again = own not in runs.ACTIVE and job is not None and job.status["state"] in runs.ACTIVE
    return job.status["state"] if again and job is not None else own


def add_buttons(line: types.Object, run: Run, job: Run | None, panel: Any) -> None:
    """Add what stops a study or a preview that is at work, and what goes on with another one."""
    state = state_of(run, job)
    made_by = None if job is None else job.status["state"]
    if state in runs.ACTIVE:
        if job is not None and made_by in runs.ACTIVE:
            layout.button(line, "Stop", panel.stop, run=job.id)
    elif state != "finished":
        if job is not None and made_by == "failed" and "form" in job.record:
            layout.button(line, "Edit and retry", panel.edit_again, run=job.id)
        if job is not None and made_by != "finished":
            layout.button(line, "Resume", panel.resume, run=job.id)
        else:
            layout.button(line, "Resume", panel.resume, run=run.id)


def add_job_buttons(line: types.Object, job: Run, panel: Any) -> None:
    """Add what does a job again that ended before its end."""
    if job.status["state"] == "failed" and "form" in job.record:
        layout.button(line, "Edit and retry", panel.edit_again, run=job.id)
    layout.button(line, "Resume", panel.resume, run=job.id)


def add_progress(card: types.Object, run: Run, job: Run | None) -> None:
    """Show how far a study or a preview is, or why it failed."""
    status = run.status
    if state_of(run, job) in runs.ACTIVE:
        if isinstance(status.get("progress"), float):
            layout.bar(card, status["progress"], progress_text(status))
    elif status["state"] != "finished":
        layout.fault(card, job if job is not None and job.status.get("error") else run)
