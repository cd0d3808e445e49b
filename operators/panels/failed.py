"""What has failed and was not done since: at the top of the panel, with why and what can be done.

The cards of the steps say the same where the work belongs, which may be far below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fiftyone.operators import types

from ... import runs
from ...runs import Run
from ...workflows.overview import Overview
from .. import results
from ..follow_jobs import subject_of
from ..training import can_resume
from . import layout, unfinished

GONE = "Its process ended before the work was done; Resume goes on."


@dataclass(frozen=True)
class Failure:
    """Work that has failed, or whose process is gone.

    Attributes:
        run: The training, study, preview or job.
        job: The job that makes a study or a preview; None where a shell does.
    """

    run: Run
    job: Run | None = None

    @property
    def why(self) -> str:
        """The sentence for it, which says what to do."""
        said_by = self.job if self.job is not None and self.job.status.get("error") else self.run
        status = said_by.status
        if status["state"] == "interrupted":
            return GONE
        return status.get("error") or status.get("message") or "It says no more."


def failures(overview: Overview) -> list[Failure]:
    """List what has failed and was not tried again since, the newest first.

    A job is past once there is a newer one of its verb, a training once there is a newer one of
    its arm: that one tells how the work stands. A study or a preview goes on under its name.
    """
    listed = []
    for run in [*overview.studies, *overview.previews]:
        job = unfinished.job_of(run, overview.jobs)
        if _failed(unfinished.state_of(run, job)):
            listed.append(Failure(run, job))
    arms = {run.record.get("arm"): run for run in overview.trainings}
    listed += [Failure(run) for run in arms.values() if _failed(run.status["state"])]
    verbs = {run.record.get("verb"): run for run in overview.jobs}
    own = [*overview.studies, *overview.previews]
    listed += [
        Failure(job)
        for job in verbs.values()
        if _failed(job.status["state"]) and not any(unfinished.stands_for(run, job) for run in own)
    ]
    return sorted(listed, key=lambda one: one.run.status.get("heartbeat", 0), reverse=True)


def add_failures(page: types.Object, overview: Overview, panel: Any) -> bool:
    """Add a box with what has failed; tell whether anything has."""
    listed = failures(overview)
    if not listed:
        return False
    box = layout.outlined(page, "failed", title="Failed")
    for one in listed:
        _add(box, one, overview, panel)
    return True


def _add(box: types.Object, one: Failure, overview: Overview, panel: Any) -> None:
    run = one.run
    title = overview.titles.get(f"{results.RUN}{run.id}")
    called = f"**{layout.short(subject_of(run))}**" + (f" ({layout.short(title)})" if title else "")
    state = run.status["state"]
    how = "was interrupted" if state == "interrupted" else "failed"
    line = layout.row(box, f"{called} {how}", tooltip=layout.cut_name(subject_of(run), title or ""))
    if run.kind == "job":
        unfinished.add_job_buttons(line, run, panel)
        layout.button(line, "Remove", panel.remove_job, run=run.id)
    elif run.kind == "train":
        if can_resume(run):
            layout.button(line, "Resume", panel.resume, run=run.id)
    else:
        unfinished.add_buttons(line, run, one.job, panel)
    if run.kind in results.NOUNS:
        given = {"what": f"{results.RUN}{run.id}"}
        layout.button(line, "Delete", panel.open_form, operator="delete_result", given=given)
    layout.sentence(box, run.id, one.why)


def _failed(state: str) -> bool:
    return state not in (*runs.ACTIVE, "finished", "stopped", "new")
