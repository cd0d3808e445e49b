"""The harness that kills verbs, for every test here."""

from __future__ import annotations

import pytest

from .harness import Harness


@pytest.fixture(scope="module")
def harness(tmp_path_factory):
    """Kill verbs and compare what is left; see `Harness`."""
    return Harness(tmp_path_factory.mktemp("faults"))
