"""The verbs, as Python functions: what the shell and the App call too.

Names load on first use, so that ``import curadiff`` and ``curadiff --help`` are
quick and a training rank never imports FiftyOne.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .deleting import delete_run
    from .doctor import doctor
    from .embedding import embed
    from .estimating import estimate_study, estimate_training
    from .evaluating import evaluate
    from .generating import generate, import_generated
    from .importing import import_images
    from .previewing import preview
    from .rating import (
        rate_export,
        rate_import,
        rate_plan,
        rate_results,
        rate_serve,
        rate_start,
        rate_status,
    )
    from .selecting import select
    from .studying import resume_study, study
    from .training import resume, stop, train

_HOME = {
    "delete_run": "deleting",
    "doctor": "doctor",
    "embed": "embedding",
    "estimate_study": "estimating",
    "estimate_training": "estimating",
    "evaluate": "evaluating",
    "generate": "generating",
    "import_generated": "generating",
    "import_images": "importing",
    "preview": "previewing",
    "rate_export": "rating",
    "rate_import": "rating",
    "rate_plan": "rating",
    "rate_results": "rating",
    "rate_serve": "rating",
    "rate_start": "rating",
    "rate_status": "rating",
    "resume": "training",
    "resume_study": "studying",
    "select": "selecting",
    "stop": "training",
    "study": "studying",
    "train": "training",
}

__all__ = [
    "delete_run",
    "doctor",
    "embed",
    "estimate_study",
    "estimate_training",
    "evaluate",
    "generate",
    "import_generated",
    "import_images",
    "preview",
    "rate_export",
    "rate_import",
    "rate_plan",
    "rate_results",
    "rate_serve",
    "rate_start",
    "rate_status",
    "resume",
    "resume_study",
    "select",
    "stop",
    "study",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = _in_words(getattr(importlib.import_module(f".{_HOME[name]}", __name__), name))
    globals()[name] = value  # a submodule of the same name must not win next time
    return value


def _in_words(verb: Any) -> Any:
    """Have a verb say in a sentence when the database does not answer."""
    if not inspect.isfunction(verb):
        return verb

    @functools.wraps(verb)
    def guarded(*words: Any, **settings: Any) -> Any:
        from ..datasets.database import lost_in_words

        with lost_in_words():
            return verb(*words, **settings)

    return guarded
