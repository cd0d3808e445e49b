"""One study while people vote: who is asked what, and what becomes of an answer.

A vote is stored before the next pair is handed out. Whatever the process remembers is
read from the store when it starts, so it may be killed at any moment.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ..common.errors import CuradiffError, DataError
from .schedule import Assignment, Schedule
from .store import Conflict, Picture, Rating, Store
from .votes import ANSWERS, Answer, Vote

AHEAD = 2  # the pair to answer and the one to load meanwhile
ABANDONED = 1800.0  # seconds without a request after which a rater's open pairs go to others


class Refused(DataError):
    """An answer that is not taken; nothing was stored."""


@dataclass(frozen=True)
class State:
    """What a rater is shown.

    Attributes:
        done: Pairs answered.
        total: Pairs asked for.
        open: The pair to answer and the one after it, as far as there are any.
        can_undo: Whether there is an answer to take back.
    """

    done: int
    total: int
    open: list[Assignment]
    can_undo: bool


def token() -> str:
    """Return a new unguessable token of 192 bits for a link."""
    return secrets.token_urlsafe(24)


def token_hash(text: str) -> str:
    """Return what is stored of a token: whoever reads the database cannot vote with it."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class Session:
    """Answers for one study. All methods may be called from any thread.

    Args:
        store: Where it is kept.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.rating: Rating = store.rating()
        self.lock = threading.RLock()
        self.turns: dict[str, threading.RLock] = {}
        self.seen: dict[str, float] = {}  # when each rater's page last asked
        self.stale = False  # a write failed: only the store knows whether it was done
        self.assignments: dict[str, Assignment] = {}
        self._load()

    def _load(self) -> None:
        rating = self.rating
        self.schedule = Schedule(
            {arm: [image.id for image in images] for arm, images in rating.images.items()},
            seed=rating.seed,
            repeats=rating.repeats,
            golden=rating.golden,
            golden_share=rating.golden_share,
            matched=rating.matched,
        )
        self.pictures: dict[str, Picture] = {
            image.id: image
            for images in (*rating.images.values(), rating.golden_pictures)
            for image in images
        }
        self.raters = dict(self.store.raters())
        self.votes: dict[str, list[Vote]] = {}  # of each rater, not taken back
        self.revisions: dict[str, int] = {}  # votes ever given on an assignment
        shown = self._shown()
        self.schedule.restore(shown)
        self.assignments = {one.id: one for one in shown}
        for vote in self.store.votes():
            self.revisions[vote.assignment] = self.revisions.get(vote.assignment, 0) + 1
            if not vote.undone:
                self.votes.setdefault(vote.rater, []).append(vote)
        self.stale = False

    def _shown(self) -> list[Assignment]:
        """Return all pairs that were shown, those too that a killed database has lost.

        A pair is shown before it is on the disk. Its rater may be looking at it still.
        """
        stored = list(self.store.assignments())
        lost = self.assignments.keys() - {one.id for one in stored}
        for one in [one for one in self.assignments.values() if one.id in lost]:
            with suppress(Conflict):  # another process has given it up
                self.store.add_assignment(one)
                stored.append(one)
        return stored

    def _turn(self, rater: str) -> threading.RLock:
        """Return what lets one rater's answers be stored one after the other."""
        with self.lock:
            return self.turns.setdefault(rater, threading.RLock())

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Hold the study; after a failed write, read it anew before anything else is done."""
        with self.lock:
            if self.stale:
                self._load()
            try:
                yield
            except Refused:
                raise
            except (CuradiffError, Conflict):
                self.stale = True
                raise

    def join(self, invite: str, *, most: int) -> str:
        """Admit a new rater by the link that is shared; return the token of their own link.

        Raises:
            Refused: The link is not this study's, or it has `most` raters already.
        """
        self.check_invite(invite)
        with self._working():
            if len(self.raters) >= most:
                raise Refused("This study has as many raters as it takes; thank you.")
            own = token()
            name = f"rater-{len(self.raters) + 1}"
            self.store.add_rater(token_hash(own), name)
            self.raters[token_hash(own)] = name
            return own

    def check_invite(self, invite: str) -> None:
        """Refuse a link that is not this study's."""
        if not secrets.compare_digest(token_hash(invite), token_hash(self.rating.invite)):
            raise Refused("This link is not known; ask for a new one.")

    def rater(self, own: str) -> str:
        """Return the rater's name that a token stands for.

        Raises:
            Refused: It stands for nobody.
        """
        name = self.raters.get(token_hash(own))
        if name is None:
            raise Refused("This link is not known; ask for a new one.")
        return name

    def state(self, rater: str) -> State:
        """Return what a rater is to see, choosing new pairs where needed."""
        with self._working():
            self.seen[rater] = time.monotonic()
            done = len(self.votes.get(rater, []))
            total = self.rating.votes_per_rater
            waiting = self._open(rater)
            while len(waiting) < min(AHEAD, total - done):
                assignment = self._new(rater)
                self.store.add_assignment(assignment)
                self.assignments[assignment.id] = assignment
                waiting.append(assignment)
            return State(done, total, waiting[: max(0, total - done)][:AHEAD], done > 0)

    def vote(self, rater: str, assignment: str, answer: str, seconds: float | None) -> None:
        """Store an answer; the same one sent again is stored once.

        Raises:
            Refused: The pair is not this rater's open one, or the answer is none.
        """
        offered = ANSWERS if self.rating.both_bad else ANSWERS[:3]
        if answer not in offered:
            raise Refused(f"answer must be one of {', '.join(offered)}.")
        with self._turn(rater):
            with self._working():
                vote = self._checked(rater, assignment, answer, seconds)
            if vote is None:
                return
            try:
                self.store.add_vote(vote)  # others go on while this is written to the disk
            except Conflict:  # stored before an answer reached us, by this process or another
                self.stale = True
                return
            except CuradiffError:
                self.stale = True
                raise
            with self.lock:
                self.revisions[assignment] = self.revisions.get(assignment, 0) + 1
                own = self.votes.setdefault(rater, [])
                if all(one.id != vote.id for one in own):  # unless the store was read meanwhile
                    own.append(vote)

    def _checked(
        self, rater: str, assignment: str, answer: Answer, seconds: float | None
    ) -> Vote | None:
        """Return the vote to store, None where the same answer is stored already."""
        pair = self.assignments.get(assignment)
        if pair is None or pair.rater != rater:
            raise Refused("this pair is not open; here is the next one.")
        given = next(
            (vote for vote in self.votes.get(rater, []) if vote.assignment == assignment), None
        )
        if given is not None:
            if given.answer == answer:
                return None
            raise Refused("this pair is answered already; take the answer back first.")
        waiting = self._open(rater)
        if not waiting or waiting[0].id != assignment:
            raise Refused("another pair comes first; here it is.")
        return Vote(
            id=f"{pair.id}-{self.revisions.get(pair.id, 0)}",
            rater=rater,
            assignment=pair.id,
            left=pair.left,
            right=pair.right,
            left_arm=pair.left_arm,
            right_arm=pair.right_arm,
            answer=answer,
            kind=pair.kind,
            expected=pair.expected,
            seconds=seconds,
            at=time.time(),
            schedule_seed=self.rating.seed,
        )

    def undo(self, rater: str, done: int) -> None:
        """Take back a rater's last vote; its pair is shown again.

        Args:
            rater: Who.
            done: How many pairs the rater had answered, so that the same wish sent again does
                not take back the vote before.

        Raises:
            Refused: There is none, or the page is out of date.
        """
        with self._turn(rater), self._working():
            own = self.votes.get(rater, [])
            if done == len(own) + 1:
                return
            if not own or done != len(own):
                raise Refused("there is no such answer to take back.")
            self.store.undo(own[-1])
            own.pop()

    def picture(self, rater: str, assignment: str, side: str) -> Picture:
        """Return the image on one side of a pair that this rater was shown.

        Raises:
            Refused: It is none of theirs.
        """
        with self.lock:
            pair = self.assignments.get(assignment)
            if pair is None or pair.rater != rater or side not in ("left", "right"):
                raise Refused("this image is not open.")
            return self.pictures[pair.left if side == "left" else pair.right]

    def _open(self, rater: str) -> list[Assignment]:
        """Return the pairs that a rater was shown and has not answered, oldest first."""
        answered = {vote.assignment for vote in self.votes.get(rater, [])}
        own = [one for one in self.schedule.shown.get(rater, []) if one.id not in answered]
        return sorted(own, key=lambda one: one.number)

    def _new(self, rater: str) -> Assignment:
        """Choose a pair, first one that somebody left without an answer."""
        left = self._abandoned(rater)
        if left is None:
            return self.schedule.next(rater)
        self.store.withdraw(left)
        self.assignments.pop(left.id, None)
        self.schedule.release(left)
        return self.schedule.next(rater, plain=True)

    def _abandoned(self, rater: str) -> Assignment | None:
        now = time.monotonic()
        for other in list(self.schedule.shown):
            last = self.seen.setdefault(other, now)  # counted from the start of this process
            if other != rater and now - last > ABANDONED:
                waiting = [one for one in self._open(other) if one.kind == "main"]
                untouched = [one for one in waiting if not self.revisions.get(one.id)]
                if untouched:
                    return untouched[-1]
        return None
