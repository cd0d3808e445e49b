"""Simulated raters of known preference answer through the real page: is the truth found again?

Each rater has log-strengths of their own around the true ones and ties by Davidson's model.
Nothing here says anything about the images: the preferences are made up.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import threading
import time

import httpx
import numpy as np
from curadiff.datasets import ratings
from curadiff.preferences.serving import serve
from curadiff.preferences.session import Session
from curadiff.studies.rating import rate_results, rate_start

STEP = 0.4  # difference in log-strength between one arm and the next: 60 % against 40 %
SPREAD = 0.3  # standard deviation of raters' own log-strengths around the true ones
NU = 0.5


def ask(client, method, path, **body):
    """Ask as the page does: again, where it is told to wait."""
    while (answer := client.request(method, path, **body)).status_code == 429:
        time.sleep(0.3)
    return answer.raise_for_status() if answer.status_code != 303 else answer


def rater(address, invite, true, session, seed):
    """One person's page: answers every pair by their own taste."""
    generator = np.random.default_rng(seed)
    taste = {arm: value + generator.normal(0, SPREAD) for arm, value in true.items()}
    with httpx.Client(base_url=address, timeout=60) as client:
        joined = ask(client, "POST", f"/join/{invite}")
        own = joined.headers["location"].split("/")[-1]
        client.headers["Authorization"] = f"Bearer {own}"
        now = ask(client, "GET", "/state").json()
        while now["pairs"]:
            shown = session.assignments[now["pairs"][0]]  # what a person would see in the pictures
            for side in ("left", "right"):
                ask(client, "GET", f"/image/{shown.id}/{side}")
            a, b = np.exp(taste[shown.left_arm]), np.exp(taste[shown.right_arm])
            chances = np.array([a, b, NU * np.sqrt(a * b)])
            answer = generator.choice(["left", "right", "tie"], p=chances / chances.sum())
            body = {"pair": shown.id, "answer": str(answer), "seconds": 2.0}
            now = ask(client, "POST", "/vote", json=body).json()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", help="data set of generated images with a field arm")
    parser.add_argument("--raters", type=int, default=12)
    parser.add_argument("--votes", type=int, default=60, help="of each rater")
    words = parser.parse_args()
    name = f"simulated-{os.getpid()}"
    started = rate_start(words.dataset, name=name, votes_per_rater=words.votes, repeats=0.0)
    true = {arm: -STEP * place for place, arm in enumerate(sorted(started.arms))}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store, end = ratings.open_rating(name), threading.Event()
    session = Session(store)
    server = threading.Thread(target=serve, args=(session,), kwargs={"port": port, "until": end})
    server.start()
    time.sleep(1)
    invite, address = store.rating().invite, f"http://127.0.0.1:{port}"
    people = [
        threading.Thread(target=rater, args=(address, invite, true, session, seed))
        for seed in range(words.raters)
    ]
    for one in people:
        one.start()
    for one in people:
        one.join()
    end.set()
    server.join()
    found = rate_results(name)
    ratings.delete_rating(name)
    mean = float(np.mean(list(true.values())))
    report = {
        "votes": found.votes,
        "raters": len(found.raters),
        "true": {arm: round(value - mean, 3) for arm, value in true.items()},
        "found": {
            rank.arm: {"log_strength": round(rank.log_strength, 3), "rank": [rank.best, rank.worst]}
            for rank in found.ranking
        },
        "sentences": found.sentences,
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
