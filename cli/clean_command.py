"""``curadiff clean``: remove what Curadiff wrote in a data set, after saying what."""

from __future__ import annotations

import argparse
import sys

from ..common.errors import DataError
from .output import Answer


def clean(args: argparse.Namespace) -> Answer:
    """Say what would go, ask, and remove it."""
    from ..workflows import cleaning

    preview = cleaning.clean(args.DATASET, args.study)
    if not preview.written or args.yes:
        return Answer(cleaning.clean(args.DATASET, args.study, yes=args.yes))
    print(preview, flush=True)
    if not sys.stdin.isatty():
        raise DataError("nothing was removed: give --yes to remove it without being asked.")
    if input("Remove it? [y/N] ").strip().lower() not in ("y", "yes"):
        return Answer(preview, "Nothing was removed.")
    return Answer(cleaning.clean(args.DATASET, args.study, yes=True))
