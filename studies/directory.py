"""A study's run directory: made once, opened again only for the same study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import runs
from ..common.errors import RunError, SettingsError
from ..config import StudySettings
from ..runs import Lease, Run
from . import planning, recorded

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
    path = runs.home() / "runs" / config.name
    if not (path / "run.json").exists():
        if path.exists():
            raise SettingsError(
                f"name: {path} exists and is no study; choose another name, or move that folder."
            )
        try:
            run = runs.create("study", settings, name=config.name)
        except RunError:
            if not (path / "run.json").exists():
                raise
        else:
            _note_source(run, known, folder)
            run.add(revisions=planning.revised(config, {}))
            return run
    run = runs.open_run(path)  # it was there, or another process has just made it
    if run.kind != "study":
        raise SettingsError(f"name: {config.name} is a {run.kind} run; choose another name.")
    record = run.record
    if "dataset" in record:
        _check_source(config.name, record, known, folder)
    different = recorded.differences(_today(run.settings), settings, may_change=MAY_CHANGE)
    if different:
        raise SettingsError(
            f"the study {config.name} was started with other settings ({'; '.join(different)}); "
            "give the same ones to go on, or choose another name. Arms, seeds and draws may "
            "change."
        )
    with Lease(run.path, name=OPENING, wait=PATIENCE):
        former = record.get("revisions")
        arms = [] if former is not None else StudySettings(**_today(record["settings"])).arms
        revisions = planning.revised(config, former or {}, arms)
        if (run.settings, former) != (settings, revisions):
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


def _today(settings: dict[str, Any]) -> dict[str, Any]:
    """Give settings of an older version what was added since, at its default."""
    try:
        return StudySettings(**recorded.in_force(settings)).model_dump(mode="json")
    except SettingsError:  # something was removed or narrowed since: that is a difference
        return settings
