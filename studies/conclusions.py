"""What a study may conclude: one of four answers, each by a stated rule.

*no usable model yet*: no arm's mean reaches `SHARE` of what real images score in precision and
in recall with a Frechet excess of at most `MULTIPLE` times the distance between real images.
Differences between unfinished models say nothing about the images they were trained on.

*better*: one usable arm, all of whose seeds are ahead of all seeds of all other arms, and chance
gives such a leader in at most `LEVEL` of all studies.

*not distinguishable*: anything else, with the chance stated. *nothing to compare*: one arm.

The chance is exact and needs no distribution. Where k arms do not differ, every way to deal the
N = n_1 + ... + n_k values over the arms is equally likely, and arm i holds the n_i best values in
one of C(N, n_i) ways; two arms cannot both lead. So some arm leads with probability
sum_i 1 / C(N, n_i): 1/7 for four arms with two seeds. Where only some arms do not differ and the
others are far behind, it is the same sum over those few, largest for two: 2 / C(2n, n) for n seeds,
1/3, 1/10 and 1/35 for two, three and four. The answer *better* must hold in that worst case. For a
pair and a direction that were named before the study, half of that applies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

from .comparing import (
    SHOWN,
    RealScore,
    Spread,
    Summary,
    number,
    ranked_by,
    ranking,
    real_scores,
    table,
)

SHARE = 0.5
"""Of what real images score in precision and recall: below this a model is unfinished."""

MULTIPLE = 10.0
"""Of the Frechet distance between real images: with a larger excess a model is unfinished."""

LEVEL = 0.05
"""Share of studies without a difference that may be told that one arm is better."""

BETTER = "better"
NOT_DISTINGUISHABLE = "not distinguishable"
UNUSABLE = "no usable model yet"
NOTHING = "nothing to compare"

CAN_BE_FOOLED = ("frechet_distance", "precision", "recall", "coverage")


@dataclass(frozen=True)
class Conclusion:
    """The answer of a study.

    Attributes:
        word: `BETTER`, `NOT_DISTINGUISHABLE`, `UNUSABLE` or `NOTHING`.
        text: The answer in a sentence or two, with its certainty.
        notes: What a reader must know beside it, one sentence each.
        best: The arm that is better than all others; None unless ``word`` is `BETTER`.
        order: The arms as tables and charts list them: usable ones first, best mean first.
        unusable: Why an arm's models are unfinished, by arm.
    """

    word: str
    text: str
    notes: tuple[str, ...]
    best: str | None
    order: list[str]
    unusable: dict[str, str]

    def __str__(self) -> str:
        return "\n".join([self.text, *self.notes])


def conclude(
    outcomes: Sequence[Mapping[str, Any]], against: str, *, missing: Sequence[str] = ()
) -> Conclusion:
    """Say what outcomes of cells show, and how sure it is.

    Args:
        outcomes: One mapping per finished training, as `comparing.table` takes them.
        against: Which reference: ``held_out`` or ``pool``.
        missing: Keys of the trainings that failed or are not done yet.
    """
    summary, real = table(outcomes, against), real_scores(outcomes, against)
    unusable = {
        arm: why for arm, row in summary.items() if (why := _unfinished(row, real)) is not None
    }
    order = sorted(ranking(summary), key=lambda arm: arm in unusable)  # sorted() keeps the order
    best = None
    metric = ranked_by(summary)
    if summary and len(unusable) == len(summary):
        word, text = UNUSABLE, _no_usable(order[0], unusable)
    elif len(summary) < 2:
        word, text = NOTHING, "There is only one arm, so there is nothing to compare."
    elif metric is None:
        word = NOT_DISTINGUISHABLE
        text = "Not distinguishable: no metric was computed for all arms that could order them."
    else:
        best = leader(summary, metric)
        best = None if best in unusable else best
        word = BETTER if best else NOT_DISTINGUISHABLE
        text = _better(best, summary, metric) if best else _undecided(order[0], summary, metric)
    notes = [
        *_unusable_notes(unusable, summary),
        *_fooled(summary, real, order),
        *_unknown(real, summary),
    ]
    if missing:
        notes.insert(
            0,
            f"{len(missing)} trainings are missing here ({_some(missing)}), so this may change.",
        )
    return Conclusion(word, text, tuple(notes), best, order, unusable)


def chance_of_leader(sizes: Sequence[int]) -> float:
    """Probability that, of arms which do not differ, one has all its seeds ahead of all others.

    Args:
        sizes: Seeds of each arm.

    Returns:
        sum_i 1 / C(N, n_i) with N all seeds; 1 for one seed per arm, where some arm is first.
    """
    total = sum(sizes)
    return min(1.0, sum(1 / comb(total, size) for size in sizes))


def chance_at_worst(size: int, others: Iterable[int]) -> float:
    """The same for a given leader where any of the others may differ and be far behind.

    Args:
        size: Seeds of the leading arm.
        others: Seeds of each other arm.

    Returns:
        The largest `chance_of_leader` over the leader with any of the other arms.
    """
    others = list(others)
    sets = (some for many in range(1, len(others) + 1) for some in _subsets(others, many))
    return max(chance_of_leader([size, *some]) for some in sets)


def _subsets(sizes: Sequence[int], many: int) -> Iterable[tuple[int, ...]]:
    """Choices of so many sizes, each combination of values once."""
    return set(combinations(sorted(sizes), many))


def ahead_of_all(summary: Summary, metric: str) -> str | None:
    """Name the arm with all its seeds ahead of all seeds of the others in a metric, if any."""
    have = {arm: row[metric] for arm, row in summary.items() if metric in row}
    if len(have) < max(2, len(summary)):
        return None
    sign = 1 if SHOWN[metric][1] == "lower" else -1
    scores = {arm: [sign * v for v in told.values.values()] for arm, told in have.items()}
    best = min(scores, key=lambda arm: min(scores[arm]))
    rest = [value for arm, values in scores.items() if arm != best for value in values]
    return best if max(scores[best]) < min(rest) else None


def leader(summary: Summary, metric: str) -> str | None:
    """Name the arm that is ahead of all others by more than chance gives, if there is one."""
    best = ahead_of_all(summary, metric)
    if best is None:
        return None
    sizes = {arm: row[metric].n for arm, row in summary.items()}
    chance = chance_at_worst(sizes[best], [n for arm, n in sizes.items() if arm != best])
    return best if chance <= LEVEL else None


def seeds_needed() -> int:
    """Seeds per arm from which one arm can be called better."""
    return next(n for n in range(1, 100) if chance_at_worst(n, [n]) <= LEVEL)


def _unfinished(row: Mapping[str, Spread], real: Mapping[str, RealScore]) -> str | None:
    """Say why an arm's models are unfinished; None where they are not, or it cannot be told."""
    reasons = []
    for name in ("precision", "recall"):
        if name in row and name in real and row[name].mean < SHARE * real[name].value:
            reasons.append(
                f"{name} {number(row[name].mean)} where real images score "
                f"{number(real[name].value)}"
            )
    told, null = row.get("frechet_distance"), real.get("frechet_distance")
    if told and null and told.excess is not None and told.excess > MULTIPLE * null.value > 0:
        reasons.append(
            f"a Frechet excess of {number(told.excess)}, {told.excess / null.value:.0f} times the "
            "distance between real images"
        )
    return " and ".join(reasons) or None


