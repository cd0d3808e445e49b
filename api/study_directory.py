"""A study's run directory: made once, opened again only for the same study."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from .. import runs
from ..config import StudySettings
from ..errors import SettingsError
from ..runs import Run

MAY_CHANGE = ("arms", "seeds", "device", "parallel")
"""Settings that only add work, or say where it is done."""


def sweep(folder: Path) -> None:
    """Remove a run directory whose making was cut off before its manifest was written."""
    if folder.exists():
        shutil.rmtree(folder)


def open_study(config: StudySettings, dataset: str) -> Run:
    """Open the study of that name, or make it.

    Raises:
        SettingsError: It exists with other settings.
    """
    settings = config.model_dump(mode="json")
    path = runs.home() / "runs" / config.name
    if not (path / "run.json").exists():
        sweep(path)
        run = runs.create("study", settings, name=config.name)
        run.add(dataset=dataset)
        return run
    run = runs.open_run(path)
    if run.kind != "study":
        raise SettingsError(f"name: {config.name} is a {run.kind} run; choose another name.")
    if run.record.get("dataset") != dataset:
        raise SettingsError(
            f"name: the study {config.name} is one of {run.record.get('dataset')!r}, not of "
            f"{dataset!r}; choose another name."
        )
    different = _differences(_today(run.settings), settings)
    if different:
        raise SettingsError(
            f"the study {config.name} was started with other settings ({'; '.join(different)}); "
            "give the same ones to go on, or choose another name. Arms and seeds may be added."
        )
    run.add(settings=settings)
    return run


def _today(settings: dict[str, Any]) -> dict[str, Any]:
    """Give settings of an older version what was added since, at its default."""
    try:
        return StudySettings(**settings).model_dump(mode="json")
    except SettingsError:  # something was removed or narrowed since: that is a difference
        return settings


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Name the settings that differ, except those that only add work or change its speed."""
    before, now = _flat(old), _flat(new)
    found = [
        f"{name} was {before.get(name)}, now {now.get(name)}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name) and name.rpartition(".")[2] not in MAY_CHANGE
    ]
    arms = {arm["name"]: arm for arm in old["arms"]}
    found += [
        f"arm {arm['name']} was {arms[arm['name']]}, now {arm}"
        for arm in new["arms"]
        if arms.get(arm["name"], arm) != arm
    ]
    return found


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        inner = _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else None
        found.update(inner if inner is not None else {prefix + name: value})
    return found
