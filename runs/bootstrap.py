"""Run a module of this checkout in a fresh process: ``bootstrap.py [HOW] MODULE [ARGS]``.

FiftyOne loads the plugin under a name of its own, and a plugin that was only
downloaded or linked is not installed at all. So a child process cannot simply
``import curadiff``: this script gives the folder it stands in its name first.
Run it by path; it needs nothing on ``sys.path``, and keeps the folder off it.

HOW is empty for a process that outlives the one that started it; ``--launcher`` for one that
starts others through this script, which then end with it; ``--child`` for one that ends with
the process that started it. That is arranged before MODULE is imported, which takes seconds.
"""

import contextlib
import ctypes
import importlib.util
import os
import pathlib
import runpy
import signal
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
LAUNCHER = "CURADIFF_LAUNCHER"  # the pid of the process that started with --launcher
HOW = ("--launcher", "--child")
PR_SET_PDEATHSIG = 1
LOOK = 0.5  # seconds between two looks at the parent, where the system does not tell


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


def end_with(launcher: int) -> None:
    """End this process when its launcher or its parent ends; at once when the launcher has."""
    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError):  # Linux alone has it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent and alive(launcher):
            time.sleep(LOOK)
        os.kill(os.getpid(), signal.SIGKILL)

    if not alive(launcher):
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=watch, daemon=True).start()


def alive(pid: int) -> bool:
    """Tell whether a process has not ended, nor waits to be noticed as ended."""
    stat = pathlib.Path("/proc", str(pid), "stat")
    with contextlib.suppress(OSError):
        return stat.read_text(errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    if pathlib.Path("/proc/self").exists():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def arrange(how: str) -> None:
    """Do what ``HOW`` says."""
    if how == "--launcher":
        os.environ[LAUNCHER] = str(os.getpid())
    elif how == "--child":
        end_with(int(os.environ[LAUNCHER]))


HIDDEN = (ROOT, ROOT / "runs")

if __name__ == "__main__" and sys.argv[1] in HOW:
    arrange(sys.argv.pop(1))
if __name__ in ("__main__", "__mp_main__"):
    introduce()
if __name__ == "__main__":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
