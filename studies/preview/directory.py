"""A preview's run directory: made once, opened again for the same preview."""

from __future__ import annotations

from ... import runs
from ...common.errors import SettingsError
from ...config import PreviewSettings
from ...runs import Run

MAY_CHANGE = ("arms", "noise_seeds", "device", "fields")
"""Settings that only add work, or say where it is done."""


def open_preview(config: PreviewSettings, dataset: str) -> Run:
    """Open the preview of that name, or make it.

    Raises:
        SettingsError: It exists with other settings, or is something else.
    """
    settings = config.model_dump(mode="json")
    path = runs.home() / "runs" / config.name
    if not (path / "run.json").exists():
        if path.exists():
            raise SettingsError(
                f"name: {path} exists and is no preview; choose another name, or move that folder."
            )
        run = runs.create("preview", settings, name=config.name)
        run.add(dataset=dataset)
        return run
    run = runs.open_run(path)
    if run.kind != "preview" or run.record.get("dataset") != dataset:
        raise SettingsError(
            f"name: {config.name} is a {run.kind} of {run.record.get('dataset')!r}; choose "
            "another name."
        )
    before = PreviewSettings.model_construct().model_dump(mode="json") | run.settings
    different = [
        f"{name} was {before.get(name)}, now {value}"
        for name, value in settings.items()
        if name not in MAY_CHANGE and before.get(name) != value
    ]
    if different:
        raise SettingsError(
            f"the preview {config.name} was made with other settings ({'; '.join(different)}); "
            "give the same ones to go on, or choose another name. Arms and noise seeds may be "
            "added."
        )
    run.add(settings=settings)
    return run
