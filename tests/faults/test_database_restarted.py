"""The database is killed in a verb and starts again at once, or later: the end is the same.

Where it is back at once the verb may finish by itself; in every other case it says one
sentence, and the same command in another process finishes the work.
"""

from __future__ import annotations

import threading
import time
from unittest.mock import patch

import curadiff
import fiftyone as fo
import numpy as np
import pytest
import torch
from curadiff.common.errors import EnvironmentFault
from curadiff.datasets.database import lost_in_words
from fiftyone.core.odm import database as odm
from PIL import Image

from .test_database_lost import Server
from .test_study_killed import state as photographs
from .test_study_killed import study

NAME = "small"
# loads the modules once here and not in every process
_ = curadiff.select, curadiff.embed, curadiff.study
torch.set_num_threads(1)  # a forked process has none of its parent's threads
LATER = 8.0  # seconds, longer than the verbs here wait for the database


@pytest.fixture
def own_server(tmp_path, monkeypatch):
    """A database that the harness, its processes and this process use instead of the tests'."""
    found = Server(tmp_path)
    found.start()
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", found.uri)
    monkeypatch.setattr(fo.config, "database_uri", found.uri)
    monkeypatch.setitem(odm._connection_kwargs, "host", found.uri)
    yield found
    found.kill()
    found.process.wait()


def disturbed(harness, server, verb, number, pause, gone):
    """Kill the database at a write of a verb and start it again; return what the verb said."""

    def fall():
        server.kill()
        gone.touch()
        if not pause:
            server.answers()

    def work():
        harness.listener().at(number, fall)
        try:
            with lost_in_words():  # as the edge of the operators and of the shell does
                verb()
        except EnvironmentFault as fault:
            return str(fault)
        return ""

    def rise():
        while not gone.exists():
            time.sleep(0.02)
        time.sleep(pause)
        server.process.wait()
        server.start()

    helper = threading.Thread(target=rise, daemon=True)
    helper.start()
    said = harness.child(work)
    helper.join(60)
    return said


def check(said, pause):
    assert "\n" not in said
    if pause:
        assert said.startswith(("the connection to FiftyOne's", "FiftyOne's database does not"))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 255, (12, 10, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def state(images):
    def make():
        dataset = fo.Dataset(NAME, persistent=True)
        paths = sorted(map(str, images.iterdir()))
        dataset.add_samples([fo.Sample(filepath=path) for path in paths], progress=False)
        embed("builtin")()
        select(3)()

    return make


def embed(encoder, field="vec", **more):
    def work():
        with patch("curadiff.workflows.vector_sources.CHUNK", 2):
            curadiff.embed(NAME, encoder=encoder, field=field, progress=False, **more)

    return work


def select(budget):
    def work():
        curadiff.select(
            NAME, method="coreset", field="vec", budget=budget, name="some", overwrite=True
        )

    return work


VERBS = {
    "embed": (embed("builtin", "other"), (4, 14)),
    "embed over": (embed("scattering", overwrite=True), (9, 30)),
    "select over": (select(4), (7, 24)),
}


@pytest.mark.slow
@pytest.mark.parametrize("pause", [0.0, LATER])
@pytest.mark.parametrize("verb", VERBS)
def test_the_same_command_finishes(harness, own_server, images, tmp_path, verb, pause):
    work, numbers = VERBS[verb]
    harness.save(state(images))
    wanted = harness.undisturbed([work])
    for number in numbers:
        harness.restore()
        said = disturbed(harness, own_server, work, number, pause, tmp_path / f"gone-{number}")
        check(said, pause)
        harness.child(work)
        assert harness.snapshot() == wanted


@pytest.mark.slow
@pytest.mark.parametrize("pause", [0.0, LATER])
def test_a_study_in_preparation_goes_on(harness, own_server, tmp_path, pause):
    harness.save(photographs)
    wanted = harness.child(study)
    for number in (5, 40):
        harness.restore()
        said = disturbed(harness, own_server, study, number, pause, tmp_path / f"gone-{number}")
        check(said, pause)
        assert harness.child(study) == wanted
