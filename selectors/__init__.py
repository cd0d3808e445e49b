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
    import lazy_loader

    # The report draws with plotly, which choosing does not need.
    __getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
