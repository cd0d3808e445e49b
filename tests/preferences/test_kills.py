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
from pathlib import Path

import curadiff
import httpx
import pytest
from curadiff.datasets import ratings

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


@pytest.fixture
def asked(photos, tmp_path):
    folders = {"round": photos / "round", "other": photos / "other"}
    name = f"kills-{os.getpid()}"
    curadiff.rate_start(folders=folders, name=name, votes_per_rater=60, repeats=0.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(HERE / "asking.py"), name, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    yield name, port, process
    process.terminate()
    process.wait(30)
    ratings.delete_rating(name)


def vote_under_fire(name, port, fire):
    invite = ratings.open_rating(name).rating().invite
    people = [Person(f"http://127.0.0.1:{port}", invite, number) for number in range(RATERS)]
    for person in people:
        person.start()
    fire(people)
    for person in people:
        person.join(300)
    assert [person.fault for person in people] == [None] * RATERS
    stored = [vote for vote in ratings.open_rating(name).votes() if not vote.undone]
    given = {pair: answer for person in people for pair, answer in person.answers.items()}
    assert {vote.assignment: vote.answer for vote in stored} == given  # none lost
    assert len(stored) == len(given) == RATERS * 60  # none doubled


def test_twenty_kills_of_the_server(asked):
    name, port, process = asked

    def fire(people):
        generator = random.Random(1)
        for _ in range(KILLS):
            server = int(process.stdout.readline())
            time.sleep(0.5 + generator.random())
            os.kill(server, signal.SIGKILL)
        assert any(person.is_alive() for person in people)  # it was killed while they voted

    vote_under_fire(name, port, fire)