def _no_usable(best: str, unusable: Mapping[str, str]) -> str:
    who = "The" if len(unusable) == 1 else "Even the"
    arm = f"models of {best} have" if len(unusable) == 1 else f"best arm, {best}, has"
    return (
        f"No usable model yet, so the arms cannot be compared. {who} {arm} {unusable[best]}. "
        "Train longer before comparing."
    )


def _better(best: str, summary: Summary, metric: str) -> str:
    sizes = [row[metric].n for arm, row in summary.items() if arm != best]
    n = summary[best][metric].n
    return (
        f"{best} is better: each of its {n} seeds has a {_way(metric)} {SHOWN[metric][0]} than "
        "every seed of every other arm. Arms that do not differ give such a leader in at most "
        f"{_one_in(chance_at_worst(n, sizes))} studies."
    )


def _undecided(first: str, summary: Summary, metric: str) -> str:
    sizes = {arm: row[metric].n for arm, row in summary.items() if metric in row}
    title = SHOWN[metric][0]
    if min(sizes.values()) < 2:
        return (
            f"Not distinguishable: {first} has the best {title}, but with one seed the order may "
            f"be chance. From {seeds_needed()} seeds per arm on, one can be called better."
        )
    best = ahead_of_all(summary, metric)
    if best is None:
        means = {arm: row[metric].mean for arm, row in summary.items() if metric in row}
        top = first if first in means else next(iter(means))
        return (
            f"Not distinguishable: {top} has the best mean {title}, but its seeds overlap with "
            f"those of {_overlapping(top, summary, metric)}."
        )
    worst = chance_at_worst(sizes[best], [n for arm, n in sizes.items() if arm != best])
    if worst <= LEVEL:  # it leads, and its models are unfinished
        return f"Not distinguishable: {best} is ahead in {title}, but its models are unfinished."
    text = (
        f"Not distinguishable: all seeds of {best} are ahead of all others in {title}, but "
        f"chance gives {len(sizes)} equal arms such a leader in "
        f"{_one_in(chance_of_leader(list(sizes.values())))} studies"
    )
    if len(sizes) > 2:
        text += f", and in {_one_in(worst)} where only two of them are equal"
    return f"{text}. From {seeds_needed()} seeds per arm on, one can be called better."


