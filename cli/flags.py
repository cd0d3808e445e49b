"""Command line flags, read off the settings."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any, NoReturn

from ..common.errors import nearest
from ..config import Settings, choices, limit_texts, plain_type

WIDTH = 60  # of choices that stand for a value in a line of help


class Parser(argparse.ArgumentParser):
    """An argument parser that says what was meant, and raises nothing else."""

    def error(self, message: str) -> NoReturn:
        """End with the message and where to read more; of a wrong command name the nearest."""
        wrong = re.match(r"argument \w+: invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if wrong:
            known = [word.strip("' ") for word in wrong[2].split(",")]
            message = (
                f"there is no command {wrong[1]!r}{nearest(wrong[1], known)} (commands: "
                f"{', '.join(known)})"
            )
        print(f"curadiff: {message}\nSee: {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)

    def parse(self, words: list[str]) -> argparse.Namespace:
        """Parse all words; an unknown flag is answered with the nearest known one."""
        parsed, rest = self.parse_known_args(words)
        if rest:
            parser: Parser = getattr(parsed, "parser", self)
            known = [flag for action in parser._actions for flag in action.option_strings]
            unknown = next((word for word in rest if word.startswith("-")), rest[0])
            parser.error(f"{unknown} is not known here{nearest(unknown.split('=')[0], known)}")
        return parsed


def add_settings(parser: argparse.ArgumentParser, model: type[Settings], prefix: str = "") -> None:
    """Add one flag per setting; the settings of another verb inside get a dotted prefix.

    Values stay text and are checked by the settings themselves, so that a wrong one
    gets the same sentence as in Python. A flag that is not given leaves no trace.
    """
    group = parser.add_argument_group(f"settings of {prefix.rstrip('.')}" if prefix else "settings")
    for name, field in model.model_fields.items():
        inner = plain_type(field)
        if isinstance(inner, type) and issubclass(inner, Settings):
            add_settings(parser, inner, f"{prefix}{name}.")
            continue
        options: dict[str, Any] = {
            "dest": f"{prefix}{name}",
            "default": argparse.SUPPRESS,
            "help": _help(field),
        }
        if inner is bool:
            options["action"] = argparse.BooleanOptionalAction
        elif inner in (list, tuple):
            options |= {"nargs": "+", "metavar": name.rstrip("s").upper()}
        else:
            options["metavar"] = _placeholder(name, field)
        group.add_argument(f"--{prefix}{name}".replace("_", "-"), **options)


def given_settings(parsed: argparse.Namespace, model: type[Settings]) -> dict[str, Any]:
    """Collect the settings that were given, dotted ones as dictionaries."""
    values: dict[str, Any] = {}
    for name, value in vars(parsed).items():
        head, _, tail = name.partition(".")
        if head in model.model_fields:
            if tail:
                values.setdefault(head, {})[tail] = value
            else:
                values[name] = value
    return values


def _placeholder(name: str, field: Any) -> str:
    """Show the values that a setting accepts, or what kind it is; long lists stand in its help."""
    values = choices(field)
    listed = "|".join(map(str, values or ()))
    if values and len(listed) <= WIDTH:
        return listed
    kinds = {int: "N", float: "X"}
    return kinds.get(plain_type(field)) or name.rpartition("_")[2].upper()


def _help(field: Any) -> str:
    text = (field.description or "").replace("%", "%%")
    notes = limit_texts(field)
    values = choices(field)
    if values and plain_type(field) is not bool and len("|".join(map(str, values))) > WIDTH:
        notes.append(" | ".join(map(str, values)))
    if not field.is_required() and field.default not in (None, ""):
        notes.append(f"default: {_shown(field.default)}")
    return f"{text} [{'; '.join(notes)}]" if notes else text


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(str(getattr(item, "name", item)) for item in value)
    return str(value)
