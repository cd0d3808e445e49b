"""Which pair of images a rater sees next: balanced at every moment, and blind.

Every choice takes what was shown least so far, and among equals by a random number that
depends on the seed, the rater and the count alone. So the same seed and the same order of
requests give the same pairs, and a schedule is restored by `restore` from what was stored.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from ..common.errors import DataError, SettingsError
from .votes import Answer, Kind

REPEAT_AFTER = 5  # a repeat comes at least so many pairs after what it repeats


@dataclass(frozen=True)
class Golden:
    """A pair whose answer is known, to see whether a rater looks.

    Attributes:
        better: Identity of the image that everybody should prefer.
        worse: Identity of the other.
    """

    better: str
    worse: str


@dataclass(frozen=True)
class Assignment:
    """A pair as one rater sees it.

    Attributes:
        id: Opaque identity, without meaning to whoever reads it.
        rater: Who sees it.
        number: How many the rater has seen before.
        left: Identity of the left image.
        right: Identity of the right image.
        left_arm: Arm of the left image.
        right_arm: Arm of the right image.
        kind: ``main``, ``repeat`` or ``golden``.
        expected: Right answer of a golden pair.
    """

    id: str
    rater: str
    number: int
    left: str
    right: str
    left_arm: str
    right_arm: str
    kind: Kind = "main"
    expected: Answer | None = None


@dataclass
class Schedule:
    """What was shown, and what comes next.

    The counts of any two pairs of arms differ by at most 1 at every moment. Within that, each
    rater sees all pairs of arms alike, each image of an arm comes as often as the others, and
    each arm stands on the left as often as on the right.

    Attributes:
        images: Identities of the images of each arm.
        seed: Of the order.
        repeats: Share of pairs that are shown to their rater a second time, sides swapped.
        golden: Pairs with a known answer.
        golden_share: Share of pairs that are golden.
        matched: Compare only images at the same place of both arms' lists, such as pictures
            that were drawn from the same noise.
    """

    images: Mapping[str, Sequence[str]]
    seed: int = 0
    repeats: float = 0.0
    golden: Sequence[Golden] = ()
    golden_share: float = 0.0
    matched: bool = False
    shown: dict[str, list[Assignment]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if len(self.images) < 2:
            raise DataError(
                f"a study of people compares at least two sets of images, got {len(self.images)}."
            )
        empty = [arm for arm, images in self.images.items() if not images]
        if empty:
            raise DataError(f"{' and '.join(empty)} has no images to show; generate some first.")
        self._check_shares()
        self.arms = sorted(self.images)
        if self.matched and len({len(images) for images in self.images.values()}) > 1:
            counts = ", ".join(f"{arm}: {len(self.images[arm])}" for arm in self.arms)
            raise DataError(
                f"same-noise pairs need equally many images of every arm ({counts}); draw all arms "
                "with the same count, or compare images freely."
            )
        self.pairs = list(combinations(self.arms, 2))
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._pairs_of_rater: Counter[tuple[str, str, str]] = Counter()
        self._place = {
            arm: {image: place for place, image in enumerate(self.images[arm])} for arm in self.arms
        }
        self._used = {
            (pair, arm): np.zeros(len(self.images[arm]), dtype=np.int64)
            for pair in self.pairs
            for arm in pair
        }
        self._issued: Counter[str] = Counter()
        self._left: Counter[tuple[str, str]] = Counter()  # first of the pair left, minus right
        self._left_of_rater: Counter[str] = Counter()

    def _check_shares(self) -> None:
        for name, value in (("repeats", self.repeats), ("golden_share", self.golden_share)):
            if not 0 <= value <= 0.5:
                raise SettingsError(f"{name} must be between 0 and 0.5, got {value}.")
        if self.golden_share and not self.golden:
            raise SettingsError("golden_share needs golden pairs; give some, or leave it at 0.")

    def restore(self, assignments: Iterable[Assignment]) -> None:
        """Count assignments that were stored, in the order in which they were made."""
        for assignment in assignments:
            self._count(assignment)

    def next(self, rater: str, *, plain: bool = False) -> Assignment:
        """Choose the pair that a rater sees next, and count it as shown.

        Args:
            rater: Who.
            plain: Neither a repeat nor a golden pair; after `release` this keeps the balance.
        """
        own, number = self.shown.get(rater, []), self._issued[rater]
        random = self._random(rater, number)
        assignment = None
        if not plain:
            assignment = self._golden(rater, number, own, random)
            assignment = assignment or self._repeat(rater, number, own, random)
        assignment = assignment or self._main(rater, number, random)
        self._count(assignment)
        return assignment

    def release(self, assignment: Assignment) -> None:
        """Count a pair as not shown: its rater left without an answer."""
        own = self.shown.get(assignment.rater, [])
        if assignment in own:
            own.remove(assignment)
            self._count(assignment, by=-1)

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        """How often each pair of arms was shown, repeats and golden pairs left out."""
        return {pair: self._pairs[pair] for pair in self.pairs}

    def _main(self, rater: str, number: int, random: np.random.Generator) -> Assignment:
        def fewest(pair: tuple[str, str]) -> tuple[float, ...]:
            return (self._pairs[pair], self._pairs_of_rater[rater, *pair], random.random())

        pair = min(self.pairs, key=fewest)
        first, second = self._choose_images(pair, random)
        lean = (
            self._left[pair] or self._left_of_rater[rater] or (1 if random.random() < 0.5 else -1)
        )
        left, right = (second, first) if lean > 0 else (first, second)
        left_arm, right_arm = (pair[1], pair[0]) if lean > 0 else pair
        return Assignment(
            self._identity(rater, number), rater, number, left, right, left_arm, right_arm
        )

    def _choose_images(self, pair: tuple[str, str], random: np.random.Generator) -> tuple[str, str]:
        """Take the images of both arms that this pair has shown least."""

        def least(arm: str) -> str:
            used = self._used[pair, arm]
            return self.images[arm][int(random.choice(np.flatnonzero(used == used.min())))]

        first = least(pair[0])
        if self.matched:
            return first, self.images[pair[1]][self._place[pair[0]][first]]
        return first, least(pair[1])

    def _repeat(
        self, rater: str, number: int, own: list[Assignment], random: np.random.Generator
    ) -> Assignment | None:
        repeated = {frozenset((one.left, one.right)) for one in own if one.kind == "repeat"}
        candidates = [
            one
            for one in own[: max(0, len(own) - REPEAT_AFTER)]
            if one.kind == "main" and frozenset((one.left, one.right)) not in repeated
        ]
        if not candidates or not self._due(rater, own, "repeat", self.repeats):
            return None
        again = candidates[int(random.integers(len(candidates)))]
        return Assignment(
            self._identity(rater, number), rater, number,
            again.right, again.left, again.right_arm, again.left_arm, "repeat",
        )  # fmt: skip

    def _golden(
        self, rater: str, number: int, own: list[Assignment], random: np.random.Generator
    ) -> Assignment | None:
        if not self._due(rater, own, "golden", self.golden_share):
            return None
        given = sum(one.kind == "golden" for one in own)
        begin = int(self._random(rater, -1).integers(len(self.golden)))
        pair = self.golden[(begin + given) % len(self.golden)]
        better_left = bool(random.random() < 0.5)
        left, right = ("better", "worse") if better_left else ("worse", "better")
        return Assignment(
            self._identity(rater, number),
            rater,
            number,
            left=getattr(pair, left),
            right=getattr(pair, right),
            left_arm=left,
            right_arm=right,
            kind="golden",
            expected="left" if better_left else "right",
        )

    def _due(self, rater: str, own: list[Assignment], kind: Kind, share: float) -> bool:
        """Tell whether a share of a rater's pairs is reached only with the next one.

        The first one comes earlier for some raters than for others.
        """
        offset = self._random(rater, -2).random()
        return sum(one.kind == kind for one in own) < int(share * (len(own) + 1) + offset)

    def _count(self, assignment: Assignment, by: int = 1) -> None:
        if by > 0:
            self.shown.setdefault(assignment.rater, []).append(assignment)
            self._issued[assignment.rater] = max(
                self._issued[assignment.rater], assignment.number + 1
            )
        if assignment.kind != "main":
            return
        pair = tuple(sorted((assignment.left_arm, assignment.right_arm)))
        first, second = pair
        self._pairs[first, second] += by
        self._pairs_of_rater[assignment.rater, first, second] += by
        for arm, image in (
            (assignment.left_arm, assignment.left),
            (assignment.right_arm, assignment.right),
        ):
            if image in self._place[arm]:  # one that was removed since is not shown again
                self._used[(first, second), arm][self._place[arm][image]] += by
        lean = by if assignment.left_arm == first else -by
        self._left[first, second] += lean
        self._left_of_rater[assignment.rater] += lean

    def _random(self, rater: str, number: int) -> np.random.Generator:
        return np.random.default_rng(list(self._digest(rater, number)))

    def _identity(self, rater: str, number: int) -> str:
        return self._digest(rater, number).hex()[:24]

    def _digest(self, rater: str, number: int) -> bytes:
        return hashlib.sha256(f"{self.seed}/{number}/{rater}".encode()).digest()
