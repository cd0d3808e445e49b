"""Settings from a YAML file, under those of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..common.errors import SettingsError


def read_settings(path: str) -> dict[str, Any]:
    """Read settings from a YAML file.

    Raises:
        SettingsError: The file is missing, is not YAML, or is not a mapping.
    """
    import yaml

    try:
        with Path(path).open(encoding="utf-8") as file:
            settings = yaml.safe_load(file)
    except OSError as fault:
        raise SettingsError(f"{path} cannot be read: {fault.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise SettingsError(f"{path} is not YAML: {' '.join(str(fault).split())}") from None
    if not isinstance(settings, dict):
        raise SettingsError(f"{path} must hold settings as 'name: value' lines.")
    return settings


def merged(settings: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return settings with others laid over them; dictionaries inside are merged."""
    result = dict(settings)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if both else value
    return result
