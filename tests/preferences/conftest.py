"""Votes of raters whose preferences are known."""

from __future__ import annotations

import numpy as np
import pytest
from curadiff.preferences import Vote


def simulated(
    strengths: dict[str, float],
    *,
    count: int,
    raters: int,
    nu: float = 0.0,
    rater_spread: float = 0.0,
    seed: int = 0,
) -> list[Vote]:
    """Votes by Davidson's model; each rater's own log-strengths lie around the given ones."""
    random = np.random.default_rng(seed)
    arms = sorted(strengths)
    own = np.array([strengths[arm] for arm in arms]) + random.normal(
        0, rater_spread, (raters, len(arms))
    )
    votes = []
    for number in range(count):
        left, right = random.choice(len(arms), 2, replace=False)
        rater = number % raters
        a, b = np.exp(own[rater, left]), np.exp(own[rater, right])
        tie = nu * np.sqrt(a * b)
        answer = random.choice(["left", "right", "tie"], p=np.array([a, b, tie]) / (a + b + tie))
        votes.append(
            Vote(
                id=f"v{number}",
                rater=f"r{rater}",
                assignment=f"a{number}",
                left=f"{arms[left]}-{number}",
                right=f"{arms[right]}-{number}",
                left_arm=arms[left],
                right_arm=arms[right],
                answer=str(answer),
                at=float(number),
                seconds=2.0,
            )
        )
    return votes


@pytest.fixture
def simulate():
    return simulated
