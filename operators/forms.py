"""From a settings model to a form.

Type, default, limits, help and choices come from `curadiff.config`; what is wrong
with a value is said by the sentence that Python raises, under the field it is about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from fiftyone.operators import types
from pydantic.fields import FieldInfo

from ..config import Settings, choices, faults, limits, plain_type
from ..config.sections import TITLES, section_of, section_titles
from .form_values import (
    BY_PRESET,
    GIVEN,
    effective_settings,
    emptied_numbers,
    errors_by_field,
    form_settings,
    is_group,
    joined,
    refused_settings,
    with_presets,
)
from .sections import key_of_section, without_sections

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
    "herding": "their mean follows the pool's, in a kernel's feature space",
    "hierarchical-kmeans": "as many images of every concept, however common",
    "transport": "cheapest to turn into the whole pool, swap by swap",
    "difficulty": "even steps from easy to hard, by a field such as a model's loss",
    "preview-harm": "leaves out what makes a preview's images bad, then chooses",
}
"""What each selection method does, for menus."""


@dataclass(frozen=True)
class _Options:
    """What a form has besides the settings themselves, by dotted name; see `add_settings`."""

    leave_out: tuple[str, ...]
    defaults: Mapping[str, Any]
    menus: Mapping[str, Mapping[str, str]]
    suggestions: Mapping[str, Mapping[str, str]]
    errors: Mapping[str, str]

    def default(self, dotted: str) -> Any:
        """Return the default that replaces the setting's own, or None."""
        value: Any = self.defaults
        for name in dotted.split(".") if dotted else ():
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


def add_settings(
    form: types.Object,
    model: type[Settings],
    params: Mapping[str, Any],
    *,
    leave_out: tuple[str, ...] = (),
    defaults: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
    menus: Mapping[str, Mapping[str, str]] | None = None,
    suggestions: Mapping[str, Mapping[str, str]] | None = None,
) -> bool:
    """Add a field per setting, with what is wrong marked on it.

    Args:
        form: Where to add them.
        model: The settings.
        params: The form's values so far.
        leave_out: Settings that the form asks for in another way, by their dotted names.
        defaults: Values that the form begins with in place of the settings' own.
        errors: What is known to be wrong besides, a sentence by dotted name.
        menus: What there is to choose from, by dotted name: ``{value: label}``.
        suggestions: The same where another value can be typed, or several be chosen.

    Returns:
        True when the values can be used.
    """
    values = effective_settings(model, params, defaults)
    of_values = {**faults(model, values), **refused_settings(model, values)}
    errors = {
        **(errors or {}),
        **errors_by_field(model, of_values),
        **emptied_numbers(model, params),
    }
    shown = joined(defaults or {}, form_settings(model, params.get(GIVEN) or {}))
    options = _Options(leave_out, shown, menus or {}, suggestions or {}, errors)
    added = _add_fields(form, model, params, options, prefix="")
    for path, sentence in errors.items():
        if path not in added:
            form.view(
                f"fault_{path.replace('.', '_') or 'all'}",
                types.Error(label=sentence),
                invalid=True,
                error_message=sentence,
            )
    return not errors


def mark(form: types.Object, name: str, sentence: str) -> None:
    """Mark a field of a form as wrong, which also keeps the button from starting anything."""
    field = form.properties[name]
    field.invalid, field.error_message = True, sentence


def _add_fields(
    form: types.Object,
    model: type[Settings],
    params: Mapping[str, Any],
    options: _Options,
    prefix: str,
) -> set[str]:
    """Add the fields of one model; return the dotted names of those that were added."""
    added: set[str] = set()
    params = without_sections(params)
    fields = {
        name: field
        for name, field in model.model_fields.items()
        if f"{prefix}{name}" not in options.leave_out
    }
    groups = [name for name, field in fields.items() if is_group(plain_type(field))]
    effective = with_presets(model, joined(options.default(prefix[:-1]) or {}, params))
    sections: dict[str, list[str]] = {title: [] for title in section_titles(model.verb)}
    for name, field in fields.items():
        if name in groups:
            continue
        section = section_of(model, name)
        if section is None:
            _add_field(form, name, field, effective, options, f"{prefix}{name}")
        else:
            sections[section].append(name)
        added.add(f"{prefix}{name}")
    for name in groups:
        group = types.Object()
        inner, below = plain_type(fields[name]), f"{prefix}{name}."
        added |= _add_fields(group, inner, params.get(name) or {}, options, below)
        label = f"{TITLES.get(name, title(name))}: {fields[name].description}"
        expanded = any(path.startswith(below) for path in options.errors)
        _fold(form, name, group, label, expanded=expanded)
    for section, names in sections.items():
        if not names:
            continue
        inside = types.Object()
        for name in names:
            _add_field(inside, name, fields[name], effective, options, f"{prefix}{name}")
        expanded = any(f"{prefix}{name}" in options.errors for name in names)
        label = f"{section}: {', '.join(title(name).lower() for name in names)}"
        _fold(form, key_of_section(section), inside, label, expanded=expanded)
    return added


