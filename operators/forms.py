"""From a settings model to a form, and from a form to settings.

Type, default, limits, help and choices come from `curadiff.config`; what is wrong
with a value is said by the sentence that Python raises, under the field it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from fiftyone.operators import types
from pydantic.fields import FieldInfo

from ..config import (
    Settings,
    allowed_in_app,
    choices,
    faults,
    limits,
    plain_type,
    refused_in_app,
)
from ..config.owner import PERMISSIONS
from ..config.train import NETWORKS, PRESETS

ADVANCED = "advanced"  # name of the group that the advanced settings are folded into
LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
METHODS = {
    "random": "drawn by lot, what others are compared with",
    "coreset": "the most diverse, no image far from a chosen one",
    "typicality": "diverse images from where many are alike, outliers kept out",
    "facility-location": "those that resemble all others most",
    "zcore": "covers random directions of the embeddings, few alike",
    "typiclust": "the most typical image of each cluster",
    "kmeans": "one from the middle of each cluster",
    "densest": "drops what is rare",
    "top": "the highest values of a field",
}
"""What each selection method does, for menus."""
BY_PRESET = {name for part in (*PRESETS.values(), *NETWORKS.values()) for name in part}


def given(model: type[Settings], params: Mapping[str, Any]) -> dict[str, Any]:
    """Collect the settings that a form's values give; an empty field gives none."""
    found: dict[str, Any] = {}
    folded = params.get(ADVANCED)
    params = {**params, **(folded if isinstance(folded, Mapping) else {})}
    for name, field in model.model_fields.items():
        value = params.get(name)
        if value is None or value == "":
            continue
        inner = plain_type(field)
        if _is_group(inner) and isinstance(value, Mapping):
            value = given(inner, value)
        elif inner is list and isinstance(value, str):
            value = [word.strip() for word in value.split(",") if word.strip()]
        found[name] = value
    return found


def refused(model: type[Settings], values: Mapping[str, Any]) -> dict[str, str]:
    """Find what only the owner of the App may give, as far as the owner has not allowed it."""
    return refused_in_app(model, values, allowed=allowed_in_app())


def always_refused(model: type[Settings], prefix: str = "") -> tuple[str, ...]:
    """List the settings of which this App takes no value but the default, by dotted names."""
    allowed = {PERMISSIONS[word] for word in allowed_in_app()}
    found: list[str] = []
    for name, field in model.model_fields.items():
        inner, extra = plain_type(field), field.json_schema_extra
        mark = extra.get("owner_only") if isinstance(extra, dict) else None
        if _is_group(inner):
            found += always_refused(inner, f"{prefix}{name}.")
        elif isinstance(mark, str) and mark not in allowed:
            found.append(f"{prefix}{name}")
    return tuple(found)


def add_settings(
    form: types.Object,
    model: type[Settings],
    params: Mapping[str, Any],
    *,
    leave_out: tuple[str, ...] = (),
    defaults: Mapping[str, Any] | None = None,
    wrong: Mapping[str, str] | None = None,
    menus: Mapping[str, Mapping[str, str]] | None = None,
) -> bool:
    """Add a field per setting, with what is wrong marked on it.

    Args:
        form: Where to add them.
        model: The settings.
        params: The form's values so far.
        leave_out: Settings that the form asks for in another way, by their dotted names.
        defaults: Values that the form begins with in place of the settings' own.
        wrong: What is known to be wrong besides, a sentence by dotted name.
        menus: What there is to choose from, by dotted name: ``{value: what it says}``.

    Returns:
        True when the values can be used.
    """
    values = begun(model, params, defaults)
    found = {**faults(model, values), **refused(model, values)}
    wrong = {**(wrong or {}), **_by_field(model, found), **_blank(model, params, "")}
    shape = _Shape(leave_out, defaults or {}, menus or {}, wrong)
    unfolded = _add_group(form, model, params, shape, prefix="")
    for path, sentence in wrong.items():
        if path not in unfolded:
            form.view(
                f"fault_{path.replace('.', '_') or 'all'}",
                types.Error(label=sentence),
                invalid=True,
                error_message=sentence,
            )
    return not wrong


