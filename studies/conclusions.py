"""What a study may conclude: one of four answers, each by a stated rule.

*not comparable: the models are unfinished*: no arm's mean reaches `SHARE` of what real images score
in precision and in recall with a Frechet excess of at most `MULTIPLE` times the distance between
real images. Differences between unfinished models say nothing about the images behind them.

*better*: one finished arm that is better than every other finished one: the difference to each is
told from chance at 5 % over all pairs of arms (see `inference`), from `FEWEST` training seeds on.

*not distinguishable*: anything else, with what is missing. *nothing to compare*: one arm.

Where all seeds of the winner are ahead of all others, the text adds how often chance alone gives
that, which needs no distribution; see `chance`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .chance import chance_at_worst
from .comparing import (
    SHOWN,
    RealScore,
    Spread,
    Summary,
    columns,
    number,
    ranked_by,
    ranking,
    real_scores,
    table,
)
from .conclusion_notes import first_few, fooled, nested, too_few, unknown, unusable_notes
from .inference import (
    BETTER,
    FEWEST,
    NOT_DISTINGUISHABLE,
    UNFINISHED,
    Comparison,
    Layers,
    compare,
    layers,
    rank_intervals,
    winner,
)
from .trainings import Influences, of_row, trainings_by_arm

SHARE = 0.5
"""Of what real images score in precision and recall: below this a model is unfinished."""

MULTIPLE = 10.0
"""Of the Frechet distance between real images: with a larger excess a model is unfinished."""

UNUSABLE = UNFINISHED
NOTHING = "nothing to compare"


@dataclass(frozen=True)
class Conclusion:
    """The answer of a study.

    Attributes:
        word: `BETTER`, `NOT_DISTINGUISHABLE`, `UNFINISHED` or `NOTHING`.
        text: The answer in a sentence or two, with its certainty.
        notes: What a reader must know beside it, one sentence each.
        best: The arm that is better than all others; None unless ``word`` is `BETTER`.
        order: The arms as tables and charts list them: usable ones first, best mean first.
        unusable: Why an arm's models are unfinished, by arm.
        comparisons: Every two arms by every metric.
        ranks: Best and worst rank that each arm can have by what ranks the arms.
        spread: How far trainings lie apart, by arm: over selections, and over seeds in each.
    """

    word: str
    text: str
    notes: tuple[str, ...]
    best: str | None
    order: list[str]
    unusable: dict[str, str]
    comparisons: tuple[Comparison, ...] = ()
    ranks: dict[str, tuple[int, int]] = field(default_factory=dict)
    spread: dict[str, Layers] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join([self.text, *self.notes])

    @property
    def below_word(self) -> str:
        """The answer for a page on which the word stands above it."""
        begins = self.text.lower().startswith(f"{self.word}. ")
        return self.text[len(self.word) + 2 :] if begins else self.text


def conclude(
    outcomes: Sequence[Mapping[str, Any]],
    against: str,
    *,
    missing: Sequence[str] = (),
    influences: Influences | None = None,
) -> Conclusion:
    """Say what outcomes of cells show, and how sure it is.

    Args:
        outcomes: One mapping per finished training, as `comparing.table` takes them.
        against: Which reference: ``held_out`` or ``pool``.
        missing: Keys of the trainings that failed or are not done yet.
        influences: From an outcome to what each image adds to its values, see `influences`;
            without it intervals are about trainings alone.
    """
    summary, real = table(outcomes, against), real_scores(outcomes, against)
    unusable = {
        arm: why for arm, row in summary.items() if (why := _unfinished(row, real)) is not None
    }
    order = sorted(ranking(summary), key=lambda arm: arm in unusable)  # sorted() keeps the order
    metric = ranked_by(summary)
    by_metric = {
        name: trainings_by_arm(outcomes, against, name, influences) for name in columns(summary)
    }
    comparisons = {
        name: compare(
            {arm: arms[arm] for arm in order if arm in arms},
            name,
            lower_is_better=SHOWN[name][1] == "lower",
            unfinished=list(unusable),
        )
        for name, arms in by_metric.items()
    }
    ranked = comparisons.get(metric or "", [])
    best = winner(ranked)
    best = None if best in unusable else best
    if summary and len(unusable) == len(summary):
        word, text, best = UNFINISHED, _no_usable(order[0], unusable), None
    elif len(summary) < 2:
        word, text = NOTHING, "There is only one arm, so there is nothing to compare."
    elif metric is None:
        word = NOT_DISTINGUISHABLE
        text = "Not distinguishable: no metric was computed for all arms that could order them."
    else:
        word = BETTER if best else NOT_DISTINGUISHABLE
        text = _better(best, summary, ranked) if best else _undecided(order, ranked, unusable)
    spread = {arm: layers(one) for arm, one in by_metric.get(metric or "", {}).items()}
    notes = [
        *unusable_notes(unusable, summary),
        *too_few(ranked),
        *nested(spread, metric),
        *fooled(summary, real, order),
        *unknown(real, summary),
    ]
    if missing:
        notes.insert(
            0,
            f"{len(missing)} {'training is' if len(missing) == 1 else 'trainings are'} missing "
            f"here ({first_few(missing)}), so this may change.",
        )
    every = tuple(one for name in comparisons for one in comparisons[name])
    ranks = rank_intervals(ranked, order) if ranked else {}
    return Conclusion(word, text, tuple(notes), best, order, unusable, every, ranks, spread)


def ahead_of_all(summary: Summary, metric: str) -> str | None:
    """Name the arm with all its seeds ahead of all seeds of the others in a metric, if any."""
    have = {arm: row[metric] for arm, row in summary.items() if metric in row}
    if len(have) < max(2, len(summary)):
        return None
    sign = 1 if SHOWN[metric][1] == "lower" else -1
    scores = {arm: [sign * v for v in spread.values.values()] for arm, spread in have.items()}
    best = min(scores, key=lambda arm: min(scores[arm]))
    rest = [value for arm, values in scores.items() if arm != best for value in values]
    return best if max(scores[best]) < min(rest) else None


def leader(summary: Summary, metric: str) -> str | None:
    """Name the arm that is better than all others by a metric, told from trainings alone."""
    arms = {arm: of_row(row[metric].values) for arm, row in summary.items() if metric in row}
    if len(arms) < max(2, len(summary)):
        return None
    return winner(compare(arms, metric, lower_is_better=SHOWN[metric][1] == "lower"))


def _unfinished(row: Mapping[str, Spread], real: Mapping[str, RealScore]) -> str | None:
    """Say why an arm's models are unfinished; None where they are not, or it cannot be told."""
    reasons = []
    for name in ("precision", "recall"):
        if name in row and name in real and row[name].mean < SHARE * real[name].value:
            reasons.append(
                f"{name} {number(row[name].mean)} where real images score "
                f"{number(real[name].value)}"
            )
    spread, null = row.get("frechet_distance"), real.get("frechet_distance")
    if spread and null and spread.excess is not None and spread.excess > MULTIPLE * null.value > 0:
        reasons.append(
            f"a Frechet excess of {number(spread.excess)}, {spread.excess / null.value:.0f} times "
            "the distance between real images"
        )
    return " and ".join(reasons) or None


