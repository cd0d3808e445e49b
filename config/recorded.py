"""Settings that a run was made with, by this version or an earlier one.

A setting may have been removed or renamed since, or take fewer values. What such a run has done
can be looked at all the same; to go on with it is refused where its settings cannot be had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..common.errors import SettingsError
from ..version import __version__
from .base import Settings, members

Model = TypeVar("Model", bound=Settings)


class Recorded(Protocol):
    """What has settings: a run."""

    path: Path

    @property
    def id(self) -> str:
        """What it is called."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """Its settings, as recorded."""
        ...

    @property
    def record(self) -> dict[str, Any]:
        """Everything that is recorded, with the version as ``curadiff``."""
        ...


def settings_of(
    model: type[Model], run: Recorded, settings: Mapping[str, Any] | None = None
) -> Model:
    """Return the settings of a run to go on with it, or to use what it has made.

    Those that are unknown today and were off (null, false, 0 or empty) decided nothing and are
    left out; those added since have their default.

    Args:
        model: Their definition.
        run: The run.
        settings: In place of all of its settings, such as those of one step.

    Raises:
        SettingsError: It has settings that are unknown today, or values that are refused.
        RunError: Its record is damaged.
    """
    given = given_settings(model, run, settings)
    try:
        return model(**given)
    except SettingsError as fault:
        raise SettingsError(
            f"{run.id} was made with settings that this version ({__version__}) refuses: {fault} "
            f"{_advice(run)}",
            faults=fault.faults,
        ) from None


def given_settings(
    model: type[Settings], run: Recorded, settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what was given as the settings of a run, as `settings_of` does; values unchecked.

    Raises:
        SettingsError: It has settings that are unknown today.
        RunError: Its record is damaged.
    """
    given = run.settings if settings is None else settings
    gone = {name: value for name, value in _unknown(model, given) if value}
    if gone:
        listed = ", ".join(f"{name} = {value!r}" for name, value in gone.items())
        what = "is no setting" if len(gone) == 1 else "are no settings"
        raise SettingsError(
            f"{run.id} was made with {listed}, which {what} of this version ({__version__}). "
            f"{_advice(run)}"
        )
    return _known(model, given)


def _advice(run: Recorded) -> str:
    made_by = run.record.get("curadiff")
    version = f" ({made_by})" if made_by else ""
    return (
        f"Go on with the version that made it{version}, or begin anew under another name; its "
        "results can be looked at as before."
    )


def settings_to_read(
    model: type[Model], run: Recorded, settings: Mapping[str, Any] | None = None
) -> Model:
    """Return the settings of a run to show what it has done.

    Unknown ones are left out, and values are as they were recorded, also those that would be
    refused today.

    Args:
        model: Their definition.
        run: The run.
        settings: In place of all of its settings.

    Raises:
        RunError: Its record is damaged.
    """
    return _unchecked(model, run.settings if settings is None else settings)


def _unchecked(model: type[Model], settings: Mapping[str, Any]) -> Model:
    known = _known(model, settings)
    try:
        return model(**known)
    except SettingsError:
        return model.model_construct(
            **{name: _value(model, name, value) for name, value in known.items()}
        )


def _value(model: type[Settings], name: str, value: Any) -> Any:
    """Return a value of a setting as it is, inner settings as such."""
    inner = _inner(model, name)
    if inner is not None and isinstance(value, Mapping):
        return _unchecked(inner, value)
    if inner is not None and isinstance(value, list):
        return [_unchecked(inner, one) if isinstance(one, Mapping) else one for one in value]
    return value


def _known(model: type[Settings], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out settings that are unknown today, also those of steps and of items of a list."""
    known: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in model.model_fields:
            continue
        inner = _inner(model, name)
        if inner is not None and isinstance(value, Mapping):
            value = _known(inner, value)
        elif inner is not None and isinstance(value, list):
            value = [_known(inner, one) if isinstance(one, Mapping) else one for one in value]
        known[name] = value
    return known


def _unknown(
    model: type[Settings], settings: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Go through the settings that are unknown today, by their dotted names."""
    for name, value in settings.items():
        if name not in model.model_fields:
            yield prefix + name, value
            continue
        inner = _inner(model, name)
        if inner is not None:
            items = value if isinstance(value, list) else [value]
            for number, one in enumerate(items):
                if isinstance(one, Mapping):
                    place = f"{number}." if isinstance(value, list) else ""
                    yield from _unknown(inner, one, f"{prefix}{name}.{place}")


def _inner(model: type[Settings], name: str) -> type[Settings] | None:
    return next(iter(members(model.model_fields[name].annotation)), None)
