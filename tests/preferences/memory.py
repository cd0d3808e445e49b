"""A store in memory, and a study of small pictures in it."""

from __future__ import annotations

import dataclasses

from curadiff.preferences import Golden
from curadiff.preferences.session import token
from curadiff.preferences.store import Conflict, Picture, Rating
from PIL import Image, PngImagePlugin


class MemoryStore:
    def __init__(self, rating):
        self._rating, self._raters = rating, {}
        self._assignments, self._votes, self._undone = {}, {}, set()

    def rating(self):
        return self._rating

    def raters(self):
        return dict(self._raters)

    def add_rater(self, token_hash, name):
        self._raters[token_hash] = name

    def assignments(self):
        return list(self._assignments.values())

    def add_assignment(self, assignment):
        if assignment.id in self._assignments:
            raise Conflict(assignment.id)
        self._assignments[assignment.id] = assignment

    def withdraw(self, assignment):
        del self._assignments[assignment.id]

    def votes(self):
        return [
            dataclasses.replace(vote, undone=vote.id in self._undone)
            for vote in self._votes.values()
        ]

    def add_vote(self, vote):
        if vote.id in self._votes:
            raise Conflict(vote.id)
        self._votes[vote.id] = vote

    def undo(self, vote):
        self._undone.add(vote.id)


def study(folder, *, arms=("typicality", "random", "coreset"), count=4, **options):
    """Return a study of small pictures whose names and metadata tell the arm, and its invite."""
    images = {}
    for row, arm in enumerate(arms):
        (folder / arm).mkdir(parents=True)
        images[arm] = []
        for number in range(count):
            path = folder / arm / f"{arm}-{number}.png"
            text = PngImagePlugin.PngInfo()
            text.add_text("arm", arm)
            color = (80 * row, 50 * number, 120)
            Image.new("RGB", (24, 32), color).save(path, pnginfo=text)
            images[arm].append(Picture(f"{arm}/{number}", str(path), f"sample-{arm}-{number}"))
    invite = token()
    rating = Rating(
        name="people",
        images=images,
        **{
            "seed": 1,
            "repeats": 0.0,
            "golden": [],
            "golden_pictures": [],
            "golden_share": 0.0,
            "matched": False,
            "both_bad": False,
            "votes_per_rater": 20,
            "size": 64,
            "question": "Which picture is better?",
            **options,
        },
        invite=invite,
    )
    return rating, invite


__all__ = ["Golden", "MemoryStore", "study"]
