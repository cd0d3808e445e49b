"""One definition per setting, for the App form, the CLI flag and the Python keyword.

A verb's settings are a frozen pydantic model whose fields carry type, default,
limits and help. Whatever the surface, a wrong value raises `SettingsError` with
the same sentence, because all surfaces construct the same model.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo

from ..common.errors import SettingsError, nearest

MOST_SEED = 2**53  # a whole number that JSON, the database and every generator hold exactly

PLAIN_NAME = r"^\w[\w.+-]*$"
"""What a name may be that also names a folder."""


Reason = typing.Literal["runs code", "reads files"]
"""What a value can do that a request to the App may not ask for; see `curadiff.config.owner`."""


def setting(
    default: Any,
    help: str,
    *,
    advanced: bool = False,
    owner_only: Reason | Callable[[Any], Reason | None] | None = None,
    alone: str | None = None,
    **limits: Any,
) -> Any:
    """Declare one setting.

    Args:
        default: Its default value; ``...`` makes it required.
        help: One sentence, shown by every surface.
        advanced: Fold it away in the App form.
        owner_only: Why only the owner of the App may set it: what every value but the default
            does, or a function from a value to what that value does, None where it is harmless.
        alone: What its command line flag means where no value follows it; None where one must.
        **limits: pydantic limits such as ``ge``, ``le``, ``gt``, ``multiple_of``.
    """
    if isinstance(owner_only, str) and owner_only not in typing.get_args(Reason):
        raise TypeError(f"owner_only must be one of {typing.get_args(Reason)}, got {owner_only!r}.")
    marks: Any = {"advanced": advanced, "owner_only": owner_only, "alone": alone}
    return Field(default, description=help, json_schema_extra=marks, **limits)


class Settings(BaseModel):
    """Base of every verb's settings: immutable, nothing unknown accepted.

    Raises:
        SettingsError: On construction, with one sentence per wrong value.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    verb: ClassVar[str] = ""

    @field_validator("*", mode="before")
    @classmethod
    def _nothing(cls, value: Any, info: ValidationInfo) -> Any:
        """Return None for the word none where a number may be absent, to undo a preset's."""
        if value == "none" and info.field_name is not None:
            allowed = _alternatives(cls.model_fields[info.field_name].annotation)
            if type(None) in allowed and str not in allowed:
                return None
        return value

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as fault:
            sentences = _faults(type(self), fault)
            raise SettingsError(" ".join(sentences.values()), faults=sentences) from None

    def changed(self, **values: Any) -> typing.Self:
        """Return a copy with some values replaced, checked like new ones."""
        return type(self)(**{**self.model_dump(), **values})


def faults(model: type[Settings], values: dict[str, Any]) -> dict[str, str]:
    """Check values: the sentence for each wrong setting, by its dotted name.

    A fault that belongs to no single setting is under ``""``. The App form marks
    its fields with these.
    """
    try:
        model(**values)
    except SettingsError as fault:
        return fault.faults
    return {}


def choices(field: FieldInfo) -> list[Any] | None:
    """List the values a ``Literal`` setting accepts; None where any value goes."""
    values = [
        value
        for part in _alternatives(field.annotation)
        if typing.get_origin(part) is typing.Literal
        for value in typing.get_args(part)
    ]
    return values or None


def plain_type(field: FieldInfo) -> type:
    """Name the Python type behind a setting, without ``None`` and ``Literal``."""
    for part in _alternatives(field.annotation):
        origin = typing.get_origin(part) or part
        if origin is typing.Literal:
            return type(typing.get_args(part)[0])
        if origin is not type(None):
            return origin
    return str


def alone(field: FieldInfo) -> str | None:
    """Return what a setting's flag means where no value follows it, None where one must."""
    extra = field.json_schema_extra
    return extra.get("alone") if isinstance(extra, dict) else None  # pyright: ignore[reportReturnType]: written by `setting`


def limits(field: FieldInfo) -> dict[str, float]:
    """Collect a setting's numeric limits by pydantic's names (ge, gt, le, lt, multiple_of)."""
    bounds = {}
    for item in field.metadata:
        for name in ("ge", "gt", "le", "lt", "multiple_of"):
            if getattr(item, name, None) is not None:
                bounds[name] = getattr(item, name)
    return bounds


_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "a multiple of"}