def begun(
    model: type[Settings], params: Mapping[str, Any], defaults: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the settings that a form stands at: what it gives, else what it began with."""
    return _joined(defaults or {}, given(model, params))


def _joined(first: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {**first, **over}
    for name in first.keys() & over.keys():
        if isinstance(first[name], Mapping) and isinstance(over[name], Mapping):
            both[name] = _joined(first[name], over[name])
    return both


def _blank(model: type[Settings], params: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """Find numbers that were emptied though the setting must have one."""
    found: dict[str, str] = {}
    folded = params.get(ADVANCED)
    params = {**params, **(folded if isinstance(folded, Mapping) else {})}
    by_preset = BY_PRESET if "preset" in model.model_fields else set()
    for name, field in model.model_fields.items():
        inner = plain_type(field)
        if _is_group(inner):
            found |= _blank(inner, params.get(name) or {}, f"{prefix}{name}.")
            continue
        must = inner in (int, float) and field.default is not None and name not in by_preset
        if must and name in params and params[name] in (None, ""):
            found[f"{prefix}{name}"] = f"{prefix}{name} is needed: {field.description}"
    return found


@dataclass(frozen=True)
class _Shape:
    """What a form has besides the settings themselves, by dotted name; see `add_settings`."""

    leave_out: tuple[str, ...]
    defaults: Mapping[str, Any]
    menus: Mapping[str, Mapping[str, str]]
    wrong: Mapping[str, str]

    def default(self, dotted: str) -> Any:
        """Return the value that the form begins with in place of the setting's own, or None."""
        value: Any = self.defaults
        for name in dotted.split(".") if dotted else ():
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


def mark(form: types.Object, name: str, sentence: str) -> None:
    """Mark a field of a form as wrong, which also keeps the button from starting anything."""
    field = form.properties[name]
    field.invalid, field.error_message = True, sentence


def _add_group(
    form: types.Object,
    model: type[Settings],
    params: Mapping[str, Any],
    shape: _Shape,
    prefix: str,
) -> set[str]:
    """Add the fields of one model; return the dotted names of those that are shown."""
    shown: set[str] = set()
    wrong = shape.wrong
    fields = {
        name: field
        for name, field in model.model_fields.items()
        if f"{prefix}{name}" not in shape.leave_out
    }
    groups = [name for name, field in fields.items() if _is_group(plain_type(field))]
    folded = [name for name, field in fields.items() if _advanced(field)]
    effective = _effective(model, _joined(shape.default(prefix[:-1]) or {}, params))
    inside = types.Object()
    for name, field in fields.items():
        if name not in groups:
            where, dotted = inside if name in folded else form, f"{prefix}{name}"
            begin = shape.default(dotted)
            _add_field(
                where, name, field, effective, wrong.get(dotted), begin, shape.menus.get(dotted)
            )
            shown.add(dotted)
    if folded:
        unfold = any(f"{prefix}{name}" in wrong for name in folded)
        _fold(form, ADVANCED, inside, f"Advanced: {len(folded)} more settings", unfold=unfold)
    for name in groups:
        group = types.Object()
        inner, below = plain_type(fields[name]), f"{prefix}{name}."
        shown |= _add_group(group, inner, params.get(name) or {}, shape, below)
        label = f"{title(name)}: {fields[name].description}"
        _fold(form, name, group, label, unfold=any(path.startswith(below) for path in wrong))
    return shown


def _fold(form: types.Object, name: str, group: types.Object, label: str, *, unfold: bool) -> None:
    view = types.ObjectView(label=label, collapsible=True, default_expanded=unfold)
    form.define_property(name, group, view=view)


def _add_field(
    form: types.Object,
    name: str,
    field: FieldInfo,
    effective: Mapping[str, Any],
    sentence: str | None,
    begin: Any = None,
    menu: Mapping[str, str] | None = None,
) -> None:
    """Add one setting with the view that fits its type."""
    by_preset = name in BY_PRESET and "preset" in effective
    value = effective.get(name, field.default)
    default = None if field.is_required() or by_preset else _shown(field.default)
    default = default if begin is None else _shown(begin)
    options: dict[str, Any] = {
        "label": title(name),
        "description": describe(field),
        "required": field.is_required(),
        "invalid": sentence is not None,
        "error_message": sentence or "",
    }
    inner, listed = plain_type(field), choices(field)
    if menu is not None:
        view = types.DropdownView()
        for choice, label in menu.items():
            view.add_choice(choice, label=label)
        form.enum(name, view.values(), default=default, view=view, **options)
        return
    placeholder = str(_shown(value)) if value not in (None, ...) else "chosen for you"
    if inner is bool:
        form.bool(name, default=field.default, view=types.CheckboxView(), **options)
    elif listed and _only_literal(field):
        view = types.DropdownView(placeholder=f"{placeholder} (preset)" if by_preset else None)
        for choice in listed:
            view.add_choice(choice, label=explained(name, choice))
        form.enum(name, view.values(), default=default, view=view, **options)
    else:
        view = types.FieldView(placeholder=f"{placeholder} (preset)" if by_preset else placeholder)
        number = {int: form.int, float: form.float}.get(inner) if not listed else None
        (number or form.str)(name, default=default, view=view, **options)


def explained(setting: str, choice: Any) -> str:
    """Say a choice with what it does, where that is known."""
    words = METHODS.get(choice) if setting == "method" else None
    return f"{choice}: {words}" if words else str(choice)


def describe(field: FieldInfo) -> str:
    """Say what a setting is for, and its limits."""
    words = [f"{LIMITS[k]} {v:g}" for k, v in limits(field).items() if k in LIMITS]
    multiple = limits(field).get("multiple_of")
    if multiple:
        words.append(f"a multiple of {multiple:g}")
    text = field.description or ""
    return f"{text} ({', '.join(words)})" if words else text


def title(name: str) -> str:
    """Turn a setting's name into a label: ``batch_size`` -> ``Batch size``."""
    return name.replace("_", " ").capitalize()


def _by_field(model: type[Settings], found: Mapping[str, str]) -> dict[str, str]:
    """Move each sentence to the field that it is about: by its key, else by its first word."""
    placed: dict[str, str] = {}
    for key, sentence in found.items():
        path = _field_path(model, key) or _field_path(model, sentence.split(" ", 1)[0]) or ""
        placed[path] = f"{placed[path]} {sentence}" if path in placed else sentence
    return placed


def _field_path(model: type[Settings], dotted: str) -> str:
    """Return the longest beginning of a dotted name that is a plain field, else ``""``."""
    head, _, rest = dotted.partition(".")
    if head not in model.model_fields:
        return ""
    inner = plain_type(model.model_fields[head])
    if not _is_group(inner):
        return head
    below = _field_path(inner, rest)
    return f"{head}.{below}" if below else ""


def _effective(model: type[Settings], params: Mapping[str, Any]) -> dict[str, Any]:
    """Say what every setting comes to, presets included, as far as the values are right."""
    values = {name: params[name] for name in ("preset", "network") if params.get(name)}
    if "preset" not in model.model_fields or faults(model, values):
        return {}
    return model(**values).model_dump()


def _only_literal(field: FieldInfo) -> bool:
    parts = [p for p in get_args(field.annotation) or [] if p is not type(None)]
    kinds = [get_origin(part) for part in parts]
    return get_origin(field.annotation) is Literal or all(kind is Literal for kind in kinds)


def _shown(value: Any) -> Any:
    """Write a default the way a form takes it: lists as text with commas."""
    if isinstance(value, list):
        return ", ".join(str(getattr(item, "name", item)) for item in value)
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    return str(value)


def _is_group(inner: Any) -> bool:
    return isinstance(inner, type) and issubclass(inner, Settings)


def _advanced(field: FieldInfo) -> bool:
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("advanced"))