def _fold(
    form: types.Object, name: str, group: types.Object, label: str, *, expanded: bool
) -> None:
    view = types.ObjectView(label=label, collapsible=True, default_expanded=expanded)
    form.define_property(name, group, view=view)


def _add_field(
    form: types.Object,
    name: str,
    field: FieldInfo,
    effective: Mapping[str, Any],
    options: _Options,
    dotted: str,
) -> None:
    """Add one setting with the view that fits its type and what there is to choose from."""
    sentence, replacement = options.errors.get(dotted), options.default(dotted)
    by_preset = name in BY_PRESET and "preset" in effective
    value = effective.get(name, field.default)
    default = None if field.is_required() or by_preset else _typed(field.default)
    default = default if replacement is None else _typed(replacement)
    about: dict[str, Any] = {
        "label": title(name),
        "description": describe(field),
        "required": field.is_required(),
        "invalid": sentence is not None,
        "error_message": sentence or "",
    }
    inner, listed = plain_type(field), choices(field)
    menu, suggestions = options.menus.get(dotted), options.suggestions.get(dotted)
    placeholder = default_in_words(field, value) + (" (preset)" if by_preset else "")
    if menu is not None:
        view = _with_choices(types.DropdownView(), menu)
        form.enum(name, view.values(), default=default, view=view, **about)
    elif suggestions is not None:
        view = types.AutocompleteView(placeholder=placeholder, allow_duplicates=False)
        view = _with_choices(view, suggestions)
        if inner is list:
            default = _names(replacement if replacement is not None else field.default)
            form.list(name, types.String(), default=default, view=view, **about)
        else:
            form.str(name, default=default, view=view, **about)
    elif inner is bool:
        checked = field.default if replacement is None else replacement
        form.bool(name, default=checked, view=types.CheckboxView(), **about)
    elif listed and _only_literal(field):
        labels = {choice: explained(name, choice) for choice in listed}
        view = types.DropdownView(placeholder=placeholder if by_preset else None)
        view = _with_choices(view, labels)
        form.enum(name, view.values(), default=default, view=view, **about)
    else:
        view = types.FieldView(placeholder=placeholder)
        number = {int: form.int, float: form.float}.get(inner) if not listed else None
        (number or form.str)(name, default=default, view=view, **about)


def _with_choices(view: Any, labels: Mapping[Any, str]) -> Any:
    for choice, label in labels.items():
        view.add_choice(choice, label=label)
    return view


def _names(value: Any) -> list[str] | None:
    """Return a list's items as a form lists them: by name where they have one."""
    return None if value is None else [str(getattr(item, "name", item)) for item in value]


def default_in_words(field: FieldInfo, value: Any) -> str:
    """Return what an empty field stands for: its default, else what its help says of it."""
    if value not in (None, ...):
        return str(_typed(value))
    match = re.search(r"by default (.+?)(?:[.;(]|$)", field.description or "")
    return match.group(1).strip() if match else "none"


def explained(setting: str, choice: Any) -> str:
    """Return a choice's label: the choice, and what it does where that is known."""
    explanation = METHODS.get(choice) if setting == "method" else None
    return f"{choice}: {explanation}" if explanation else str(choice)


def describe(field: FieldInfo) -> str:
    """Return a setting's help with its limits."""
    words = [f"{LIMITS[k]} {v:g}" for k, v in limits(field).items() if k in LIMITS]
    multiple = limits(field).get("multiple_of")
    if multiple:
        words.append(f"a multiple of {multiple:g}")
    text = field.description or ""
    return f"{text} ({', '.join(words)})" if words else text


def title(name: str) -> str:
    """Turn a setting's name into a label: ``batch_size`` -> ``Batch size``."""
    return name.replace("_", " ").capitalize()


def _only_literal(field: FieldInfo) -> bool:
    parts = [p for p in get_args(field.annotation) or [] if p is not type(None)]
    kinds = [get_origin(part) for part in parts]
    return get_origin(field.annotation) is Literal or all(kind is Literal for kind in kinds)


def _typed(value: Any) -> Any:
    """Return a default as a person would type it: lists as text with commas."""
    if isinstance(value, list):
        return ", ".join(str(getattr(item, "name", item)) for item in value)
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    return str(value)
