"""How a study of people that was started, or is being asked, stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StartedRating:
    """A study of people that can be asked.

    Attributes:
        name: Its name.
        arms: How many images of each arm take part.
        link: What comes behind the server's address in the link that raters get.
        votes_per_rater: How many pairs each is asked.
    """

    name: str
    arms: dict[str, int]
    link: str
    votes_per_rater: int

    def __str__(self) -> str:
        listed = ", ".join(f"{arm} ({count} images)" for arm, count in self.arms.items())
        return (
            f"{self.name} compares {listed}; {self.votes_per_rater} pairs a rater.\n"
            f"Ask people with: curadiff rate serve {self.name}"
        )


@dataclass(frozen=True)
class RatingStatus:
    """How far a study of people is.

    Attributes:
        name: Its name.
        votes: Votes that count.
        raters: How many people joined.
        finished: How many of them answered all their pairs.
        pairs: Votes on each pair of arms.
        link: What comes behind the server's address in the link that raters get.
    """

    name: str
    votes: int
    raters: int
    finished: int
    pairs: dict[tuple[str, str], int]
    link: str

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {self.votes} votes, {self.raters} raters, {self.finished} of them done."
        ]
        lines += [f"  {a} - {b}: {count}" for (a, b), count in sorted(self.pairs.items())]
        return "\n".join(lines)
