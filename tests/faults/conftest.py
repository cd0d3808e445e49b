"""The harness that kills verbs, for every test here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


def _load():
    """Make the harness importable: test modules are not in a package."""
    place = Path(__file__).with_name("harness.py")
    spec = importlib.util.spec_from_file_location("fault_harness", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules["fault_harness"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def harness(tmp_path_factory):
    """Kill verbs and compare what is left; see `fault_harness.Harness`."""
    return _load().Harness(tmp_path_factory.mktemp("faults"))
