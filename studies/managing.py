"""``study status``, ``report``, ``add`` and ``drop``: look at a study, or change its arms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import runs
from ..common.errors import RunError, SettingsError, nearest
from ..common.keys import under, versioned
from ..config import StudySettings
from ..datasets import identity, reading
from ..datasets.database import lost_in_words
from ..datasets.resolving import all_samples
from ..runs import Lease, Run
from ..workflows.estimating import duration
from . import cells, comparing, directory, planning, recorded, splitting, trainings
from .conclusions import Conclusion, conclude
from .report import people
from .report.data import ReportData
from .report.reporting import write_report
from .sharing import PATIENCE, REPORTING
from .study_record import evidence_of, write_record

SHOWN = 25  # real images in the report


@dataclass(frozen=True)
class StudyStatus:
    """How far a study is.

    Attributes:
        name: Its name.
        state: Of its run: ``running``, ``finished``, ``stopped``, ``failed`` or ``interrupted``.
        message: What it does now, or why it ended.
        cells: The state of each training by its key: ``done``, or that of its run, or ``waiting``.
        seconds_left: What the rest takes, None where unknown.
        conclusion: The answer so far, None before the first outcome.
    """

    name: str
    state: str
    message: str
    cells: dict[str, str]
    seconds_left: float | None
    conclusion: Conclusion | None

    def __str__(self) -> str:
        done = sum(state == "done" for state in self.cells.values())
        left = f", about {duration(self.seconds_left)} left" if self.seconds_left else ""
        lines = [
            f"{self.name}: {self.state}, {done} of {len(self.cells)} trainings done{left}",
            *(f"  {key}: {state}" for key, state in self.cells.items()),
        ]
        if self.message:
            lines.insert(1, f"  {self.message}")
        if self.conclusion is not None:
            lines.append(str(self.conclusion))
        return "\n".join(lines)


def study_status(name: str | Path | Run) -> StudyStatus:
    """Say how far a study is, and what its outcomes show so far.

    Raises:
        RunError: There is no such study.
    """
    run = _study(name)
    status, outcomes = run.status, cells.readable(run)
    done = {cells.key_of(outcome) for outcome in outcomes}
    label = versioned(run.id, run.record.get("images_version", 1))
    states = {}
    for cell in planning.cells_of(run):
        training = Run(run.path / "runs" / under(label, cell.key))
        there = training.exists
        states[cell.key] = (
            "done"
            if cell.key in done
            else training.status["state"].replace("finished", "trained")
            if there
            else "waiting"
        )
    return StudyStatus(
        run.id,
        status["state"],
        str(status.get("error") or status.get("message") or ""),
        states,
        status.get("eta_seconds") or None,
        _conclusion(run, outcomes)[0] if outcomes else None,
    )


@lost_in_words()
def study_report(name: str | Path | Run) -> Path:
    """Write a study's report and ``study.json`` from the outcomes that are there.

    Raises:
        RunError: There is no such study, or none of its trainings is judged yet.
    """
    run = _study(name)
    outcomes = cells.readable(run)
    if not outcomes:
        raise RunError(f"no training of the study {run.id} is judged yet; nothing to report.")
    config, record = recorded.study_to_read(run), run.record
    conclusion, against = _conclusion(run, outcomes)
    evidence = evidence_of(config, outcomes, against, conclusion, trainings.reader_of(run, against))
    dataset = identity.open_by_identity(record.get("identity") or {"name": record["dataset"]})
    divided = splitting.division_of(run)
    shown = all_samples(dataset).select((divided.held_out or divided.pool)[:SHOWN])
    summary = {
        name: comparing.table(outcomes, name)
        for name in ("held_out", "pool")
        if name in outcomes[0]["values"]
    }
    with Lease(run.path, name=REPORTING, wait=PATIENCE):
        values = summary[against]
        write_record(run, against, comparing.ranked_by(values), conclusion, evidence, values)
        return write_report(
            run,
            config,
            ReportData(
                outcomes,
                summary,
                conclusion,
                tuple(evidence.sentences),
                dataset.name,
                (len(divided.pool), len(divided.held_out)),
                [Path(path) for path in reading.read_paths(shown).paths],
                people.rated_studies(record["generated"], outcomes),
            ),
        )


def study_add(name: str | Path | Run, arms: Sequence[Any]) -> list[str]:
    """Add arms to a study; the next call of the study trains them.

    Args:
        name: The study.
        arms: Names of methods, or settings as `ArmSettings` takes them.

    Returns:
        The names of all its arms.

    Raises:
        SettingsError: An arm is wrong or its name is taken.
        RunError: There is no such study.
    """
    run = _study(name)
    with Lease(run.path, name=directory.OPENING, wait=directory.PATIENCE):
        settings = recorded.study_settings(run).model_dump(mode="json")
        return _store(run, StudySettings(**{**settings, "arms": [*settings["arms"], *arms]}))


def study_drop(name: str | Path | Run, arms: Sequence[str]) -> list[str]:
    """Leave arms out of a study; their trainings and images stay, and are found when added again.

    Returns:
        The names of the arms that are left.

    Raises:
        SettingsError: There is no such arm, or none would be left.
        RunError: There is no such study.
    """
    run = _study(name)
    with Lease(run.path, name=directory.OPENING, wait=directory.PATIENCE):
        known = [arm["name"] for arm in run.settings["arms"]]
        for arm in arms:
            if arm not in known:
                raise SettingsError(
                    f"arms: the study {run.id} has no arm {arm!r}{nearest(arm, known)} (arms: "
                    f"{', '.join(known)})."
                )
        left = [arm for arm in run.settings["arms"] if arm["name"] not in arms]
        if not left:
            raise SettingsError(f"arms: the study {run.id} would have no arm left; keep one.")
        return _store(run, recorded.study_settings(run, {**run.settings, "arms": left}))


def _store(run: Run, config: StudySettings) -> list[str]:
    before = run.record
    known = before.get("revisions")
    former = [] if known is not None else recorded.study_settings(run).arms
    run.add(
        settings=config.model_dump(mode="json"),
        revisions=planning.revised(config, known or {}, former),
    )
    return [arm.name for arm in config.arms]


def _conclusion(run: Run, outcomes: Sequence[dict[str, Any]]) -> tuple[Conclusion, str]:
    """Return the answer of the outcomes that are there, and the reference it is about."""
    against = next(name for name in ("held_out", "pool") if name in outcomes[0]["values"])
    done = {cells.key_of(outcome) for outcome in outcomes}
    missing = [cell.key for cell in planning.cells_of(run) if cell.key not in done]
    read = trainings.reader_of(run, against)
    return conclude(outcomes, against, missing=missing, influences=read), against


def _study(name: str | Path | Run) -> Run:
    run = runs.open_run(name)
    if run.kind != "study":
        raise RunError(f"{run.id} is a {run.kind} run, not a study.")
    return run
