"""Curadiff: which of my images should a generative model be trained on?

The repository root is both this package and the FiftyOne plugin
``@curadiff/studio``. FiftyOne re-executes this file on every App request, so it
imports nothing heavy and holds no state; the verbs load on first use, as
``__init__.pyi`` lists them.
"""

from typing import Any

import lazy_loader

from .version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def register(plugin: Any) -> None:
    """Tell FiftyOne which operators and panels this plugin has."""
    from .operators import register as register_all

    register_all(plugin)
