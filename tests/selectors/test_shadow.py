"""The folder shares its name with a module of the standard library."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def python(code):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_python_started_in_the_root_gets_the_standard_library():
    out = python(
        "import subprocess, selectors; print(selectors.DefaultSelector, selectors.__file__)"
    )
    assert "DefaultSelector" in out or "EpollSelector" in out
    assert str(ROOT) not in out.split()[-1]


def test_shadowing_loads_nothing_else_of_the_folder():
    out = python("import selectors, sys; print('torch' in sys.modules, 'numpy' in sys.modules)")
    assert out.split() == ["False", "False"]
