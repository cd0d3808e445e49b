"""Run a module of this checkout in a fresh process: ``bootstrap.py MODULE [ARGS]``.

FiftyOne loads the plugin under a name of its own, and a plugin that was only
downloaded or linked is not installed at all. So a child process cannot simply
``import curadiff``: this script gives the folder it stands in its name first.
Run it by path; it needs nothing on ``sys.path``, and keeps the folder off it.
"""

import importlib.util
import pathlib
import runpy
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def introduce() -> None:
    """Make ``import curadiff`` mean the folder that this script stands in."""
    sys.path[:] = [path for path in sys.path if pathlib.Path(path or ".").resolve() not in HIDDEN]
    spec = importlib.util.spec_from_file_location(
        "curadiff", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["curadiff"] = package
    spec.loader.exec_module(package)


HIDDEN = (ROOT, ROOT / "runs")

if __name__ in ("__main__", "__mp_main__"):
    introduce()
if __name__ == "__main__":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
