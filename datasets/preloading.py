"""FiftyOne, imported before it is known which database it is for.

A process that forks jobs imports this module. The import connects to nothing and leaves no
Python thread; what it reads from the environment, `follow` reads again in the forked process.
"""

from __future__ import annotations

import os

from . import database


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("FIFTYONE_")}


database.prepare()
AT_IMPORT = _variables()

import fiftyone as fo  # noqa: E402
from fiftyone.core import config  # noqa: E402

READERS = {
    "config": config.load_config,
    "annotation_config": config.load_annotation_config,
    "evaluation_config": config.load_evaluation_config,
    "app_config": config.load_app_config,
}


def follow() -> None:
    """Let FiftyOne read the environment again, unless it is the one of its import."""
    database.prepare()
    if _variables() == AT_IMPORT:
        return
    for name, read in READERS.items():
        vars(getattr(fo, name)).update(vars(read()))
