"""Open the run of a study or preview by its name, or make it, whoever else does so meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from .. import runs
from ..common.errors import RunError, SettingsError
from ..config import PreviewSettings, StudySettings
from ..runs import Run


def open_or_make(
    kind: str, config: StudySettings | PreviewSettings, begin: Callable[[Run], None]
) -> tuple[Run, bool]:
    """Return the run of a name, and whether this call has made it.

    Args:
        kind: ``study`` or ``preview``.
        config: Its settings; those of a run that is there are not looked at.
        begin: Records of a new run what it must have when it appears under its name.

    Raises:
        SettingsError: Something else has that name.
        RunError: It cannot be made.
    """
    run = runs.run_named(config.name)
    if not run.exists:
        if run.path.exists() and not run.exists:  # it may have appeared between the two looks
            raise SettingsError(
                f"name: {run.path} exists and is no {kind}; choose another name, or move that "
                "folder."
            )
        try:
            with runs.making(kind, config.model_dump(mode="json"), name=config.name) as new:
                begin(new)
        except RunError:
            if not run.exists:  # else another process has just made it
                raise
        else:
            return new, True
    if run.kind != kind:
        raise SettingsError(f"name: {config.name} is a {run.kind} run; choose another name.")
    return run, False
