"""The settings of a study that decided something, to be shown and used again."""

from __future__ import annotations

from typing import Any

from ..config import Settings, StudySettings

ALWAYS = {"arms", "seeds", "name", "held_out"}


def used(config: StudySettings) -> dict[str, Any]:
    """Return the settings that a study used and that are not their defaults.

    Left out are a budget that no arm takes, and options of methods when no arm selects.
    """
    used_values = _changed(config)
    selecting = [arm for arm in config.arms if arm.method != "full"]
    if not any(arm.budget is None for arm in selecting):
        used_values.pop("budget", None)
    elif selecting:
        used_values["budget"] = config.budget
    if not selecting:
        used_values.pop("select", None)
    for name in sorted(ALWAYS - used_values.keys()):
        used_values[name] = config.model_dump(mode="json", warnings=False)[name]
    used_values["arms"] = [
        {
            name: value
            for name, value in arm.model_dump(mode="json", warnings=False).items()
            if value not in (None, {})
        }
        for arm in config.arms
    ]
    return {name: used_values[name] for name in StudySettings.model_fields if name in used_values}


def _changed(config: Settings) -> dict[str, Any]:
    """Return what differs from the defaults; settings inside likewise."""
    own = type(config).model_construct()
    changed: dict[str, Any] = {}
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Settings):
            inner = _changed(value)
            if inner:
                changed[name] = inner
        elif value != getattr(own, name, None):
            changed[name] = config.model_dump(mode="json", warnings=False)[name]
    return changed


def reproduce(settings: dict[str, Any]) -> str:
    """Write settings as YAML, in the order of their definition."""
    import yaml

    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=88)
