"""From a form's values to settings, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import VERBS, Settings, allowed_in_app, faults, plain_type, refused_in_app
from ..config.owner import PERMISSIONS
from ..config.train import NETWORKS, PRESETS
from .sections import is_section, without_sections

BY_PRESET = {name for part in (*PRESETS.values(), *NETWORKS.values()) for name in part}


GIVEN = "given_before"
"""Name of the value of a form that is open again with what its groups and sections held before.

The browser begins a form without groups, and the first default that it fills into one replaces
the whole group that the form was opened with. So the values of groups are sent under this name,
are the defaults of their fields, and hold until the browser sends others.
"""


def to_open_again(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form's values as they are sent to open the form again, see `GIVEN`."""
    form = with_given(form)
    groups = {
        name
        for model in VERBS.values()
        for name, field in model.model_fields.items()
        if is_group(plain_type(field))
    }
    inside = {
        name: value
        for name, value in form.items()
        if isinstance(value, Mapping) and (name in groups or is_section(name))
    }
    outside = {name: form[name] for name in form if name != GIVEN and name not in inside}
    return {**outside, GIVEN: inside} if inside else outside


def with_given(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form's values with those of the groups that it was opened again with."""
    return joined(params.get(GIVEN) or {}, params)


def form_settings(model: type[Settings], params: Mapping[str, Any]) -> dict[str, Any]:
    """Collect the settings that a form's values give; an empty field gives none."""
    settings: dict[str, Any] = {}
    params = without_sections(params)
    for name, field in model.model_fields.items():
        value = params.get(name)
        if value is None or value in ("", []):
            continue
        inner = plain_type(field)
        if is_group(inner) and isinstance(value, Mapping):
            value = form_settings(inner, value)
        elif inner is list and isinstance(value, str):
            value = [word.strip() for word in value.split(",") if word.strip()]
        settings[name] = value
    return settings


def effective_settings(
    model: type[Settings], params: Mapping[str, Any], defaults: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the settings that a form stands at: what it gives, else its defaults."""
    return joined(defaults or {}, form_settings(model, params))


def refused_settings(model: type[Settings], values: Mapping[str, Any]) -> dict[str, str]:
    """Find what only the owner of the App may give, as far as the owner has not allowed it."""
    return refused_in_app(model, values, allowed=allowed_in_app())


def settings_refused_here(model: type[Settings], prefix: str = "") -> tuple[str, ...]:
    """List the settings of which this App takes no value but the default, by dotted names."""
    allowed = {PERMISSIONS[word] for word in allowed_in_app()}
    names: list[str] = []
    for name, field in model.model_fields.items():
        inner, extra = plain_type(field), field.json_schema_extra
        permission = extra.get("owner_only") if isinstance(extra, dict) else None
        if is_group(inner):
            names += settings_refused_here(inner, f"{prefix}{name}.")
        elif isinstance(permission, str) and permission not in allowed:
            names.append(f"{prefix}{name}")
    return tuple(names)


def errors_by_field(model: type[Settings], errors: Mapping[str, str]) -> dict[str, str]:
    """Move each sentence to the field that it is about: by its key, else by its first word."""
    by_path: dict[str, str] = {}
    for key, sentence in errors.items():
        path = _field_path(model, key) or _field_path(model, sentence.split(" ", 1)[0]) or ""
        by_path[path] = f"{by_path[path]} {sentence}" if path in by_path else sentence
    return by_path


def emptied_numbers(
    model: type[Settings], params: Mapping[str, Any], prefix: str = ""
) -> dict[str, str]:
    """Find numbers that were emptied though the setting must have one, by dotted names."""
    errors: dict[str, str] = {}
    params = without_sections(params)
    by_preset = BY_PRESET if "preset" in model.model_fields else set()
    for name, field in model.model_fields.items():
        inner = plain_type(field)
        if is_group(inner):
            errors |= emptied_numbers(inner, params.get(name) or {}, f"{prefix}{name}.")
            continue
        required = inner in (int, float) and field.default is not None and name not in by_preset
        if required and name in params and params[name] in (None, ""):
            errors[f"{prefix}{name}"] = f"{prefix}{name} is needed: {field.description}"
    return errors


def with_presets(model: type[Settings], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every setting comes to, presets included; empty where a value is wrong."""
    values = {name: params[name] for name in ("preset", "network") if params.get(name)}
    if "preset" not in model.model_fields or faults(model, values):
        return {}
    return model(**values).model_dump()


def joined(first: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return both mappings in one, group by group; the second one wins."""
    both = {**first, **over}
    for name in first.keys() & over.keys():
        if isinstance(first[name], Mapping) and isinstance(over[name], Mapping):
            both[name] = joined(first[name], over[name])
    return both


def is_group(inner: Any) -> bool:
    """Tell whether a setting's type is a settings model of its own."""
    return isinstance(inner, type) and issubclass(inner, Settings)


def _field_path(model: type[Settings], dotted: str) -> str:
    """Return the longest beginning of a dotted name that is a plain field, else ``""``."""
    head, _, rest = dotted.partition(".")
    if head not in model.model_fields:
        return ""
    inner = plain_type(model.model_fields[head])
    if not is_group(inner):
        return head
    below = _field_path(inner, rest)
    return f"{head}.{below}" if below else ""
