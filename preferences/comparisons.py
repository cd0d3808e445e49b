"""Votes as arrays: who was compared with whom, by which rater, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..common.arrays import Booleans, Floats, Integers
from ..common.errors import DataError
from .votes import Vote, effective


@dataclass(frozen=True)
class Comparisons:
    """n comparisons of k arms.

    Attributes:
        arms: (k,) names, sorted.
        raters: Names of the raters, sorted.
        first: (n,) row of the arm with the smaller row in `arms`.
        second: (n,) row of the other arm.
        outcome: (n,) 1 where `first` was preferred, 0 where `second` was, 0.5 for a tie; votes
            that both are bad are ties too.
        rater: (n,) row in `raters`.
        both_bad: (n,) whether the vote was that both are bad; None where that is not known.
    """

    arms: list[str]
    raters: list[str]
    first: Integers
    second: Integers
    outcome: Floats
    rater: Integers
    both_bad: Booleans | None = None

    def __len__(self) -> int:
        return len(self.outcome)

    @property
    def wins(self) -> Floats:
        """(k, k) how often the row's arm was preferred to the column's; ties not counted."""
        table = np.zeros((len(self.arms), len(self.arms)))
        np.add.at(table, (self.first, self.second), self.outcome == 1)
        np.add.at(table, (self.second, self.first), self.outcome == 0)
        return table

    @property
    def ties(self) -> Floats:
        """(k, k) how often two arms were tied, symmetric."""
        table = np.zeros((len(self.arms), len(self.arms)))
        np.add.at(table, (self.first, self.second), self.outcome == 0.5)
        return table + table.T

    def of_pair(self, first: int, second: int) -> Comparisons:
        """Keep the comparisons of two arms, given by their rows with ``first < second``."""
        return self.take(np.flatnonzero((self.first == first) & (self.second == second)))

    def take(self, rows: Integers) -> Comparisons:
        """Keep some comparisons."""
        return Comparisons(
            self.arms,
            self.raters,
            self.first[rows],
            self.second[rows],
            self.outcome[rows],
            self.rater[rows],
            None if self.both_bad is None else self.both_bad[rows],
        )


def comparisons(votes: Iterable[Vote], *, arms: list[str] | None = None) -> Comparisons:
    """Collect the votes that count: the last one on each pair shown, repeats and golden left out.

    Args:
        votes: As they were stored. ``both_bad`` is a tie: the rater prefers neither, as ratings
            of language and image models count it (Chiang et al. 2024, arXiv:2403.04132; Jiang et
            al. 2024, arXiv:2406.04485). How many there are is kept, for it says something else:
            the arms are equal because neither is usable.
        arms: The arms of the study; by default those that were voted on.

    Raises:
        DataError: A vote compares an arm with itself, or one that is not in `arms`.
    """
    counted = [vote for vote in effective(votes) if vote.kind == "main"]
    seen = {arm for vote in counted for arm in (vote.left_arm, vote.right_arm)}
    names = sorted(seen if arms is None else arms)
    if not seen <= set(names):
        raise DataError(
            f"there are votes on {', '.join(sorted(seen - set(names)))}, which the study does "
            f"not have (arms: {', '.join(names)})."
        )
    same = next((vote for vote in counted if vote.left_arm == vote.right_arm), None)
    if same is not None:
        raise DataError(
            f"vote {same.id!r} compares {same.left_arm} with itself; pairs need two arms."
        )
    row = {arm: number for number, arm in enumerate(names)}
    raters = sorted({vote.rater for vote in counted})
    place = {rater: number for number, rater in enumerate(raters)}
    left = np.array([row[vote.left_arm] for vote in counted], dtype=np.int64)
    right = np.array([row[vote.right_arm] for vote in counted], dtype=np.int64)
    score = {"left": 1.0, "right": 0.0}
    for_left = np.array([score.get(vote.answer, 0.5) for vote in counted])
    swap = left > right
    return Comparisons(
        names,
        raters,
        np.where(swap, right, left),
        np.where(swap, left, right),
        np.where(swap, 1 - for_left, for_left),
        np.array([place[vote.rater] for vote in counted], dtype=np.int64),
        np.array([vote.answer == "both_bad" for vote in counted], dtype=np.bool_),
    )
