"""How long a rater waits for the next pair: 50 raters at once on one server.

Measured is the time inside the server from an answer's arrival to the next pair's, the
vote on the disk of the database in between. The raters are a process of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np
from curadiff.datasets import ratings
from curadiff.preferences import server, serving
from curadiff.preferences.session import Session
from curadiff.studies.rating import rate_start
from PIL import Image


class Timed:
    """An application that notes how long each answer to a vote took."""

    def __init__(self, app, seconds):
        self.app, self.seconds = app, seconds

    async def __call__(self, scope, receive, send):
        """Answer one request."""
        began = time.perf_counter()
        await self.app(scope, receive, send)
        if scope["type"] == "http" and scope["path"] == "/vote":
            self.seconds.append(time.perf_counter() - began)


def person(address, invite, votes, pause, faults):
    try:
        with httpx.Client(base_url=address, timeout=60) as client:
            while (joined := client.post(f"/join/{invite}")).status_code == 429:
                time.sleep(0.5)
            token = joined.headers["location"].split("/")[-1]
            client.headers["Authorization"] = f"Bearer {token}"
            pairs = client.get("/state").json()["pairs"]
            for _ in range(votes):
                for side in ("left", "right"):
                    client.get(f"/image/{pairs[-1]}/{side}").raise_for_status()
                time.sleep(pause)
                answer = client.post("/vote", json={"pair": pairs[0], "answer": "left"})
                pairs = answer.raise_for_status().json()["pairs"]
    except Exception as fault:
        faults.append(repr(fault))


def measure(raters, votes, pause):
    folder = Path(tempfile.mkdtemp(prefix="curadiff-rating-"))
    generator = np.random.default_rng(0)
    folders = {}
    for arm in ("a", "b", "c", "d"):
        folders[arm] = folder / arm
        folders[arm].mkdir()
        for number in range(200):
            pixels = generator.integers(0, 255, (128, 128, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folders[arm] / f"{number}.png")
    name = f"bench-{os.getpid()}"
    rate_start(folders=folders, name=name, votes_per_rater=votes + 2)
    seconds = []

    def timed(*values, **named):
        return Timed(server.application(*values, **{**named, "rate": 1e9, "burst": 1e9}), seconds)

    serving.application = timed
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    end = threading.Event()
    store = ratings.open_rating(name)
    thread = threading.Thread(
        target=serving.serve, args=(Session(store),), kwargs={"port": port, "until": end}
    )
    thread.start()
    time.sleep(1)
    invite = store.rating().invite
    address = f"http://127.0.0.1:{port}"
    words = [address, invite, str(raters), str(votes), str(pause)]
    began = time.perf_counter()
    crowd = [sys.executable, __file__, "--crowd", *words]
    done = subprocess.run(crowd, capture_output=True, text=True, check=False)
    faults = json.loads(done.stdout) if done.returncode == 0 else [done.stderr[-500:]]
    took = time.perf_counter() - began
    end.set()
    thread.join()
    stored = len(store.votes())
    ratings.delete_rating(name)
    milliseconds = 1000 * np.array(seconds)
    return {
        "raters": raters,
        "votes": stored,
        "seconds": round(took, 1),
        "median_ms": round(float(np.median(milliseconds)), 1),
        "p99_ms": round(float(np.quantile(milliseconds, 0.99)), 1),
        "faults": faults,
    }


def crowd(address, invite, raters, votes, pause):
    """Let all raters vote at once; print what went wrong."""
    faults = []
    people = [
        threading.Thread(target=person, args=(address, invite, int(votes), float(pause), faults))
        for _ in range(int(raters))
    ]
    for one in people:
        one.start()
    for one in people:
        one.join()
    print(json.dumps(faults))


def main() -> None:
    if sys.argv[1:2] == ["--crowd"]:
        crowd(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raters", type=int, default=50)
    parser.add_argument("--votes", type=int, default=20, help="of each rater")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds to look at a pair")
    words = parser.parse_args()
    print(json.dumps(measure(words.raters, words.votes, words.pause), indent=1))


if __name__ == "__main__":
    main()
