"""Studies of people in FiftyOne's database: what they compare, who was asked what, votes.

One document per study, image, rater, pair shown, and vote; documents are only added. The
study's own document is written last, so that a study exists once all of its images do.
"""

from __future__ import annotations

import dataclasses
import datetime
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pymongo import ASCENDING, WriteConcern
from pymongo.errors import DuplicateKeyError, PyMongoError

from ..common.errors import DataError, EnvironmentFault, nearest
from ..preferences import Assignment, Golden, Vote
from ..preferences.store import Conflict, Picture, Rating
from .database import durable, fiftyone

STUDIES = "curadiff.ratings"
PICTURES = "curadiff.rating_pictures"
RATERS = "curadiff.rating_raters"
ASSIGNMENTS = "curadiff.rating_assignments"
VOTES = "curadiff.rating_votes"
PARTS = (PICTURES, RATERS, ASSIGNMENTS, VOTES)
GOLDEN = "golden"  # arm under which the images of golden pairs are stored


@contextmanager
def _database(what: str) -> Iterator[None]:
    try:
        yield
    except DuplicateKeyError as fault:
        raise Conflict(str(fault)) from None
    except PyMongoError as fault:
        raise EnvironmentFault(
            f"the database did not take {what} ({type(fault).__name__}); nothing was lost. Start "
            "it again and repeat the command."
        ) from None


def add_rating(rating: Rating) -> RatingStore:
    """Store a new study.

    Raises:
        DataError: Its name is taken.
        EnvironmentFault: The database is away.
    """
    with _database("the study"):
        _sweep()
        if durable(STUDIES).find_one({"name": rating.name}, {"_id": 1}):
            raise _taken(rating.name)
        key, now = uuid.uuid4().hex, datetime.datetime.now(datetime.UTC)
        pictures = [
            {"_id": f"{key}/{image.id}", "study": key, "arm": arm, "place": place, "stored": now,
             **dataclasses.asdict(image)}
            for arm, images in [*rating.images.items(), (GOLDEN, rating.golden_pictures)]
            for place, image in enumerate(images)
        ]  # fmt: skip
        for start in range(0, len(pictures), 1000):
            durable(PICTURES).insert_many(pictures[start : start + 1000])
        for name in PARTS:
            durable(name).create_index([("study", ASCENDING)])
        durable(STUDIES).create_index("name", unique=True)
        described = dataclasses.asdict(
            dataclasses.replace(rating, images={}, golden_pictures=[])
        ) | {"arms": list(rating.images)}
        try:
            durable(STUDIES).insert_one({"_id": key, "created": now, **described})
        except DuplicateKeyError:
            durable(PICTURES).delete_many({"study": key})
            raise _taken(rating.name) from None
    return RatingStore(key)


def _taken(name: str) -> DataError:
    return DataError(
        f"a study of people named {name!r} exists; choose another name, or go on with it: "
        f"curadiff rate serve {name}"
    )


def _sweep() -> None:
    """Remove images of studies whose start was cut off more than a day ago."""
    known = [study["_id"] for study in durable(STUDIES).find({}, {"_id": 1})]
    day = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    durable(PICTURES).delete_many({"study": {"$nin": known}, "stored": {"$lt": day}})


def open_rating(name: str) -> RatingStore:
    """Open a study by its name.

    Raises:
        DataError: There is none; the message names the nearest.
    """
    with _database("the question"):
        study = durable(STUDIES).find_one({"name": name}, {"_id": 1})
        if study is None:
            known = rating_names()
            listed = f" (there are: {', '.join(known)})" if known else " (there is none yet)"
            raise DataError(
                f"there is no study of people named {name!r}{nearest(name, known)}{listed}; start "
                "one with: curadiff rate start"
            )
    return RatingStore(study["_id"])


def rating_names(*, dataset: str | None = None) -> list[str]:
    """List the studies of people, oldest first; of a data set's images where one is named."""
    fiftyone()
    study_filter = {} if dataset is None else {"source.dataset": dataset}
    return [one["name"] for one in durable(STUDIES).find(study_filter, {"name": 1}).sort("created")]


def delete_rating(name: str) -> None:
    """Delete a study with all its votes; its images' files stay.

    Raises:
        DataError: There is none of that name.
    """
    key = open_rating(name).key
    with _database("the deletion"):
        durable(STUDIES).delete_one({"_id": key})
        for part in PARTS:
            durable(part).delete_many({"study": key})


