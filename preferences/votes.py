"""One vote, the list of votes that counts, and votes as CSV or JSONL files."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from ..common.errors import DataError, nearest
from ..common.files import write_bytes

Answer = Literal["left", "right", "tie", "both_bad"]
ANSWERS: tuple[Answer, ...] = ("left", "right", "tie", "both_bad")
Kind = Literal["main", "repeat", "golden"]
KINDS: tuple[Kind, ...] = ("main", "repeat", "golden")
VERSION = 1


@dataclass(frozen=True)
class Vote:
    """What one rater answered to one pair of images.

    Attributes:
        id: Identity of the vote; the same vote sent twice is stored once.
        rater: Opaque name of the rater.
        assignment: Identity of the pair as it was shown to this rater.
        left: Identity of the image shown on the left.
        right: Identity of the image shown on the right.
        left_arm: Arm that the left image belongs to.
        right_arm: Arm that the right image belongs to.
        answer: ``left``, ``right``, ``tie`` (not sure) or ``both_bad``, where that was offered.
        kind: ``main``; ``repeat`` of a pair the rater saw before, sides swapped; or ``golden``,
            a pair whose answer is known.
        expected: The known answer of a golden pair.
        seconds: Time from the pair's appearance to the answer.
        at: When it was stored, seconds since 1970, UTC.
        schedule_seed: Seed of the schedule.
        undone: Whether the rater took it back; it is kept and does not count.
        version: Version of this record.
    """

    id: str
    rater: str
    assignment: str
    left: str
    right: str
    left_arm: str
    right_arm: str
    answer: Answer
    kind: Kind = "main"
    expected: Answer | None = None
    seconds: float | None = None
    at: float = 0.0
    schedule_seed: int = 0
    undone: bool = False
    version: int = VERSION

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("answer", self.answer, ANSWERS),
            ("kind", self.kind, KINDS),
            ("expected", self.expected, (None, *ANSWERS)),
        ):
            if value not in allowed:
                listed = ", ".join(str(choice) for choice in allowed if choice is not None)
                raise DataError(
                    f"{name} of vote {self.id!r} must be one of {listed}, got {value!r}"
                    f"{nearest(str(value), [str(a) for a in allowed])}."
                )

    @property
    def winner(self) -> str | None:
        """The preferred arm; None for ``tie`` and ``both_bad``."""
        return {"left": self.left_arm, "right": self.right_arm}.get(self.answer)


def effective(votes: Iterable[Vote]) -> list[Vote]:
    """Return the votes that count, in the order of their storage.

    Of several votes on one assignment the last one counts that was not taken back.
    """
    last: dict[tuple[str, str], Vote] = {}
    for vote in sorted(votes, key=lambda one: one.at):
        if not vote.undone:
            last.pop((vote.rater, vote.assignment), None)
            last[vote.rater, vote.assignment] = vote
    return list(last.values())


def write_votes(votes: Sequence[Vote], path: Path) -> None:
    """Write all votes, taken back ones too, to a ``.csv`` or ``.jsonl`` file.

    Raises:
        DataError: The file's ending is another one.
        RunError: The disk is full, or the folder cannot be written.
    """
    path = Path(path)
    rows = [dataclasses.asdict(vote) for vote in votes]
    match path.suffix.lower():
        case ".jsonl":
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        case ".csv":
            buffer = io.StringIO()
            writer = csv.DictWriter(buffer, [field.name for field in fields(Vote)])
            writer.writeheader()
            writer.writerows(rows)
            text = buffer.getvalue()
        case other:
            raise DataError(f"votes are written to .csv or .jsonl files, got {other or path!r}.")
    write_bytes(path, text.encode())


def read_votes(path: Path, *, columns: dict[str, str] | None = None) -> list[Vote]:
    """Read votes from a ``.csv`` or ``.jsonl`` file, ours or another tool's.

    Args:
        path: The file.
        columns: For another tool's file: which of its columns is meant by each of our names,
            ``{"left_arm": "model_a", "right_arm": "model_b", "answer": "winner"}``. Needed are
            ``left_arm``, ``right_arm`` and ``answer``; ``rater`` is one person where it is
            missing, images get names of their own where they are missing.

    Raises:
        DataError: The file cannot be read, or a row is not a vote; the message names the row.
    """
    path = Path(path)
    rows = _rows(path)
    if rows and columns is None and "answer" not in rows[0]:
        raise DataError(
            f"{path.name} has no column 'answer' (it has: {', '.join(map(str, rows[0]))}); say "
            "which of its columns holds what, such as: left_arm=model_a right_arm=model_b "
            "answer=winner"
        )
    return [_vote(row, number, path, columns or {}) for number, row in enumerate(rows, 1)]


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise DataError(f"{path} cannot be read as votes ({fault}).") from None
    if path.suffix.lower() == ".csv":
        return list(csv.DictReader(io.StringIO(text)))
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as fault:
            raise DataError(f"line {number} of {path.name} is not JSON ({fault}).") from None
        if not isinstance(row, dict):
            raise DataError(f"line {number} of {path.name} is not a JSON object.")
        rows.append(row)
    return rows


# What other tools call the four answers; `left` and `right` may also be named by the arm itself.
SYNONYMS: dict[str, Answer] = {
    "left": "left", "a": "left", "1": "left", "model_a": "left", "first": "left",
    "left_vote": "left",
    "right": "right", "b": "right", "2": "right", "model_b": "right", "second": "right",
    "right_vote": "right",
    "tie": "tie", "not sure": "tie", "notsure": "tie", "equal": "tie", "same": "tie", "0": "tie",
    "draw": "tie", "tie_vote": "tie", "both_bad": "both_bad", "both bad": "both_bad",
    "bothbad": "both_bad", "tie (bothbad)": "both_bad", "bothbad_vote": "both_bad",
}  # fmt: skip


def _vote(row: dict[str, Any], number: int, path: Path, columns: dict[str, str]) -> Vote:
    def given(name: str) -> Any:
        value = row.get(columns.get(name, name))
        return None if value in ("", None) else value

    left_arm, right_arm, answer = given("left_arm"), given("right_arm"), given("answer")
    for name, value in (("left_arm", left_arm), ("right_arm", right_arm), ("answer", answer)):
        if value is None:
            raise DataError(
                f"row {number} of {path.name} has nothing in column "
                f"{columns.get(name, name)!r}, which holds {name}."
            )
    rater = str(given("rater") or "rater")
    identity = str(given("id") or f"{path.stem}-{number}")
    try:
        return Vote(
            id=identity,
            rater=rater,
            assignment=str(given("assignment") or identity),
            left=str(given("left") or f"{identity}-left"),
            right=str(given("right") or f"{identity}-right"),
            left_arm=str(left_arm),
            right_arm=str(right_arm),
            answer=_answer(str(answer), str(left_arm), str(right_arm)),
            kind=str(given("kind") or "main"),  # type: ignore[arg-type] - checked by Vote
            expected=given("expected"),
            seconds=None if given("seconds") is None else float(given("seconds")),
            at=float(number if given("at") is None else given("at")),
            schedule_seed=int(given("schedule_seed") or 0),
            undone=str(given("undone")).lower() in ("true", "1"),
            version=int(given("version") or VERSION),
        )
    except ValueError as fault:
        raise DataError(f"row {number} of {path.name} is not a vote: {fault}") from None


def _answer(text: str, left_arm: str, right_arm: str) -> Answer:
    if text in (left_arm, right_arm) and left_arm != right_arm:
        return "left" if text == left_arm else "right"
    known = SYNONYMS.get(text.strip().lower())
    if known is None:
        raise DataError(
            f"the answer must be left, right, tie, both_bad or one of the two arms, got {text!r}."
        )
    return known


def votes_of_rankings(
    rankings: Iterable[Sequence[Sequence[str]]], *, raters: Sequence[str] | None = None
) -> list[Vote]:
    """Turn rankings of several arms into the votes on their pairs.

    Args:
        rankings: Each from best to worst; arms that share a place stand in one inner list:
            ``[["typicality"], ["random", "coreset"]]``.
        raters: Who gave each; by default each is another person's. Pairs of one ranking are not
            independent, which intervals clustered by rater take into account.
    """
    votes = []
    for number, ranking in enumerate(rankings):
        rater = raters[number] if raters is not None else f"ranking-{number + 1}"
        places = [(place, arm) for place, group in enumerate(ranking) for arm in group]
        for first in range(len(places)):
            for second in range(first + 1, len(places)):
                (place_a, arm_a), (place_b, arm_b) = places[first], places[second]
                identity = f"{rater}-{number}-{arm_a}-{arm_b}"
                answer: Answer = "tie" if place_a == place_b else "left"
                votes.append(
                    Vote(identity, rater, identity, arm_a, arm_b, arm_a, arm_b, answer, at=number)
                )
    return votes