def _overlapping(top: str, summary: Summary, metric: str) -> str:
    sign = 1 if SHOWN[metric][1] == "lower" else -1
    worst = max(sign * value for value in summary[top][metric].values.values())
    names = [
        arm
        for arm, row in summary.items()
        if arm != top
        and metric in row
        and min(sign * value for value in row[metric].values.values()) <= worst
    ]
    return _some(names) if names else "other arms"


def _unusable_notes(unusable: Mapping[str, str], summary: Summary) -> list[str]:
    if not unusable or len(unusable) == len(summary):
        return []
    said = "; ".join(f"{arm} has {why}" for arm, why in unusable.items())
    return [f"Models of {len(unusable)} of {len(summary)} arms are not usable yet: {said}."]


def _fooled(summary: Summary, real: Mapping[str, RealScore], order: Sequence[str]) -> list[str]:
    """Warn of generated images that score as real ones do, or higher."""
    found = []
    for name in CAN_BE_FOOLED:
        if name not in real:
            continue
        limit = real[name].value
        arms = [arm for arm in order if _reaches(summary[arm].get(name), name, limit)]
        if arms:
            best = ", ".join(f"{arm} {number(summary[arm][name].mean)}" for arm in arms)
            found.append(f"{SHOWN[name][0]} ({best}; real images {number(real[name].value)})")
    if not found:
        return []
    return [
        f"Generated images score as high as real ones, or higher, in {'; '.join(found)}. That is a "
        "warning and no success: noise, copies and a few good pictures repeated fool the judge. "
        "Look at the images before believing it."
    ]


def _reaches(told: Spread | None, name: str, real: float) -> bool:
    if told is None:
        return False
    if SHOWN[name][1] == "lower":
        return told.excess is not None and told.excess <= 0
    return real > 0 and told.mean >= real


def _unknown(real: Mapping[str, RealScore], summary: Summary) -> list[str]:
    if real or not any(summary.values()):
        return []
    return [
        "What real images score was not measured, so whether the models are finished is unknown."
    ]


def _way(metric: str) -> str:
    return SHOWN[metric][1]


def _one_in(chance: float) -> str:
    return "all" if chance >= 1 else f"1 of {1 / chance:.3g}"


def _some(names: Sequence[str], most: int = 4) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
