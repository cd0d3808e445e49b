"""Whether raters look, agree, and favour a side: quality of the votes themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import clustered, wilson
from .votes import Vote, effective

TOO_FAST = 0.4  # seconds in which two pictures can hardly be looked at


@dataclass(frozen=True)
class Share:
    """A share with the counts it comes from.

    Attributes:
        value: count / of.
        count: How many.
        of: Of how many; a value of 0 is meant where this is 0.
        interval: 95 %.
    """

    value: float
    count: float
    of: int
    interval: tuple[float, float]


@dataclass(frozen=True)
class Rater:
    """What one rater's votes look like.

    Attributes:
        name: Opaque name.
        votes: Votes that count, repeats and golden pairs included.
        ties: Share of "not sure" and "both are bad" among the main votes.
        left: Share of left among the main votes with a side.
        golden: Golden pairs answered as known; None without any.
        repeated: Repeats answered as before; None without any.
        median_seconds: Median time per vote; None where it was not measured.
        too_fast: Share of votes given faster than a person can look.
    """

    name: str
    votes: int
    ties: float
    left: Share
    golden: Share | None
    repeated: Share | None
    median_seconds: float | None
    too_fast: float


def share(count: float, of: int) -> Share:
    """Return a share with Wilson's interval."""
    return Share(count / of if of else 0.0, count, of, wilson(count, of))


def raters(votes: Iterable[Vote]) -> list[Rater]:
    """Describe every rater, by name."""
    own: dict[str, list[Vote]] = defaultdict(list)
    for vote in effective(votes):
        own[vote.rater].append(vote)
    return [_rater(name, own[name]) for name in sorted(own)]


def _rater(name: str, votes: list[Vote]) -> Rater:
    main = [vote for vote in votes if vote.kind == "main"]
    sided = [vote for vote in main if vote.winner is not None]
    golden = [vote for vote in votes if vote.kind == "golden"]
    before = {frozenset((vote.left, vote.right)): _preferred(vote) for vote in main}
    repeats = [
        _preferred(vote) == before[frozenset((vote.left, vote.right))]
        for vote in votes
        if vote.kind == "repeat" and frozenset((vote.left, vote.right)) in before
    ]
    seconds = [vote.seconds for vote in votes if vote.seconds is not None]
    return Rater(
        name,
        len(votes),
        1 - len(sided) / len(main) if main else 0.0,
        share(sum(vote.answer == "left" for vote in sided), len(sided)),
        share(sum(v.answer == v.expected for v in golden), len(golden)) if golden else None,
        share(sum(repeats), len(repeats)) if repeats else None,
        float(np.median(seconds)) if seconds else None,
        sum(value < TOO_FAST for value in seconds) / len(seconds) if seconds else 0.0,
    )


def left_side(votes: Iterable[Vote]) -> Share:
    """Return the share of left among votes with a side; far from a half, raters favour a side.

    The interval allows for raters that differ, where there are at least two.
    """
    sided = [v for v in effective(votes) if v.kind == "main" and v.winner is not None]
    simple = share(sum(vote.answer == "left" for vote in sided), len(sided))
    if not sided:
        return simple
    _, rater = np.unique([vote.rater for vote in sided], return_inverse=True)
    wide = clustered(np.array([1.0 * (vote.answer == "left") for vote in sided]), rater)
    return simple if wide is None else Share(simple.value, simple.count, simple.of, wide)


def krippendorff_alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Agreement of raters on the same pairs, beyond chance: 1 full, 0 as by chance.

    Args:
        units: The answers to each pair of images, one per rater who saw it.

    Returns:
        Alpha for nominal answers; None where no pair has two answers, or all answers are equal.

    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability.
    """
    coincidences: dict[tuple[str, str], float] = defaultdict(float)
    for answers in units:
        if len(answers) < 2:
            continue
        for i, one in enumerate(answers):
            for j, other in enumerate(answers):
                if i != j:
                    coincidences[one, other] += 1 / (len(answers) - 1)
    totals: dict[str, float] = defaultdict(float)
    for (one, _), count in coincidences.items():
        totals[one] += count
    n = sum(totals.values())
    expected = n * n - sum(count**2 for count in totals.values())
    if expected == 0:
        return None
    observed = sum(count for (one, other), count in coincidences.items() if one != other)
    return 1 - (n - 1) * observed / expected


def agreement(votes: Iterable[Vote]) -> float | None:
    """Krippendorff's alpha over pairs of images that several raters saw, whichever side."""
    units: dict[frozenset[str], list[str]] = defaultdict(list)
    for vote in effective(votes):
        if vote.kind == "main":
            units[frozenset((vote.left, vote.right))].append(_preferred(vote) or "tie")
    return krippendorff_alpha(units.values())


def _preferred(vote: Vote) -> str | None:
    return {"left": vote.left, "right": vote.right}.get(vote.answer)
