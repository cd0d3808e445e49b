"""What the votes mean: win rates, strengths, ranks with intervals, and sentences."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from itertools import combinations
from typing import Any

from ..common.errors import DataError
from ..common.words import plural
from . import agreement
from .agreement import Rater, Share
from .comparisons import Comparisons, comparisons
from .intervals import LEVEL, clustered, design_effect, wilson
from .planner import decisive_votes
from .ranking import Difference, differences, rank_intervals
from .strengths import Strengths, fit
from .votes import Vote, effective

CLEAR = 0.65
"""A preference that is worth knowing: two of three people, nearly."""


@dataclass(frozen=True)
class PairResult:
    """Votes on two arms; `first` is the one preferred more often.

    Attributes:
        first: Arm.
        second: Arm.
        wins: Votes for the first.
        ties: "Not sure" and "both are bad".
        both_bad: How many of the ties were "both are bad".
        losses: Votes for the second.
        raters: How many people gave them.
        rate: (wins + ties / 2) / votes.
        independent: 95 % interval of `rate` as if all votes were independent (Wilson).
        by_rater: 95 % interval for other raters of the same sort; None with one rater.
        design_effect: How many votes of these raters are worth one independent vote.
        p_adjusted: From the strengths, over all pairs (Holm); None without strengths.
    """

    first: str
    second: str
    wins: int
    ties: int
    both_bad: int
    losses: int
    raters: int
    rate: float
    independent: tuple[float, float]
    by_rater: tuple[float, float] | None
    design_effect: float
    p_adjusted: float | None

    @property
    def votes(self) -> int:
        """All votes on the pair."""
        return self.wins + self.ties + self.losses

    @property
    def interval(self) -> tuple[float, float]:
        """The interval to quote: by rater where there are several."""
        return self.independent if self.by_rater is None else self.by_rater

    @property
    def told_apart(self) -> bool:
        """Whether the preference is no chance: over all pairs, or without strengths by itself."""
        if self.p_adjusted is None:
            return self.interval[0] > 0.5
        return self.p_adjusted < 1 - LEVEL

    def __str__(self) -> str:
        low, high = (round(100 * end) for end in self.interval)
        votes, people = plural(self.votes, "vote"), plural(self.raters, "rater")
        share = f"{self.rate:.0%} [{low}, {high}] of {votes} by {people}"
        if self.told_apart:
            return f"{self.first} was preferred to {self.second} in {share}."
        alone = self.interval[0] > 0.5
        note = (
            "; that interval is for this pair alone, over all pairs it may be chance"
            if alone
            else ""
        )
        return (
            f"{self.first} and {self.second} cannot be told apart: {share} for {self.first}{note}."
        )


@dataclass(frozen=True)
class Rank:
    """An arm's place.

    Attributes:
        arm: Name.
        log_strength: With mean 0 over the arms.
        best: Best rank that the votes allow, 1 being preferred most.
        worst: Worst rank that they allow.
    """

    arm: str
    log_strength: float
    best: int
    worst: int


@dataclass(frozen=True)
class Results:
    """All that a study of people found.

    Attributes:
        arms: Names, most preferred first where strengths exist.
        votes: Votes that count in the comparison.
        raters: What each rater's votes look like.
        pairs: One per pair of arms that was voted on.
        ranking: From most to least preferred; empty where no strengths exist.
        no_ranking: Why there are none, as a sentence.
        nu: Davidson's tie parameter.
        left: Share of left among votes with a side.
        alpha: Krippendorff's alpha; None where no pair was seen twice.
        strengths: The fit behind the ranking.
        compared: The differences behind the ranking.
    """

    arms: list[str]
    votes: int
    raters: list[Rater]
    pairs: list[PairResult]
    ranking: list[Rank]
    no_ranking: str | None
    nu: float
    left: Share
    alpha: float | None
    strengths: Strengths | None
    compared: list[Difference]

    @property
    def sentences(self) -> list[str]:
        """The findings in plain words, the most important first."""
        votes, people = plural(self.votes, "vote"), plural(len(self.raters), "rater")
        lines = [f"{votes} by {people} on {len(self.arms)} arms.", *self._too_few()]
        lines += [str(pair) for pair in self.pairs]
        lines += [
            f"Both images were called bad in {pair.both_bad} of {pair.votes} votes on {pair.first} "
            f"and {pair.second}; these count as ties."
            for pair in self.pairs
            if pair.both_bad
        ]
        if self.no_ranking:
            lines.append(f"No ranking: {self.no_ranking}")
        for rank in self.ranking:
            places = str(rank.best) if rank.best == rank.worst else f"{rank.best} to {rank.worst}"
            lines.append(f"{rank.arm}: rank {places}.")
        if len(self.raters) == 1:
            lines.append("One rater says nothing about others; ask more people.")
        if self.left.of and not self.left.interval[0] <= 0.5 <= self.left.interval[1]:
            lines.append(
                f"Raters chose the left side in {self.left.value:.0%} of {self.left.of} votes; "
                "sides were balanced, so this blurs differences and does not favour an arm."
            )
        for rater in self.raters:
            if rater.golden is not None and rater.golden.interval[1] < 0.9:
                lines.append(
                    f"Rater {rater.name} answered {rater.golden.count:.0f} of {rater.golden.of} "
                    "pairs with a known answer rightly; look at the results without this rater."
                )
        return lines

    def _too_few(self) -> list[str]:
        """Say how little is known where votes that tell nothing apart are few."""
        open_pairs = [pair for pair in self.pairs if not pair.told_apart]
        pairs = len(self.arms) * (len(self.arms) - 1) // 2
        needed = decisive_votes(CLEAR, alpha=(1 - LEVEL) / pairs)
        fewest = min((pair.wins + pair.losses for pair in open_pairs), default=needed)
        if fewest >= needed:
            return []
        return [
            f"Few votes, so little is known: of pairs that cannot be told apart, one has {fewest} "
            f"without a tie, and telling a preference of {CLEAR:.0%} from chance takes about "
            f"{needed}."
        ]

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def __repr__(self) -> str:
        return f"Results({self.votes} votes, {len(self.raters)} raters, arms {self.arms})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(pair.first)} &ndash; {escape(pair.second)}</td>"
            f"<td>{pair.wins}</td><td>{pair.ties}</td><td>{pair.losses}</td>"
            f"<td>{pair.rate:.0%} [{pair.interval[0]:.0%}, {pair.interval[1]:.0%}]</td></tr>"
            for pair in self.pairs
        )
        head = "".join(
            f"<th>{name}</th>" for name in ("pair", "wins", "ties", "losses", "first preferred")
        )
        listed = "".join(f"<li>{escape(line)}</li>" for line in self.sentences)
        return f"<ul>{listed}</ul><table><tr>{head}</tr>{rows}</table>"

    def to_json(self) -> dict[str, Any]:
        """Return everything but the fit as plain JSON values."""
        return {
            "arms": self.arms,
            "votes": self.votes,
            "raters": [dataclasses.asdict(rater) for rater in self.raters],
            "pairs": [
                {**dataclasses.asdict(pair), "votes": pair.votes, "interval": pair.interval}
                for pair in self.pairs
            ],
            "ranking": [dataclasses.asdict(rank) for rank in self.ranking],
            "no_ranking": self.no_ranking,
            "nu": self.nu,
            "left": dataclasses.asdict(self.left),
            "alpha": self.alpha,
            "sentences": self.sentences,
        }


def results(votes: Iterable[Vote], *, arms: list[str] | None = None) -> Results:
    """Work out what votes mean.

    Args:
        votes: As they were stored, taken back ones, repeats and golden pairs included.
        arms: The arms of the study; by default those that were voted on.

    Raises:
        DataError: There are no votes, or votes on other arms.
    """
    kept = effective(votes)
    data = comparisons(kept, arms=arms)
    if not len(data):
        raise DataError("there are no votes yet; share the link, or vote yourself.")
    try:
        fitted, fault = fit(data), None
    except DataError as error:
        fitted, fault = None, str(error)
    compared = [] if fitted is None else differences(fitted)
    adjusted = {(one.first, one.second): one.p_adjusted for one in compared}
    pairs = [
        _pair(data, i, j, adjusted.get((i, j)))
        for i, j in combinations(range(len(data.arms)), 2)
        if len(data.of_pair(i, j))
    ]
    ranking = _ranking(fitted, compared)
    return Results(
        arms=[rank.arm for rank in ranking] or data.arms,
        votes=len(data),
        raters=agreement.raters(kept),
        pairs=pairs,
        ranking=ranking,
        no_ranking=fault,
        nu=0.0 if fitted is None else fitted.nu,
        left=agreement.left_side(kept),
        alpha=agreement.agreement(kept),
        strengths=fitted,
        compared=compared,
    )


def _pair(data: Comparisons, i: int, j: int, p_adjusted: float | None) -> PairResult:
    own = data.of_pair(i, j)
    scores, names = own.outcome, (data.arms[i], data.arms[j])
    if scores.mean() < 0.5:
        scores, names = 1 - scores, names[::-1]
    rate = float(scores.mean())
    return PairResult(
        *names,
        wins=int((scores == 1).sum()),
        ties=int((scores == 0.5).sum()),
        both_bad=0 if own.both_bad is None else int(own.both_bad.sum()),
        losses=int((scores == 0).sum()),
        raters=len(set(own.rater.tolist())),
        rate=rate,
        independent=wilson(rate * len(own), len(own)),
        by_rater=clustered(scores, own.rater),
        design_effect=design_effect(scores, own.rater),
        p_adjusted=p_adjusted,
    )


def _ranking(fitted: Strengths | None, compared: list[Difference]) -> list[Rank]:
    if fitted is None:
        return []
    intervals = rank_intervals(len(fitted.arms), compared)
    ranks = [
        Rank(arm, float(value), *interval)
        for arm, value, interval in zip(fitted.arms, fitted.log_strength, intervals, strict=True)
    ]
    return sorted(ranks, key=lambda rank: -rank.log_strength)
