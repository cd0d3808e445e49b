"""Command line flags, read off the settings."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from ..common.errors import nearest
from ..config import Settings, alone, choices, limit_texts, plain_type
from ..config.sections import FIRST, TITLES, section_of, section_titles
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


class _HelpAll(argparse.Action):
    """Prints the help of every flag."""

    def __init__(self, option_strings: Any, dest: str, **options: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, **options)

    def __call__(self, parser: Any, namespace: Any, values: Any, flag: str | None = None) -> None:
        print(parser.format_all(), end="")
        parser.exit()


class Parser(argparse.ArgumentParser):
    """An argument parser that says what was meant, and raises nothing else.

    Its help explains the settings that stand first in the App's forms, and names the others.
    """

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

    def format_help(self) -> str:
        """Return the help: folded flags are named only."""
        return self._formatted(everything=False)

    def format_all(self) -> str:
        """Return the help of every flag, under their titles."""
        return self._formatted(everything=True)

    def _formatted(self, *, everything: bool) -> str:
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        for group in self._action_groups:
            shown = [a for a in group._group_actions if everything or not hasattr(a, "folded")]
            formatter.start_section(group.title)
            formatter.add_text(group.description)
            formatter.add_arguments(shown)
            formatter.end_section()
        folded = [] if everything else _folded_lines(self._action_groups)
        if folded:
            formatter.start_section(f"other settings ({self.prog} --help-all explains them)")
            formatter.add_text("\n".join(folded))
            formatter.end_section()
        return formatter.format_help()

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
    parser: argparse.ArgumentParser, model: type[Settings], *, hidden: Collection[str] = ()
) -> None:
    """Add one flag per setting; the settings of another verb inside get a dotted prefix.

    Values stay text and are checked by the settings themselves, so that a wrong one
    gets the same sentence as in Python. A flag that is not given leaves no trace.

    Args:
        parser: The command.
        model: Its settings.
        hidden: Dotted names that the help does not list.
    """
    first = parser.add_argument_group("settings")
    _add_flags(parser, model, "", first, FIRST.get(model.verb, ()), hidden)
    folds = any(hasattr(action, "folded") for action in parser._actions)
    about = "explain all settings and exit" if folds else argparse.SUPPRESS
    parser.add_argument("--help-all", action=_HelpAll, help=about)


def _add_flags(
    parser: argparse.ArgumentParser,
    model: type[Settings],
    prefix: str,
    first: argparse._ArgumentGroup,
    also_first: Collection[str],
    hidden: Collection[str],
) -> None:
    """Add the flags of one model to the first ones, or to the group of their section."""
    title = TITLES.get(model.verb, "") if prefix else ""
    titles: Mapping[str | None, str] = {
        None: title,
        **{one: f"{title}: {one.lower()}" if title else one for one in section_titles(model.verb)},
    }
    groups = {one: parser.add_argument_group(titles[one]) for one in titles}
    inside: dict[str, type[Settings]] = {}
    for name, field in model.model_fields.items():
        inner = plain_type(field)
        if isinstance(inner, type) and issubclass(inner, Settings):
            inside[name] = inner
            continue
        dotted, section = f"{prefix}{name}", section_of(model, name)
        folded = dotted not in also_first and bool(prefix or section)
        options = _options(name, dotted, field)
        if dotted in hidden:
            options["help"] = argparse.SUPPRESS
        group = groups[section] if folded else first
        action: Any = group.add_argument(f"--{dotted}".replace("_", "-"), **options)
        action.field = field  # read by completion
        if folded:
            action.folded = title or section
    for name, inner in inside.items():
        _add_flags(parser, inner, f"{prefix}{name}.", first, also_first, hidden)


def _options(name: str, dotted: str, field: Any) -> dict[str, Any]:
    """Return how argparse reads a setting's flag."""
    inner = plain_type(field)
    options: dict[str, Any] = {
        "dest": dotted,
        "default": argparse.SUPPRESS,
        "help": _help(field),
    }
    if inner is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif inner in (list, tuple):
        options |= {"nargs": "+", "metavar": _singular(name).upper()}
        if name not in VERBATIM:
            options["action"] = _Words
    else:
        options["metavar"] = _placeholder(name, field)
        if (word := alone(field)) is not None:
            options |= {"nargs": "?", "const": word}
    return options


def _singular(name: str) -> str:
    return name.removesuffix("es" if name.endswith("sses") else "s")


def _folded_lines(groups: Collection[argparse._ArgumentGroup]) -> list[str]:
    """Name the flags that are folded, a line or more per title: ``--train.layers, .network``."""
    named: dict[str, list[str]] = {}
    for action in (action for group in groups for action in group._group_actions):
        title = getattr(action, "folded", None)
        if title is None or action.help == argparse.SUPPRESS:
            continue
        flags, flag = named.setdefault(title, []), action.option_strings[0]
        flags.append(f".{flag.partition('.')[2]}" if flags and "." in flag else flag)
    column = max(map(len, named), default=0) + 2
    widest = max((len(flag) for flags in named.values() for flag in flags), default=0) + 1
    width = max(min(shutil.get_terminal_size().columns, 100) - 4, column + widest)
    return [
        line
        for title, flags in named.items()
        for line in textwrap.wrap(
            ", ".join(flags),
            width,
            initial_indent=title.ljust(column),
            subsequent_indent=" " * column,
            break_on_hyphens=False,
        )
    ]


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
