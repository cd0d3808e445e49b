"""The evidence in docs/evidence, each answer by its command: ``python benchmarks/evidence``."""

from __future__ import annotations

import argparse
import importlib
import sys

import arms  # noqa: F401 - first: it finds the package and benchmarks/preview.py

COMMANDS = {
    "select": "choosing",
    "train": "training_matrix",
    "preview": "previews",
    "groups": "grouping",
    "group-values": "group_values",
    "planted": "planted",
    "raters": "raters",
    "photographs": "photographs",
    "judge": "judging",
    "agree": "agreement",
    "figures": "figures",
    "tables": "tables",
}
"""By name, the module beside this one that does it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    given, words = parser.parse_args(sys.argv[1:2]), sys.argv[2:]
    module = importlib.import_module(COMMANDS[given.command])
    own = argparse.ArgumentParser(
        prog=f"python benchmarks/evidence {given.command}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(own)
    module.main(own.parse_args(words))


if __name__ == "__main__":
    main()
