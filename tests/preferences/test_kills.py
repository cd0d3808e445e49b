"""Ten raters vote while the server, or the database, is killed: no vote is lost or doubled."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import httpx
import pymongo
import pytest

HERE = Path(__file__).parent
RATERS, KILLS = 10, 20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Person(threading.Thread):
    """A rater's page: sends an answer until it is confirmed, takes some back, and remembers."""

    def __init__(self, address, invite, number):
        super().__init__(daemon=True)
        self.address, self.invite = address, invite
        self.generator = random.Random(number)
        self.answers, self.token, self.fault = {}, None, None

    def ask(self, method, path, **more):
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        for _ in range(2000):
            try:
                answer = httpx.request(
                    method, self.address + path, headers=headers, timeout=60, **more
                )
            except httpx.HTTPError:
                time.sleep(0.05)
                continue
            if answer.status_code < 500:
                return answer
            time.sleep(0.05)
        raise RuntimeError("the server never came back")

    def run(self):
        try:
            joined = self.ask("POST", f"/join/{self.invite}")
            self.token = joined.headers["location"].split("/")[-1]
            now = self.ask("GET", "/state").json()
            while now["pairs"]:
                pair = now["pairs"][0]
                answer = self.generator.choice(["left", "right", "tie"])
                sent = {"pair": pair, "answer": answer, "seconds": 1.0}
                now = self.ask("POST", "/vote", json=sent).json()
                assert "pairs" in now, now
                self.answers[pair] = answer
                time.sleep(0.03)
        except Exception as fault:
            self.fault = fault


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Mongo:
    """A database server of this test's own, which it may kill."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.uri = f"mongodb://127.0.0.1:{self.port}"
        folder.mkdir()
        self.start()

    def start(self):
        mongod = Path(str(find_spec("fiftyone").origin)).parent / "db" / "bin" / "mongod"
        words = ["--dbpath", self.folder, "--logpath", self.folder / "log", "--logappend"]
        words += ["--bind_ip", "127.0.0.1", "--port", self.port, "--wiredTigerCacheSizeGB", 0.25]
        self.process = subprocess.Popen([str(mongod), *map(str, words)], stdout=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def asked(photos, tmp_path):
    """A database, a server of a study in it, and the port of the study's page."""
    mongo, port = Mongo(tmp_path / "database"), free_port()
    command = [sys.executable, str(HERE / "asking.py"), "kills", str(port), str(photos)]
    environment = os.environ | {"FIFTYONE_DATABASE_URI": mongo.uri}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    )
    yield mongo, process, f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(30)
    mongo.kill()


def vote_under_fire(mongo, address, fire):
    """Ten people vote while `fire` does its worst; what they were confirmed is what is stored."""
    client = pymongo.MongoClient(mongo.uri)
    database = client["fiftyone"]
    while (study := database["curadiff.ratings"].find_one({"name": "kills"})) is None:
        time.sleep(0.5)
    people = [Person(address, study["invite"], number) for number in range(RATERS)]
    for person in people:
        person.start()
    fire(people)
    for person in people:
        person.join(300)
    assert [person.fault for person in people] == [None] * RATERS
    stored = list(database["curadiff.rating_votes"].find({"event": "vote"}))
    given = {pair: answer for person in people for pair, answer in person.answers.items()}
    assert {vote["assignment"]: vote["answer"] for vote in stored} == given  # none lost
    assert len(stored) == len(given) == RATERS * 60  # none doubled
    client.close()


def test_twenty_kills_of_the_server(asked):
    mongo, process, address = asked

    def fire(people):
        generator = random.Random(1)
        for _ in range(KILLS):
            server = int(process.stdout.readline())
            time.sleep(0.5 + generator.random())
            os.kill(server, signal.SIGKILL)
        assert any(person.is_alive() for person in people)  # it was killed while they voted

    vote_under_fire(mongo, address, fire)


def test_twenty_kills_of_the_database(asked):
    mongo, _, address = asked

    def fire(people):
        generator = random.Random(2)
        while not any(person.answers for person in people):
            time.sleep(0.1)
        for _ in range(KILLS):
            mongo.kill()
            time.sleep(0.2)
            mongo.start()
            before = sum(len(person.answers) for person in people)
            until = time.monotonic() + 30
            while sum(len(person.answers) for person in people) == before:  # up again
                if time.monotonic() > until or not any(p.is_alive() for p in people):
                    break
                time.sleep(0.02)
            time.sleep(0.3 * generator.random())

    vote_under_fire(mongo, address, fire)
