"""What a study of people keeps, and what keeps it.

`Store` is the interface; ``datasets.ratings`` has the one in FiftyOne's database. Everything
is only ever added: a vote that is taken back stays, with a record that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .schedule import Assignment, Golden
from .votes import Vote


@dataclass(frozen=True)
class Picture:
    """One image of a study.

    Attributes:
        id: Identity within the study.
        path: File.
        sample: Id of the FiftyOne sample, where it is one.
    """

    id: str
    path: str
    sample: str | None = None


@dataclass(frozen=True)
class Rating:
    """One study of people, as it was started.

    Attributes:
        name: Its name.
        images: Images of each arm.
        seed: Seed of the schedule.
        repeats: Share of pairs shown to their rater again.
        golden: Pairs with a known answer.
        golden_pictures: The images of golden pairs.
        golden_share: Share of pairs that are golden.
        matched: Pairs have the same place in both arms' lists, such as the same noise.
        both_bad: Offer "both are bad" beside "not sure".
        votes_per_rater: After how many pairs a rater is thanked.
        size: Side in pixels at which every image is sent.
        question: What raters are asked.
        invite: Token in the link that is shared; it lets people join and nothing else.
        source: Where the images come from: data set identity, arms' field.
    """

    name: str
    images: dict[str, list[Picture]]
    seed: int
    repeats: float
    golden: list[Golden]
    golden_pictures: list[Picture]
    golden_share: float
    matched: bool
    both_bad: bool
    votes_per_rater: int
    size: int
    question: str
    invite: str
    source: dict[str, object] = field(default_factory=dict)


class Conflict(Exception):
    """A record of this identity is stored already."""


class Store(Protocol):
    """Keeps one study; each method returns once what it wrote is on disk."""

    def rating(self) -> Rating:
        """Return the study."""
        ...

    def raters(self) -> dict[str, str]:
        """Return the raters' names by the hash of their token."""
        ...

    def add_rater(self, token_hash: str, name: str) -> None:
        """Add a rater."""
        ...

    def assignments(self) -> Sequence[Assignment]:
        """Return what was shown, in order, without what was withdrawn."""
        ...

    def add_assignment(self, assignment: Assignment) -> None:
        """Add a pair; raises `Conflict` where its id is taken."""
        ...

    def withdraw(self, assignment: Assignment) -> None:
        """Give up a pair that its rater did not answer."""
        ...

    def votes(self) -> Sequence[Vote]:
        """Return all votes in order, those taken back marked so."""
        ...

    def add_vote(self, vote: Vote) -> None:
        """Add a vote; raises `Conflict` where its id is taken."""
        ...

    def undo(self, vote: Vote) -> None:
        """Record that a vote was taken back."""
        ...
