"""Signatures of the verbs from their settings: for ``help()``, notebooks and editors.

A verb takes its settings as keywords. Editors and type checkers read their names and types
in ``options.py``, which ``python -m curadiff.config.signatures`` writes from the models;
``help()`` reads the signature and the text that `with_settings` puts on the function.
"""

from __future__ import annotations

import inspect
import re
import textwrap
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic.fields import FieldInfo

from . import VERBS, ArmSettings, RatePlanSettings, RateSettings
from .base import Settings, limit_texts, plain_type

Verb = TypeVar("Verb", bound=Callable[..., Any])

MODELS: tuple[type[Settings], ...] = (
    *VERBS.values(),
    ArmSettings,
    RateSettings,
    RatePlanSettings,
)
OPTIONS = Path(__file__).with_name("options.py")
WIDTH = 96  # of a line of help
BASIC = {bool: "bool", int: "int", float: "float", str: "str", type(None): "None"}


class Text:
    """A value that shows itself as a text in a signature."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def with_settings(model: type[Settings], *, unchanged: bool = False) -> Callable[[Verb], Verb]:
    """Give a verb that ends in ``**settings`` the signature and the text of its settings.

    The line of its docstring that describes the keywords (``**settings: ...``) is replaced
    by one entry for each setting: type, sentence, limits and default.

    Args:
        model: The settings that the keywords are given to.
        unchanged: What is not given stays as it is, instead of taking a default.
    """

    def decorate(verb: Verb) -> Verb:
        signature = inspect.signature(verb)
        own = [part for part in signature.parameters.values() if part.kind != part.VAR_KEYWORD]
        options = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=Text("...") if unchanged else _default(field),
                annotation=Text(annotation(field.annotation)),
            )
            for name, field in model.model_fields.items()
        ]
        verb.__signature__ = signature.replace(  # pyright: ignore[reportFunctionMemberAccess]
            parameters=[*own, *options]
        )
        verb.__doc__ = re.sub(
            r"^( *)\*\*\w+:.*(\n\1 +.*)*",
            lambda line: "\n".join(_entry(*item, indent=line[1]) for item in listed(model)),
            verb.__doc__ or "",
            flags=re.MULTILINE,
        )
        return verb

    return decorate


def listed(model: type[Settings]) -> list[tuple[str, str, str]]:
    """Return name, type and sentence of each setting; the sentence ends in limits and default."""
    return [
        (name, annotation(field.annotation), sentence(field))
        for name, field in model.model_fields.items()
    ]


def sentence(field: FieldInfo) -> str:
    """Return a setting's sentence with its limits and its default."""
    notes = limit_texts(field)
    inner = plain_type(field)
    if issubclass(inner, Settings):
        notes.append(f"a dictionary of settings of {inner.verb}")
    elif not field.is_required() and field.default not in (None, ""):
        notes.append(f"default: {_default(field)!r}")
    return f"{field.description} [{'; '.join(notes)}]" if notes else f"{field.description}"


def annotation(kind: Any) -> str:
    """Write a setting's type as source: ``Literal['a', 'b'] | None``, ``list[int]``.

    Settings inside settings may be given as a dictionary, an arm also by its name.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(annotation(part) for part in inner)
    if origin is typing.Literal:
        return f"Literal[{', '.join(repr(value) for value in inner)}]"
    if origin is list:
        return f"list[{annotation(inner[0])}]"
    if origin is dict:
        return f"dict[{', '.join(annotation(part) for part in inner)}]"
    if kind in BASIC:
        return BASIC[kind]
    if issubclass(kind, Settings):
        named = "str | " if kind is ArmSettings else ""
        return f"{named}{options_name(kind)} | {kind.__name__}"
    raise TypeError(f"no source is known for the type {kind!r} of a setting.")


def options_name(model: type[Settings]) -> str:
    """Name the keywords of a model: ``SelectSettings`` -> ``SelectOptions``."""
    return model.__name__.replace("Settings", "Options")


def options_source() -> str:
    """Return the text of ``options.py``, which a test compares with the file."""
    inner = {name for model in MODELS for name in re.findall(r"Options \| (\w+)", _options(model))}
    imports: dict[str, list[str]] = {}
    for model in MODELS:
        if model.__name__ in inner:
            imports.setdefault(model.__module__.rpartition(".")[2], []).append(model.__name__)
    lines = [
        '"""The keywords of the verbs, for editors and type checkers.',
        "",
        "Written by ``python -m curadiff.config.signatures`` from the settings; do not edit it.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import TYPE_CHECKING, Literal, Required, TypedDict",
        "",
        "if TYPE_CHECKING:",
        *(
            f"    from .{module} import {', '.join(sorted(imports[module]))}"
            for module in sorted(imports)
        ),
        "",
    ]
    return "\n".join(lines) + "\n".join(_options(model) for model in MODELS)


def _options(model: type[Settings]) -> str:
    lines = [
        "",
        "",
        f"class {options_name(model)}(TypedDict, total=False):",
        f'    """Settings of ``{model.verb}``; see `{model.__name__}`."""',
        "",
    ]
    for name, field in model.model_fields.items():
        kind = annotation(field.annotation)
        lines.append(f"    {name}: {f'Required[{kind}]' if field.is_required() else kind}")
        lines.append(f"    {_docstring(sentence(field))}")
    return "\n".join(lines) + "\n"


def _docstring(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"""{quoted}"""'


def _entry(name: str, kind: str, text: str, *, indent: str) -> str:
    return textwrap.fill(
        f"{name} ({kind}): {text}",
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _default(field: FieldInfo) -> Any:
    if field.is_required():
        return inspect.Parameter.empty
    default = field.default
    if isinstance(default, Settings):
        return Text(f"{type(default).__name__}()")
    if isinstance(default, list):
        return [item.name if isinstance(item, ArmSettings) else item for item in default]
    return default


if __name__ == "__main__":
    OPTIONS.write_text(options_source(), encoding="utf-8")
