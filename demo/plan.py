"""What the data set consists of, before anything is drawn: a plan with a known truth."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .outliers import OUTLIERS
from .people import RARE, SHARES, Person, draw_person

OUTLIER_SHARE = 0.03
DUPLICATE_SHARE = 0.05


@dataclass(frozen=True)
class Planned:
    """One picture to draw, and the truth about it.

    Attributes:
        id: Name of its files, without extension.
        split: ``train`` or ``test``.
        label: The garment's class.
        kind: ``typical``, ``rare``, ``outlier`` or ``near_duplicate``.
        outlier: What is wrong with an outlier.
        duplicate_of: The picture that a near-duplicate repeats.
        person: Who is drawn.
    """

    id: str
    split: str
    label: str
    kind: str
    person: Person
    outlier: str = ""
    duplicate_of: str = ""


def plan(people: int, test: int, seed: int) -> list[Planned]:
    """Decide on every picture of both splits.

    Outliers and near-duplicates are planted in ``train`` only, so that ``test``
    is a clean sample of what the pictures are meant to show.
    """
    rng = random.Random(f"{seed}/plan")
    outliers = round(people * OUTLIER_SHARE)
    copies = round(people * DUPLICATE_SHARE) if people - outliers > 1 else 0

    unique = _draw(people - copies, rng, f"{seed}/train")
    typical = [i for i, (label, _) in enumerate(unique) if label not in RARE]
    rng.shuffle(typical)
    kinds = list(OUTLIERS)
    spoiled = {i: kinds[n % len(kinds)] for n, i in enumerate(typical[:outliers])}
    originals = typical[outliers:]
    copied = []  # groups of one to three copies
    while len(copied) < copies:
        original = originals[len(set(copied)) % len(originals)]
        copied += [original] * min(rng.choice((1, 1, 1, 2, 3)), copies - len(copied))

    places = list(range(people))
    rng.shuffle(places)
    names = [f"{place:05d}_00" for place in places]
    planned = []
    for i, (label, person) in enumerate(unique):
        kind = "outlier" if i in spoiled else "rare" if label in RARE else "typical"
        planned.append(Planned(names[i], "train", label, kind, person, spoiled.get(i, "")))
    for n, original in enumerate(copied, start=len(unique)):
        first = planned[original]
        again = _nudged(first.person, rng)
        planned.append(
            Planned(names[n], "train", first.label, "near_duplicate", again, duplicate_of=first.id)
        )
    for i, (label, person) in enumerate(_draw(test, rng, f"{seed}/test")):
        kind = "rare" if label in RARE else "typical"
        planned.append(Planned(f"{people + i:05d}_00", "test", label, kind, person))
    return sorted(planned, key=lambda item: item.id)


def quota(count: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Divide a count by shares, exactly, by largest remainders."""
    total = sum(shares.values())
    exact = {name: count * share / total for name, share in shares.items()}
    whole = {name: int(value) for name, value in exact.items()}
    by_rest = sorted(shares, key=lambda name: exact[name] - whole[name], reverse=True)
    for name in by_rest[: count - sum(whole.values())]:
        whole[name] += 1
    return whole


def _draw(count: int, rng: random.Random, key: str) -> list[tuple[str, Person]]:
    labels = [label for label, n in quota(count, SHARES).items() for _ in range(n)]
    rng.shuffle(labels)
    return [
        (label, draw_person(label, random.Random(f"{key}/{i}"))) for i, label in enumerate(labels)
    ]


def _nudged(person: Person, rng: random.Random) -> Person:
    """Photograph the same moment again, a pixel or two aside and slightly brighter or darker."""
    step = rng.choice(((1, 0), (-1, 0), (0, 1), (1, 1), (2, 0), (-2, 1), (0, -2)))
    shift = (person.shift[0] + step[0], person.shift[1] + step[1])
    return replace(person, shift=shift, gain=rng.choice((0.95, 0.97, 1.02, 1.04)))
