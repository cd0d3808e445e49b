"""Simulated raters over real drawings: is a known preference found again, with honest intervals?

    python benchmarks/evidence raters IMAGES LABELS FOLDER OUT.json [--studies 200]

No person has voted. A simulated rater sees in a picture only how near it lies to a real one (in
the features of the judge) and prefers the nearer one with Davidson's chances, each rater with a
sharpness of their own; now and then they press any key. So the true preference between any two
arms is known: the mean chance over all their pictures. Studies of 12 raters with 60 votes each are
drawn again and again from the trained networks' drawings, and the product's `preferences.results`
is asked for the order.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from arms import ARTICLE, write_json
from curadiff.common.knn import nearest
from curadiff.preferences.results import Results, results
from curadiff.preferences.votes import Vote
from judging import as_drawn, load_judge
from preview import read

RATERS, VOTES = 12, 60
SHARPNESS, OWN, NU, CARELESS = 1.5, 0.3, 0.5, 0.03


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images-seen", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=32, help="side of the drawings")
    parser.add_argument("--studies", type=int, default=200)


def main(given: Namespace) -> None:
    """Simulate the studies and count what they find."""
    held_out, _, others = read(given)
    judge = load_judge(given.folder / "judge.pt", others)
    real = judge.see(as_drawn(held_out, given.side))
    looks = {}
    for arm, pictures in drawings(given.folder, given.images_seen).items():
        gap, _ = nearest(judge.see(as_drawn(pictures, given.side)), real, 1)
        looks[arm] = -np.log(gap[:, 0] + 1e-9)
    every = np.concatenate(list(looks.values()))
    looks = {arm: (one - every.mean()) / every.std() for arm, one in looks.items()}
    write_json(given.out, {"simulated": True, **repeat(looks, given.studies)})


def drawings(folder: Path, images: int) -> dict[str, np.ndarray]:
    """Return the article's arms' drawings after so many images, all training seeds together."""
    found: dict[str, list[np.ndarray]] = {}
    for file in sorted(folder.glob("drawings-*.npz")):
        with np.load(file) as arrays:
            for name in arrays.files:
                arm, _, seen = name.split("/")
                if arm in ARTICLE and int(seen) == images:
                    found.setdefault(arm, []).append(arrays[name])
    return {arm: np.concatenate(found[arm]) for arm in ARTICLE if arm in found}


def chances(a: np.ndarray, b: np.ndarray, sharpness: np.ndarray | float) -> np.ndarray:
    """Return the chances that a wins, b wins, neither does, (..., 3), by Davidson's model."""
    x, y = np.exp(sharpness * a), np.exp(sharpness * b)
    three = np.stack([x, y, NU * np.sqrt(x * y)], -1)
    three /= three.sum(-1, keepdims=True)
    return (1 - CARELESS) * three + CARELESS / 3


def true_rates(looks: dict[str, np.ndarray]) -> dict[tuple[str, str], float]:
    """Return, for every two arms, the chance that the first is preferred; a tie counts half."""
    random = np.random.default_rng(0)
    rates = {}
    for first, second in combinations(sorted(looks), 2):
        a, b = (random.choice(looks[arm], 400_000) for arm in (first, second))
        sharpness = SHARPNESS * np.exp(random.normal(0, OWN, len(a)))
        won = chances(a, b, sharpness).mean(0)
        rates[first, second] = float(won[0] + won[2] / 2)
    return rates


def study(looks: dict[str, np.ndarray], random: np.random.Generator) -> Results:
    """Let the raters vote once; every two arms equally often, sides by chance."""
    arms = sorted(looks)
    pairs = list(combinations(arms, 2))
    votes = []
    for rater in range(RATERS):
        sharpness = SHARPNESS * np.exp(random.normal(0, OWN))
        for number in range(VOTES):
            left, right = random.permutation(pairs[number % len(pairs)])
            places = [int(random.integers(len(looks[arm]))) for arm in (left, right)]
            three = chances(looks[left][places[0]], looks[right][places[1]], sharpness)
            answer = random.choice(["left", "right", "tie"], p=three)
            name = f"{rater}-{number}"
            votes.append(
                Vote(
                    id=name,
                    rater=f"rater {rater}",
                    assignment=name,
                    left=f"{left}/{places[0]}",
                    right=f"{right}/{places[1]}",
                    left_arm=str(left),
                    right_arm=str(right),
                    answer=str(answer),  # pyright: ignore[reportArgumentType]
                    at=float(number),
                )
            )
    return results(votes, arms=arms)


def repeat(looks: dict[str, np.ndarray], studies: int) -> dict[str, Any]:
    """Simulate so many studies and compare with the truth."""
    rates = true_rates(looks)
    # Where rates hang together, as Davidson's chances nearly do, their sums order the arms.
    score = {
        arm: sum(rate if arm == a else 1 - rate for (a, b), rate in rates.items() if arm in (a, b))
        for arm in looks
    }
    order = sorted(looks, key=lambda arm: -score[arm])
    random = np.random.default_rng(1)
    exact, ranked, inside, right, wrong, unsure = 0, [], [], 0, 0, 0
    first: Results | None = None
    for _ in range(studies):
        found = study(looks, random)
        first = first or found
        exact += found.arms == order
        ranked += [rank.best <= order.index(rank.arm) + 1 <= rank.worst for rank in found.ranking]
        for pair in found.pairs:
            turned = (pair.second, pair.first)
            rate = 1 - rates[turned] if turned in rates else rates[pair.first, pair.second]
            low, high = pair.interval
            inside.append(low <= rate <= high)
            if low > 0.5 or high < 0.5:
                right += (low > 0.5) == (rate > 0.5)
                wrong += (low > 0.5) != (rate > 0.5)
            else:
                unsure += 1
    assert first is not None
    every = right + wrong + unsure
    return {
        "raters": RATERS,
        "votes_each": VOTES,
        "studies": studies,
        "true_order": order,
        "true_rates": {f"{a} over {b}": rate for (a, b), rate in rates.items()},
        "order_found_exactly": exact / studies,
        "true_rank_within_its_interval": float(np.mean(ranked)),
        "true_rate_within_its_interval": float(np.mean(inside)),
        "pairs": {"right": right / every, "wrong": wrong / every, "not decided": unsure / every},
        "one_study": first.sentences,
    }
