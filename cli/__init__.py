"""The verbs as shell commands: ``curadiff VERB ...``."""

from __future__ import annotations

import os
import shlex
import sys

from ..common.errors import CuradiffError
from ..runs import interrupt
from ..runs.launch import CALM
from .flags import Parser


def main(words: list[str] | None = None) -> int:
    """Run one command line; return its exit status.

    An error that the user can mend is one sentence on stderr and status 2.
    """
    from .commands import add_commands

    for name, value in CALM.items():  # torch reads it when it is first imported
        os.environ.setdefault(name, value)
    parser = Parser(
        prog="curadiff",
        description="Which of my images should a generative model be trained on?",
        epilog="Start with: curadiff demo    Check the machine with: curadiff doctor",
    )
    add_commands(parser)
    given = sys.argv[1:] if words is None else words
    parsed = parser.parse(given)
    if words is None and given[:1] == ["study"]:
        interrupt()  # runs STUDY --stop ends it as Ctrl-C does; a training outlives its command
    try:
        return parsed.command(parsed) or 0
    except CuradiffError as fault:
        print(f"curadiff: {fault}", file=sys.stderr)
        return 2
    except Exception as fault:
        lost = _database_lost(fault)
        if lost is None:
            raise
        print(f"curadiff: {lost}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        command = shlex.join(["curadiff", *given])
        print(
            f"\ncuradiff: interrupted; what is done is kept. Go on with: {command}", file=sys.stderr
        )
        return 130


def _database_lost(fault: Exception) -> CuradiffError | None:
    """Return the sentence where a command lost the database, None for any other error."""
    if "pymongo" not in sys.modules:  # most commands need no database, and importing it takes time
        return None
    from pymongo.errors import ConnectionFailure

    from ..datasets.database import lost

    return lost(fault) if isinstance(fault, ConnectionFailure) else None