def limit_texts(field: FieldInfo) -> list[str]:
    """Write a setting's numeric limits for people: ``[">= 1", "<= 64"]``."""
    bounds = limits(field).items()
    return [f"{_SIGNS[name]} {f'{value:g}' if value < 1e6 else value}" for name, value in bounds]


def _alternatives(annotation: Any) -> list[Any]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [part for arg in typing.get_args(annotation) for part in _alternatives(arg)]
    return [annotation]


def _names(location: tuple[Any, ...]) -> list[Any]:
    """Drop the parts of a location that name a member of a union, not a field."""
    kept: list[Any] = []
    for part in location:
        text = str(part)
        if kept and (text in ("int", "float", "str", "bool") or "[" in text):
            continue
        kept.append(part)
    return kept


_BOUND = {
    "greater_than_equal": (">=", "ge"),
    "greater_than": (">", "gt"),
    "less_than_equal": ("<=", "le"),
    "less_than": ("<", "lt"),
}
_KIND = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
}


def _faults(model: type[Settings], fault: ValidationError) -> dict[str, str]:
    """Turn pydantic's records into one sentence per setting."""
    grouped: dict[str, list[Any]] = {}
    for error in fault.errors():
        grouped.setdefault(".".join(map(str, _names(error["loc"]))), []).append(error)
    sentences: dict[str, str] = {}
    for name, errors in grouped.items():
        inner = errors[0].get("ctx", {}).get("error")
        if isinstance(inner, SettingsError):  # the settings of one verb inside another's
            sentences.update(
                {f"{name}.{key}": f"{name}.{text}" for key, text in inner.faults.items()}
            )
        elif len(errors) > 1:
            sentences[name] = _either(model, name, errors)
        else:
            sentences[name] = _sentence(model, name, errors[0])
    return sentences


def _either(model: type[Settings], name: str, errors: list[Any]) -> str:
    """One sentence for a setting that takes either of several kinds of value."""
    bound = [error for error in errors if error["type"] in _BOUND]
    if bound:
        return _sentence(model, name, bound[0])
    if all(error["type"] == "literal_error" for error in errors):
        return _sentence(model, name, errors[0])
    words = []
    for error in errors:
        if error["type"] == "literal_error":
            words += [str(choice) for choice in choices(_field(model, error["loc"])) or []]
        words += [text for short, text in _KIND.items() if error["type"].startswith(short)]
    return f"{name} must be {' or '.join(dict.fromkeys(words))}, got {errors[0]['input']!r}."


def _sentence(model: type[Settings], name: str, error: Any) -> str:
    given, kind, context = error["input"], error["type"], error.get("ctx", {})
    if kind in _BOUND:
        sign, key = _BOUND[kind]
        return f"{name} must be {sign} {context[key]}, got {given}."
    if kind == "string_pattern_mismatch":
        return f"{name} may have letters, digits and . _ + - only, got {given!r}."
    if kind == "multiple_of":
        return f"{name} must be a multiple of {context['multiple_of']}, got {given}."
    if kind == "missing":
        return f"{name} is needed: {_field(model, error['loc']).description}"
    if kind == "extra_forbidden":
        known = list(model.model_fields)
        verb = model.verb or model.__name__
        return (
            f"{name} is not a setting of {verb}{nearest(name, known)} "
            f"(settings: {', '.join(known)})."
        )
    if kind == "literal_error":
        accepted = choices(_field(model, error["loc"])) or []
        listed = ", ".join(map(str, accepted))
        return f"{name} must be one of {listed}, got {given!r}{nearest(given, accepted)}."
    if kind == "value_error":
        return str(context["error"])
    for short, words in _KIND.items():
        if kind.startswith(short):
            return f"{name} must be {words}, got {given!r}."
    return f"{name}: {error['msg'][0].lower()}{error['msg'][1:]}, got {given!r}."


def _field(model: type[Settings], location: tuple[Any, ...]) -> FieldInfo:
    """Return the setting at a location, which may lie in the settings of an item of a list."""
    field = model.model_fields[location[0]]
    for part in location[1:]:
        inner = next((one for one in members(field.annotation) if part in one.model_fields), None)
        field = field if inner is None else inner.model_fields[part]
    return field


def members(annotation: Any) -> list[type[Settings]]:
    """List the settings models in a type: itself, or those of its items."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [one for part in typing.get_args(annotation) for one in members(part)]
