"""Which settings a request to the App may not make, and how the App's owner allows them.

FiftyOne's App has no login: whatever can send a request to its port can call every operator.
So settings that run code or name files are marked where they are declared
(``setting(..., owner_only="runs code")``), and operators refuse them unless the owner said
otherwise in the environment that started the App: ``CURADIFF_APP_ALLOWS=code,files``.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, get_args

from pydantic.fields import FieldInfo

from ..common.errors import EnvironmentFault, SettingsError
from .base import Reason, Settings

VARIABLE = "CURADIFF_APP_ALLOWS"
PERMISSIONS: dict[str, Reason] = {"code": "runs code", "files": "reads files"}
"""The words that `VARIABLE` may list, and what each of them allows."""


def allowed_in_app() -> set[str]:
    """Read what the owner of the App allows: some of `PERMISSIONS`.

    Raises:
        EnvironmentFault: The environment variable lists something else.
    """
    words = {word.strip() for word in os.environ.get(VARIABLE, "").split(",") if word.strip()}
    unknown = sorted(words - set(PERMISSIONS))
    if unknown:
        raise EnvironmentFault(
            f"{VARIABLE} may list {' and '.join(PERMISSIONS)}, separated by a comma, "
            f"got {', '.join(unknown)!r}; mend it and start the App again."
        )
    return words


def refused_in_app(
    model: type[Settings], values: Mapping[str, Any], *, allowed: Collection[str]
) -> dict[str, str]:
    """Find the values that a request to the App may not give.

    Args:
        model: The settings that they are for.
        values: As for ``model(**values)``; the settings of one verb inside another's are
            searched too.
        allowed: Words of `PERMISSIONS`, such as `allowed_in_app` returns.

    Returns:
        A sentence for each refused setting, by its dotted name.
    """
    try:
        checked: Mapping[str, Any] = model(**values).model_dump()
    except SettingsError:
        checked = values  # wrong elsewhere, which is said elsewhere; nothing is missed here
    refusals = {}
    for name, value, reason in _reasons(model, checked, ""):
        permission = next(word for word, allows in PERMISSIONS.items() if allows == reason)
        if permission not in allowed:
            refusals[name] = refusal(f"{name}={value!r}", reason)
    return refusals


def refusal(what: str, reason: Reason) -> str:
    """Say that a request to the App may not do something, and how its owner allows it."""
    permission = next(word for word, allows in PERMISSIONS.items() if allows == reason)
    return (
        f"{what} {reason}, which a request to the App may not; start the App with "
        f"{VARIABLE}={permission} in its environment to allow it, or use the shell or Python."
    )


def owner_only(field: FieldInfo, value: Any) -> Reason | None:
    """Return what a value of a setting does that only the owner may ask for, None if nothing."""
    extra = field.json_schema_extra
    mark = extra.get("owner_only") if isinstance(extra, dict) else None
    if mark is None or value in (None, "", field.default):
        return None
    reason: Any = mark(value) if callable(mark) else mark
    if reason is not None and reason not in get_args(Reason):
        raise TypeError(f"owner_only must give one of {get_args(Reason)}, got {reason!r}.")
    return reason


def _reasons(
    model: type[Settings], values: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, Any, Reason]]:
    """Yield the dotted name, value and reason of every value that only the owner may give."""
    for name, field in model.model_fields.items():
        value = values.get(name)
        inner = settings_inside(field.annotation)
        if inner is not None:
            parts = value if isinstance(value, list | tuple) else [value]
            for part in parts:
                given = part.model_dump() if isinstance(part, Settings) else part
                if isinstance(given, Mapping):
                    yield from _reasons(inner, given, f"{prefix}{name}.")
            continue
        reason = owner_only(field, value)
        if reason is not None:
            yield f"{prefix}{name}", value, reason


def settings_inside(annotation: Any) -> type[Settings] | None:
    """Return the settings that a setting consists of: itself, or each item of its list."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    inner = map(settings_inside, typing.get_args(annotation))
    return next((one for one in inner if one is not None), None)