def _no_usable(best: str, unusable: Mapping[str, str]) -> str:
    who = "The" if len(unusable) == 1 else "Even the"
    arm = f"models of {best} have" if len(unusable) == 1 else f"best arm, {best}, has"
    return (
        f"Not comparable: the models are unfinished. {who} {arm} {unusable[best]}. "
        "Train longer before comparing."
    )


def _better(best: str, summary: Summary, ranked: Sequence[Comparison]) -> str:
    """Say by how much the winner is ahead of the arm that is nearest to it, and how sure it is."""
    own = [one for one in ranked if one.better == best]
    metric = own[0].metric
    title, way = SHOWN[metric]
    nearest = min(own, key=lambda one: abs(one.difference))
    other = nearest.arm_b if nearest.arm_a == best else nearest.arm_a
    largest = max(one.p_holm or 0.0 for one in own)
    text = (
        f"{best} is better: its mean {title} is {way} than that of every other arm, by "
        f"{_reach(nearest)} than that of {other}, which is nearest (p = {largest:.2g} or less over "
        "all pairs)."
    )
    if len(own) < len(summary) - 1:
        text += " Arms whose models are unfinished are left aside."
    if ahead_of_all(summary, metric) == best:
        sizes = {arm: row[metric].n for arm, row in summary.items()}
        chance = chance_at_worst(sizes[best], [n for arm, n in sizes.items() if arm != best])
        text += (
            f" All its {sizes[best]} trainings are ahead of all others; arms that do not differ "
            f"give that in at most {_one_in(chance)} studies."
        )
    return text


def _reach(one: Comparison) -> str:
    """``0.031 (95 % 0.010 to 0.052)``, whichever arm comes first."""
    low, high = sorted((abs(one.low or 0.0), abs(one.high or 0.0)))
    return f"{number(abs(one.difference))} (95 % {number(low)} to {number(high)})"


def _undecided(
    order: Sequence[str], ranked: Sequence[Comparison], unusable: Mapping[str, str]
) -> str:
    first, metric = order[0], ranked[0].metric
    title = SHOWN[metric][0]
    start = f"Not distinguishable: {first} has the best mean {title}"
    own = [one for one in ranked if first in (one.arm_a, one.arm_b)]
    if min(one.seeds for one in own) < FEWEST:
        return f"{start}, but with so few training seeds the order may be chance."
    usable = [one for one in own if one.verdict != UNFINISHED]
    if not usable:
        return f"{start}, and the models of all other arms are unfinished."
    others = [
        one.arm_b if one.arm_a == first else one.arm_a for one in usable if one.better != first
    ]
    if not others:
        return f"{start}, but its models are unfinished."
    return f"{start}, but it is not told from {first_few(others)} at 5 % over all pairs of arms."


def _one_in(chance: float) -> str:
    return "all" if chance >= 1 else f"1 of {1 / chance:.3g}"
