"""The verbs as shell commands: ``curadiff VERB ...``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from typing import Any

from ..common.disk_faults import in_words
from ..common.errors import CuradiffError, Stopped
from ..runs import interrupt
from ..runs.launch import CALM
from .flags import Parser, RootParser
from .interruption import sentence
from .output import Answer, show

INTERRUPTED = 130
"""Exit status of a command that ended before its work did, as shells have it of SIGINT."""


def main(words: list[str] | None = None) -> int:
    """Run one command line; return its exit status.

    An error that the user can mend is one sentence on stderr and status 2; work that was
    stopped before its end, by Ctrl-C or ``runs RUN --stop``, is status 130. With ``--json`` stdout
    holds the answer alone; whatever else is printed goes to stderr.
    """
    for name, value in CALM.items():  # torch reads it when it is first imported
        os.environ.setdefault(name, value)
    given = sys.argv[1:] if words is None else words
    parsed = command_line().parse(given)
    if words is None and given[:1] == ["study"]:
        interrupt()  # runs STUDY --stop ends it as Ctrl-C does; a training outlives its command
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return _carry_out(parsed)
    except Stopped as fault:
        print(f"curadiff: {fault}", file=sys.stderr)
        return INTERRUPTED
    except CuradiffError as fault:
        print(f"curadiff: {fault}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as fault:
        known = in_words(fault) if isinstance(fault, OSError) else _database_lost(fault)
        if known is None:
            raise
        print(f"curadiff: {known}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\ncuradiff: {sentence(parsed, given)}", file=sys.stderr)
        return INTERRUPTED


def command_line() -> Parser:
    """Return the parser with every command."""
    from .commands import add_commands

    parser = RootParser(
        prog="curadiff", description="Which of my images should a generative model be trained on?"
    )
    add_commands(parser)
    return parser


def _carry_out(parsed: argparse.Namespace) -> int:
    """Call the command and print its answer; return the exit status."""
    as_json = getattr(parsed, "json", False)
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        answer = parsed.function(parsed)
    if not isinstance(answer, Answer):
        return 0
    show(answer, as_json=as_json)
    return answer.status


def _show_warning(
    message: Warning | str, category: type[Warning] = UserWarning, *_: Any, **__: Any
) -> None:
    """Print a warning in a line, without the file and line of the code that gave it.

    Not those that are for the authors of the libraries used.
    """
    if issubclass(category, (DeprecationWarning, PendingDeprecationWarning, SyntaxWarning)):
        return
    print(f"curadiff: note: {' '.join(str(message).split())}", file=sys.stderr)


def _database_lost(fault: Exception) -> CuradiffError | None:
    """Return the sentence where a command lost the database, None for any other error."""
    if "pymongo" not in sys.modules:  # most commands need no database, and importing it takes time
        return None
    from pymongo.errors import ConnectionFailure

    from ..datasets.database import lost

    return lost(fault) if isinstance(fault, ConnectionFailure) else None
