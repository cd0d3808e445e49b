"""Curadiff: which of my images should a generative model be trained on?

The repository root is both this package and the FiftyOne plugin
``@curadiff/studio``. FiftyOne re-executes this file on every App request, so it
imports nothing heavy and holds no state; names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["__version__"]


def __getattr__(name: str) -> Any:
    import importlib

    api = importlib.import_module(".api", __name__)
    if name in api.__all__:
        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    import importlib

    api: ModuleType = importlib.import_module(".api", __name__)
    return sorted([*__all__, *api.__all__])


def register(plugin: Any) -> None:
    """Tell FiftyOne which operators and panels this plugin has."""
    from .operators import register as register_all

    register_all(plugin)
