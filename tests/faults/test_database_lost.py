"""The database is killed in the middle of a verb: one sentence, and the same command goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff.common.errors import EnvironmentFault
from curadiff.datasets import counting, generated, identity, selections
from curadiff.datasets.database import lost_in_words
from fiftyone.core.odm import database as odm
from PIL import Image
from pymongo.errors import ConnectionFailure

NAME = "small"
# loads the modules once here and not in every process
_ = curadiff.select, curadiff.import_images, curadiff.evaluate


class Server:
    """A database of this test's own, which can be killed and started again."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.process = folder, None
        self.uri = f"mongodb://127.0.0.1:{self.port}/?serverSelectionTimeoutMS=1500"

    def start(self):
        mongod = os.path.join(os.path.dirname(fo.__file__), "db", "bin", "mongod")  # noqa: PTH118, PTH120
        words = ["--dbpath", self.folder, "--port", str(self.port), "--bind_ip", "127.0.0.1"]
        self.process = subprocess.Popen([mongod, *words], stdout=subprocess.DEVNULL)
        self.answers()

    def answers(self):
        """Wait until it answers."""
        patience = time.monotonic() + 60
        while time.monotonic() < patience:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)  # `Popen` would ask whether it is its child
        patience = time.monotonic() + 20
        while time.monotonic() < patience:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                    return
            time.sleep(0.02)


@pytest.fixture
def server(tmp_path):
    found = Server(tmp_path)
    found.start()
    first = found.process
    yield found
    found.kill()
    first.wait()


@pytest.mark.parametrize("number", [9, pytest.param(20, marks=pytest.mark.slow)])
def test_select_says_so_and_goes_on(harness, server, monkeypatch, number):
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", server.uri)
    monkeypatch.setattr(fo.config, "database_uri", server.uri)
    monkeypatch.setitem(odm._connection_kwargs, "host", server.uri)

    def work():
        dataset = fo.Dataset(NAME, persistent=True)
        dataset.add_samples([fo.Sample(filepath=f"/{n}.png") for n in range(6)], progress=False)
        dataset.add_sample_field("vec", fo.VectorField)
        dataset.set_values("vec", list(np.eye(6, dtype=np.float32)))
        listener.at(number, server.kill)
        with pytest.raises(EnvironmentFault, match="connection to FiftyOne's database was lost"):
            curadiff.select(NAME, method="coreset", budget=3, name="three")
        server.start()
        try:
            return goes_on()
        finally:
            server.kill()

    def goes_on():
        found = curadiff.select(NAME, method="coreset", budget=3, name="three")
        dataset = fo.load_dataset(NAME, reload=True)
        stored = selections.read_selection(dataset, "three").ids
        tagged = dataset.match_tags("three").values("id")
        return found.ids == stored and sorted(tagged) == sorted(stored)

    listener = harness.listener()
    assert harness.child(work) is True


@pytest.fixture
def folder(tmp_path):
    """Six pictures in one split."""
    for number in range(6):
        path = tmp_path / "photos" / "train" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (40 * number, 9, 90)).save(path)
    return tmp_path / "photos"


def bring(folder):
    return curadiff.import_images(folder, name="photos").total


def link(folder):
    dataset, _ = generated.add_generated(
        "made",
        paths=sorted((folder / "train").glob("*.png"))[:5],
        seeds=range(5),
        source=identity.load("photos"),
        run="a-run",
        uid="0123",
        arm="full",
        training_seed=0,
        origin={"checkpoint": 4},
    )
    return counting.exact(dataset)


def judge(folder):
    settings = {"encoder": "builtin", "counts": "subsample", "bootstrap": 0, "null_draws": 0}
    curadiff.evaluate("made", "photos", progress=False, **settings)
    return fo.load_dataset("made", reload=True).count("realism")


VERBS = {"import": bring, "import-generated": link, "evaluate": judge}
SLOW = [
    pytest.param(verb, number, marks=pytest.mark.slow)
    for verb in VERBS
    for number in (2, 6, 14)
    if (verb, number) != ("evaluate", 6)
]


@pytest.mark.parametrize(("verb", "number"), [("evaluate", 6), *SLOW])
def test_other_verbs_say_so_and_go_on(harness, server, monkeypatch, folder, verb, number):
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", server.uri)
    monkeypatch.setattr(fo.config, "database_uri", server.uri)
    monkeypatch.setitem(odm._connection_kwargs, "host", server.uri)
    place = list(VERBS).index(verb)

    def work():
        with lost_in_words():  # as the edge of every verb does
            for before in list(VERBS.values())[:place]:
                before(folder)
            listener.at(number, server.kill)
            try:
                VERBS[verb](folder)
            except EnvironmentFault as fault:
                said = str(fault)
            except ConnectionFailure:
                said = "the connection"  # `add_generated` is below the edge
            else:
                said = "nothing"
        server.start()
        try:
            return said, [one(folder) for one in VERBS.values()], sorted(fo.list_datasets())
        finally:
            server.kill()

    listener = harness.listener()
    said, counts, names = harness.child(work)
    assert said.startswith(("the connection", "FiftyOne's database does not start"))
    assert (counts, names) == ([6, 5, 5], ["made", "photos"])
