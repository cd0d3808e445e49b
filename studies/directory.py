"""A study's run directory: made once, opened again only for the same study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..common.errors import SettingsError
from ..config import StudySettings
from ..runs import Lease, Run
from . import planning, recorded
from .opening import open_or_make

MAY_CHANGE = ("arms", "seeds", "draws", "curve", "device", "parallel", "preview")
"""Settings that add, leave or redo trainings, or say where they are done."""

OPENING = "opening.lock"
PATIENCE = 60.0  # seconds for another process that opens the same study


def put_aside(folder: Path) -> None:
    """Rename a folder that stands where a run is to be made; what is in it stays."""
    if not folder.exists():
        return
    number = 1
    while (aside := folder.with_name(f".damaged-{number}-{folder.name}")).exists():
        number += 1
    folder.rename(aside)


def open_study(config: StudySettings, known: Mapping[str, Any], folder: Path | None = None) -> Run:
    """Open the study of that name, or make it.

    Args:
        config: Its settings.
        known: The data set, as `datasets.identity.identity` tells it.
        folder: The folder that was given as its source, if one was.

    Raises:
        SettingsError: It exists with other settings, or is one of another data set or folder.
    """
    settings = config.model_dump(mode="json")

    def begin(run: Run) -> None:
        _note_source(run, known, folder)
        run.add(revisions=planning.revised(config, {}))

    run, new = open_or_make("study", config, begin)
    if new:
        return run
    with Lease(run.path, name=OPENING, wait=PATIENCE):
        record = run.record
        if "dataset" in record:
            _check_source(config.name, record, known, folder)
        before = recorded.study_settings(run)
        today = before.model_dump(mode="json")
        free = (*MAY_CHANGE, "budget") if recorded.budget_is_free(run) else MAY_CHANGE
        different = recorded.differences(today, settings, may_change=free)
        if different:
            raise SettingsError(
                f"the study {config.name} was started with other settings "
                f"({'; '.join(different)}); give the same ones to go on, or choose another name. "
                "Arms, seeds and draws may change."
            )
        former = record.get("revisions")
        revisions = planning.revised(config, former or {}, before.arms if former is None else [])
        if (record["settings"], former) != (settings, revisions):
            run.add(settings=settings, revisions=revisions)
        _note_source(run, known, folder)
    return run


def _note_source(run: Run, known: Mapping[str, Any], folder: Path | None) -> None:
    record = run.record
    source = str(folder) if folder else record.get("source")
    values = {"dataset": known["name"], "identity": dict(known), "source": source}
    if {name: record.get(name) for name in values} != values:
        run.add(**values)


def _check_source(
    name: str, record: Mapping[str, Any], known: Mapping[str, Any], folder: Path | None
) -> None:
    """Refuse to go on with another data set or folder; its images are compared later."""
    before = record.get("identity") or {"name": record["dataset"]}
    same = before.get("id") == known["id"] if before.get("id") else False
    if not same and record["dataset"] != known["name"]:
        raise SettingsError(
            f"name: the study {name} is one of {record['dataset']!r}, not of {known['name']!r}; "
            "choose another name."
        )
    source = record.get("source")
    if source and folder and source != str(folder) and Path(source).is_dir():
        raise SettingsError(
            f"name: the study {name} is one of the folder {source}, not of {folder}; choose "
            "another name."
        )


def check_encoders(run: Run, now: Mapping[str, str | None]) -> None:
    """Refuse encoders or weights other than those that a study was begun with; note them.

    Args:
        run: The study.
        now: Identity of each encoder by its role, ``selection`` and ``judge``.

    Raises:
        SettingsError: One differs.
    """
    before = run.record.get("encoders") or {}
    for role, key in now.items():
        if before.get(role) not in (None, key):
            raise SettingsError(
                f"the study {run.id} was begun with the {role} encoder {before[role]}, which is "
                f"{key} now; bring the former weights back, or choose another name."
            )
    if before != now:
        run.add(encoders=dict(now))
