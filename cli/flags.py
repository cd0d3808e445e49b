"""Command line flags, read off the settings."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Collection
from typing import Any, NoReturn

from ..common.errors import nearest
from ..config import Settings, alone, choices, limit_texts, plain_type
from ..config.signatures import annotation

NUMBERS = {"int": "N", "float": "X"}
WIDTH = 60  # of choices that stand for a value in a line of help


VERBATIM = {"command", "tags"}
"""Lists whose words are taken as they are, commas too."""


class _Words(argparse.Action):
    """Reads a list with commas, as the App's forms do, beside one with spaces."""

    def __call__(self, parser: Any, namespace: Any, values: Any, flag: str | None = None) -> None:
        words = [word.strip() for value in values for word in value.split(",")]
        setattr(namespace, self.dest, [word for word in words if word])


class Parser(argparse.ArgumentParser):
    """An argument parser that says what was meant, and raises nothing else."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)

    def error(self, message: str) -> NoReturn:
        """End with the message and where to read more; of a wrong command name the nearest."""
        wrong = re.match(r"argument COMMAND: invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if wrong:
            known = [word.strip("' ") for word in wrong[2].split(",")]
            message = (
                f"there is no command {wrong[1]!r}{nearest(wrong[1], known)} (commands: "
                f"{', '.join(known)})"
            )
        choice = re.match(r"argument (\w+): invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if choice:
            known = [word.strip("' ") for word in choice[3].split(",")]
            message = (
                f"{choice[1]} must be one of {', '.join(known)}, got {choice[2]!r}"
                f"{nearest(choice[2], known)}"
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


class RootParser(Parser):
    """The parser of all commands; its help is one screen, in the order of the work."""

    def format_help(self) -> str:
        """List every command with its sentence, two columns, 80 characters at most."""
        commands = next(a for a in self._actions if isinstance(a, argparse._SubParsersAction))
        lines = [f"{one.dest:<18}{one.help}" for one in commands._get_subactions()]
        return "\n".join(
            [
                f"curadiff COMMAND   {self.description}",
                *lines,
                "Each has --help, most --json. Start: curadiff demo, or curadiff preview ./FOLDER",
                "",
            ]
        )


def add_settings(
    parser: argparse.ArgumentParser,
    model: type[Settings],
    prefix: str = "",
    *,
    hidden: Collection[str] = (),
) -> None:
    """Add one flag per setting; the settings of another verb inside get a dotted prefix.

    Values stay text and are checked by the settings themselves, so that a wrong one
    gets the same sentence as in Python. A flag that is not given leaves no trace.

    Args:
        parser: The command.
        model: Its settings.
        prefix: Put before every name.
        hidden: Dotted names that the help does not list.
    """
    group = parser.add_argument_group(f"settings of {prefix.rstrip('.')}" if prefix else "settings")
    for name, field in model.model_fields.items():
        inner = plain_type(field)
        if isinstance(inner, type) and issubclass(inner, Settings):
            add_settings(parser, inner, f"{prefix}{name}.", hidden=hidden)
            continue
        options: dict[str, Any] = {
            "dest": f"{prefix}{name}",
            "default": argparse.SUPPRESS,
            "help": argparse.SUPPRESS if f"{prefix}{name}" in hidden else _help(field),
        }
        if inner is bool:
            options["action"] = argparse.BooleanOptionalAction
        elif inner in (list, tuple):
            options |= {"nargs": "+", "metavar": name.rstrip("s").upper()}
            if name not in VERBATIM:
                options["action"] = _Words
        else:
            options["metavar"] = _placeholder(name, field)
            if (word := alone(field)) is not None:
                options |= {"nargs": "?", "const": word}
        action = group.add_argument(f"--{prefix}{name}".replace("_", "-"), **options)
        action.field = field  # pyright: ignore[reportAttributeAccessIssue]: read by completion


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
    values = [str(choice) for choice in choices(field) or ()]
    if values:
        kinds = annotation(field.annotation).split(" | ")
        values += [NUMBERS[kind] for kind in kinds if kind in NUMBERS]
    listed = "|".join(values)
    if values and len(listed) <= WIDTH:
        return listed
    return NUMBERS.get(plain_type(field).__name__) or name.rpartition("_")[2].upper()


def _help(field: Any) -> str:
    text = (field.description or "").replace("%", "%%")
    notes = limit_texts(field)
    values = choices(field)
    if values and plain_type(field) is not bool and len("|".join(map(str, values))) > WIDTH:
        notes.append(" | ".join(map(str, values)))
    if (word := alone(field)) is not None:
        notes.append(f"without a value: {word}")
    if not field.is_required() and field.default not in (None, ""):
        notes.append(f"default: {_shown(field.default)}")
    return f"{text} [{'; '.join(notes)}]" if notes else text


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(str(getattr(item, "name", item)) for item in value)
    return str(value)