class RatingStore:
    """One study; see `curadiff.preferences.store.Store`.

    Args:
        key: Its identity.
    """

    def __init__(self, key: str) -> None:
        self.key = key

    def rating(self) -> Rating:
        """Return the study."""
        with _database("the question"):
            stored = dict(durable(STUDIES).find_one({"_id": self.key}) or {})
            if not stored:
                raise DataError("the study of people was deleted.")
            pictures = list(durable(PICTURES).find({"study": self.key}).sort("place"))
        images: dict[str, list[Picture]] = {arm: [] for arm in stored["arms"]}
        golden: list[Picture] = []
        for one in pictures:
            image = Picture(one["id"], one["path"], one["sample"])
            (golden if one["arm"] == GOLDEN else images[one["arm"]]).append(image)
        fields = {field.name for field in dataclasses.fields(Rating)}
        values: dict[str, Any] = {name: v for name, v in stored.items() if name in fields}
        values |= {
            "images": images,
            "golden": [Golden(**pair) for pair in stored["golden"]],
            "golden_pictures": golden,
        }
        return Rating(**values)

    def raters(self) -> dict[str, str]:
        """Return the raters' names by the hash of their token."""
        with _database("the question"):
            documents = durable(RATERS).find({"study": self.key})
            return {one["token"]: one["name"] for one in documents}

    def add_rater(self, token_hash: str, name: str) -> None:
        """Add a rater; raises `Conflict` where the name is taken."""
        with _database("the rater"):
            durable(RATERS).insert_one(
                {"_id": f"{self.key}/{name}", "study": self.key, "token": token_hash, "name": name}
            )

    def assignments(self) -> Sequence[Assignment]:
        """Return what was shown, in order, without what was withdrawn."""
        with _database("the question"):
            documents = durable(ASSIGNMENTS).find({"study": self.key, "withdrawn": False})
            return [_read(Assignment, one) for one in documents.sort("order")]

    def add_assignment(self, assignment: Assignment) -> None:
        """Add a pair; raises `Conflict` where its id is taken."""
        with _database("the pair"):
            # Not waited for: a vote that is on the disk makes all writes before it durable too.
            durable(ASSIGNMENTS).with_options(write_concern=WriteConcern(1)).insert_one(
                {
                    **dataclasses.asdict(assignment),
                    "_id": f"{self.key}/{assignment.id}",
                    "study": self.key,
                    "order": time.time_ns(),
                    "withdrawn": False,
                }
            )

    def withdraw(self, assignment: Assignment) -> None:
        """Give up a pair that its rater did not answer."""
        with _database("the pair"):
            durable(ASSIGNMENTS).update_one(
                {"_id": f"{self.key}/{assignment.id}"}, {"$set": {"withdrawn": True}}
            )

    def votes(self) -> Sequence[Vote]:
        """Return all votes in order, those taken back marked so."""
        with _database("the question"):
            events = list(durable(VOTES).find({"study": self.key}).sort("at"))
        undone = {one["of"] for one in events if one["event"] == "undo"}
        return [
            dataclasses.replace(_read(Vote, one), undone=one["id"] in undone or one["undone"])
            for one in events
            if one["event"] == "vote"
        ]

    def add_vote(self, vote: Vote) -> None:
        """Add a vote; raises `Conflict` where its id is taken."""
        with _database("the vote"):
            durable(VOTES).insert_one(self._vote(vote))

    def add_votes(self, votes: Sequence[Vote]) -> int:
        """Add votes that are not there yet; return how many were new."""
        with _database("the votes"):
            by_key = {f"{self.key}/{vote.id}": vote for vote in votes}
            there = set(durable(VOTES).distinct("_id", {"_id": {"$in": list(by_key)}}))
            new = [vote for key, vote in by_key.items() if key not in there]
            for start in range(0, len(new), 1000):
                durable(VOTES).insert_many([self._vote(v) for v in new[start : start + 1000]])
        return len(new)

    def _vote(self, vote: Vote) -> dict[str, Any]:
        own = {"_id": f"{self.key}/{vote.id}", "study": self.key, "event": "vote"}
        return {**dataclasses.asdict(vote), **own}

    def undo(self, vote: Vote) -> None:
        """Record that a vote was taken back."""
        now = datetime.datetime.now(datetime.UTC).timestamp()
        record = {"study": self.key, "event": "undo", "of": vote.id, "at": now}
        with _database("the change"):
            durable(VOTES).update_one(
                {"_id": f"{self.key}/undo/{vote.id}"}, {"$setOnInsert": record}, upsert=True
            )


def _read(kind: type[Any], stored: Mapping[str, Any]) -> Any:
    fields = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in stored.items() if name in fields})


def pictures_by(view: Any, groups: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """List the images of views, with what is known of how they were drawn.

    Args:
        view: The data set or view that holds them.
        groups: A view for each name.

    Returns:
        For each name ``id, path, noise`` of its samples by id; ``noise`` is the training and
        image seed where the images were generated by Curadiff, else None.
    """
    schema = view.get_field_schema()
    drawn = {"training_seed", "image_seed"} <= set(schema)
    fields = ["id", "filepath", *(["training_seed", "image_seed"] if drawn else [])]
    pictures = {}
    for name, group in groups.items():
        rows = zip(*group.sort_by("id").values(fields), strict=True) if len(group) else []
        pictures[name] = [
            {"id": row[0], "path": row[1], "noise": tuple(row[2:]) if drawn else None}
            for row in rows
        ]
    return pictures


def groups_by_field(view: Any, field: str) -> dict[str, Any]:
    """Return a view for each value of a field.

    Raises:
        DataError: There is no such field.
    """
    fo = fiftyone()
    if view.get_field(field) is None:
        known = list(view.get_field_schema())
        raise DataError(
            f"the images have no field {field!r}{nearest(field, known)}; name the field whose "
            "values are the arms, or give tags."
        )
    values = [value for value in view.distinct(field) if value is not None]
    return {str(value): view.match(fo.ViewField(field) == value) for value in values}
