"""``curadiff completion``: what a shell needs to complete commands, flags, choices and names.

The script is static (shtab writes it from the parser), so that the Tab key starts no
Python; the names of runs are listed by the shell itself, from the folder of runs.
"""

from __future__ import annotations

import argparse
from typing import Any

import shtab

from ..config import choices

SHELLS = ("bash", "zsh", "fish")
INSTALL = {
    "bash": "curadiff completion bash > ~/.local/share/bash-completion/completions/curadiff",
    "zsh": "curadiff completion zsh > ~/.zfunc/_curadiff   (with ~/.zfunc in $fpath)",
    "fish": "curadiff completion fish > ~/.config/fish/completions/curadiff.fish",
}
RUNS = {
    "bash": "_curadiff_runs",
    "zsh": "_curadiff_runs",
    "fish": "(ls (set -q CURADIFF_HOME; and echo $CURADIFF_HOME; or echo ~/curadiff)/runs "
    "2>/dev/null)",
}
LIST_RUNS = 'ls "${CURADIFF_HOME:-$HOME/curadiff}/runs" 2>/dev/null'
PREAMBLE = {
    "bash": f'_curadiff_runs() {{ compgen -W "$({LIST_RUNS})" -- "$1"; }}\n',
    "zsh": f"_curadiff_runs() {{ compadd -- $({LIST_RUNS}); }}\n",
}
FOLDERS = ("SOURCE", "FOLDER", "GENERATED", "REFERENCE")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the completion script of a shell for all commands of a parser.

    Args:
        parser: With every command; its actions are marked on the way.
        shell: One of `SHELLS`.
    """
    _mark(parser)
    preamble: Any = PREAMBLE  # shtab takes one per shell, and says text
    return shtab.complete(parser, shell, preamble=preamble)


def _mark(parser: argparse.ArgumentParser) -> None:
    """Say of every argument what completes it: its choices, files, folders or runs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in {id(one): one for one in action.choices.values()}.values():
                _mark(command)
            continue
        field = getattr(action, "field", None)
        accepted = None if field is None else choices(field)
        if accepted and action.nargs != 0:
            action.choices = [str(choice) for choice in accepted]
            continue
        kind = _kind(action)
        if kind:
            action.complete = kind  # pyright: ignore[reportAttributeAccessIssue]


def _kind(action: argparse.Action) -> dict[str, Any] | None:
    name = str(action.metavar or action.dest)
    if name == "RUN":
        return RUNS
    if name in FOLDERS:
        return shtab.DIRECTORY
    return shtab.FILE if name in ("FILE", "WEIGHTS", "FROM") else None
