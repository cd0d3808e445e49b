"""How many votes a study of people needs before it can tell two arms apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from ..common.errors import SettingsError

SECONDS_PER_VOTE = 4.0


@dataclass(frozen=True)
class Plan:
    """What to ask for.

    Attributes:
        pairs: How many pairs of arms there are.
        decisive: Votes per pair without a tie, if they were independent.
        votes_per_pair: Votes per pair, with ties, and with raters that differ.
        votes: All votes.
        votes_per_rater: Of each rater.
        minutes_per_rater: At the given seconds per vote.
        power: Chance of telling a pair apart.
        alpha: Chance of telling equal arms apart, over all pairs together.
    """

    pairs: int
    decisive: int
    votes_per_pair: int
    votes: int
    votes_per_rater: int
    minutes_per_rater: float
    power: float
    alpha: float

    def __str__(self) -> str:
        pairs = f"{self.pairs} pair{'s' * (self.pairs > 1)} of arms"
        return (
            f"{self.votes} votes in all: {self.votes_per_pair} on each of {pairs}, "
            f"{self.votes_per_rater} by each rater, about {self.minutes_per_rater:.0f} minutes. "
            f"Then a pair with that preference is told apart with {self.power:.0%} power "
            f"({1 - self.alpha:.0%} certainty over all pairs)."
        )


def decisive_votes(share: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """Return how many independent votes without tie tell a preference from an even split.

    Args:
        share: True share of votes for the preferred arm, between 0.5 and 1.
        power: Chance of finding it.
        alpha: Two-sided chance of finding one that is not there.

    Source: Fleiss, Levin & Paik 2003, Statistical Methods for Rates and Proportions, 2.3.
    """
    away = share - 0.5
    reach = stats.norm.ppf(1 - alpha / 2) * 0.5
    reach += stats.norm.ppf(power) * math.sqrt(share * (1 - share))
    return math.ceil(round(float(reach / away) ** 2, 9))


def plan(
    *,
    effect: float,
    arms: int,
    raters: int,
    tie_rate: float = 0.2,
    icc: float = 0.01,
    power: float = 0.8,
    alpha: float = 0.05,
    seconds_per_vote: float = SECONDS_PER_VOTE,
) -> Plan:
    """Plan a study that tells apart two arms with a given preference.

    Votes of one rater resemble one another: with m votes of a rater on a pair and a correlation
    ``icc`` between them, ``1 + (m - 1) icc`` times as many are needed. Of several pairs each is
    tested at ``alpha / pairs``, the first step of Holm's rule. The limits of the values are
    those of `RatePlanSettings`.

    Args:
        effect: True share of votes for the preferred arm, ties left out.
        arms: How many arms.
        raters: How many raters.
        tie_rate: Share of votes that will be "not sure".
        icc: Correlation of two votes of one rater on one pair of arms, beyond chance.
        power: Chance of telling the pair apart.
        alpha: Chance of telling any two equal arms apart.
        seconds_per_vote: Time that a vote takes.

    Raises:
        SettingsError: No number of votes of so few raters is enough; the message says how many
            raters are.
    """
    pairs = arms * (arms - 1) // 2
    decisive = decisive_votes(effect, power=power, alpha=alpha / pairs)
    alone = decisive / (1 - tie_rate)
    # n = alone (1 + (n / raters - 1) icc), solved for n
    left = 1 - alone * icc / raters
    if left <= 0:
        raise SettingsError(
            f"with {raters} raters no number of votes is enough: they resemble themselves too "
            f"much (icc {icc:g}). At least {math.floor(alone * icc) + 1} raters are needed, or a "
            "larger effect."
        )
    per_pair = math.ceil(round(max(alone, alone * (1 - icc) / left), 9))
    votes = per_pair * pairs
    per_rater = math.ceil(votes / raters)
    return Plan(
        pairs, decisive, per_pair, votes, per_rater, per_rater * seconds_per_vote / 60, power, alpha
    )
