"""Settings of a run of before, which may have some that did nothing and are refused today."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from .. import runs
from ..config import EmbedSettings, PreviewSettings, StudySettings, settings_of, settings_to_read
from ..config.embed import OF_COMPUTING
from ..runs import Run
from ..workflows.over_shards.sources import vectors_of


def study_settings(run: Run, settings: Mapping[str, Any] | None = None) -> StudySettings:
    """Return the settings of a study, to go on with it.

    Args:
        run: The study.
        settings: In place of those in its record.

    Raises:
        RunError: Its record is damaged.
        SettingsError: It has settings that are not known any more, or are refused today.
    """
    return settings_of(StudySettings, run, in_force(run.settings if settings is None else settings))


def preview_settings(run: Run) -> PreviewSettings:
    """Return the settings of a preview, to go on with it; see `study_settings`."""
    return settings_of(PreviewSettings, run, in_force(run.settings))


def study_to_read(run: Run) -> StudySettings:
    """Return the settings of a study of any version, to show what it has done.

    Raises:
        RunError: Its record is damaged.
    """
    return settings_to_read(StudySettings, run, in_force(run.settings))


def in_force(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return recorded settings of a study or a preview without those that did nothing.

    They are: patience without a loss on held-out images, values of each class where drawings
    have none, and how to compute vectors that come from shards.

    Args:
        settings: As ``run.json`` has them.
    """
    kept = dict(settings)
    train, embed, judge = (kept.get(part) or {} for part in ("train", "embed", "evaluate"))
    command = kept.get("trainer") == "command"
    if kept.get("held_out") == 0 or command or train.get("network") == "analytic":
        kept |= dict.fromkeys({"patience"} & kept.keys())
    if "trainer" in kept and (command or train.get("classes") is None):
        kept["evaluate"] = judge | dict.fromkeys({"classes"} & judge.keys())
    if embed.get("from_shards") is not None:
        usual = {name: EmbedSettings.model_fields[name].default for name in OF_COMPUTING}
        kept["embed"] = embed | {name: usual[name] for name in usual.keys() & embed.keys()}
    return kept


def embed_of(name: str, folder: Path, embed: EmbedSettings) -> EmbedSettings:
    """Return where the vectors of a folder come from; a run that has computed them goes on so.

    Args:
        name: Name of the study or preview, which may be there already.
        folder: What it is of.
        embed: Its settings, as they were given.
    """
    run = runs.run_named(name)
    if run.exists:
        usual = EmbedSettings().model_dump(mode="json")
        before = usual | (run.settings.get("embed") or {})
        if before == embed.model_dump(mode="json"):
            return embed
    return vectors_of(folder, embed)


def budget_is_free(run: Run) -> bool:
    """Return whether a preview or study failed before any arm had anything.

    A budget beyond the images is refused once it is known how many may be used; the next call,
    with a smaller one, goes on under the same name.
    """
    made = any((run.path / name).exists() for name in ("arms", "cells", "runs"))
    return run.status["state"] == "failed" and not made


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], *, may_change: Collection[str]
) -> list[str]:
    """Name the settings that differ, those of steps by their dotted names, with both values.

    Args:
        old: Settings as a run has them.
        new: Settings as they are given now.
        may_change: Names of settings that only add work or say where it is done, of any step.
    """
    before, now = _flat(old), _flat(new)
    return [
        f"{name} was {before.get(name)}, now {now.get(name)}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name) and name.rpartition(".")[2] not in may_change
    ]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        inner = _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else None
        flat.update(inner if inner is not None else {prefix + name: value})
    return flat
