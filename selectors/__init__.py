"""Choose which images to train on: arrays in, ordered indices out."""

# This folder shares its name with a module of the standard library, which wins
# the race only while the repository root is not on sys.path. When Python finds
# this folder instead, hand over the real one, or `subprocess` and `asyncio` die.
if __name__ == "selectors":
    import importlib.util
    import os
    import sys

    _path = os.path.join(os.path.dirname(os.__file__), "selectors.py")  # noqa: PTH118, PTH120
    _spec = importlib.util.spec_from_file_location("selectors", _path)
    assert _spec is not None
    assert _spec.loader is not None
    _module = importlib.util.module_from_spec(_spec)
    sys.modules["selectors"] = _module
    _spec.loader.exec_module(_module)
else:
    from typing import TYPE_CHECKING

    from .duplicates import exact_duplicates, near_duplicates, suggested_radius
    from .registry import METHODS
    from .selection import Selection, options_of, select

    if TYPE_CHECKING:
        from .report import Report, report

    def __getattr__(name: str) -> object:
        """Load the report on first use: it draws with plotly, which choosing does not need."""
        if name not in ("Report", "report"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        found = getattr(importlib.import_module(".report", __name__), name)
        globals()[name] = found  # the submodule of the same name would hide it otherwise
        return found

    __all__ = [
        "METHODS",
        "Report",
        "Selection",
        "exact_duplicates",
        "near_duplicates",
        "options_of",
        "report",
        "select",
        "suggested_radius",
    ]
