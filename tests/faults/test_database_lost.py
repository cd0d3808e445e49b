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
from curadiff.datasets import selections
from curadiff.errors import EnvironmentFault
from fiftyone.core.odm import database as odm

NAME = "small"
_ = curadiff.select  # loads the module once here and not in every process


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
