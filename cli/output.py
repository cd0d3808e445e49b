"""What a command answers: sentences for a person, or JSON for a program."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a command found.

    Attributes:
        value: The result, as `as_json` writes it with ``--json``.
        text: The same in words; by default the result as it prints itself.
        next: What is usually typed next, one command a line.
        status: The exit status.
    """

    value: Any
    text: str | None = None
    next: tuple[str, ...] = ()
    status: int = 0

    def __str__(self) -> str:
        text = str(self.value) if self.text is None else self.text
        return "\n".join([text, *(f"Next: {command}" for command in self.next)])


def show(answer: Answer, *, as_json: bool) -> None:
    """Print an answer to stdout; as JSON it is one value and nothing else."""
    if as_json:
        json.dump(plain(answer.value), sys.stdout, indent=1, allow_nan=False)
        print()
    else:
        print(answer)


def plain(value: Any) -> Any:
    """Return a result as JSON knows it.

    A result that says itself how (``to_json``) is asked; of others all fields are written.
    Data sets are called by their names, runs by id and folder; numbers that are not finite
    become null.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # an array, or one number of NumPy's
        return plain(value.tolist())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if hasattr(value, "to_json"):
        return plain(value.to_json())
    if hasattr(value, "status") and hasattr(value, "record"):
        return run_as_json(value)
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {one.name: plain(getattr(value, one.name)) for one in fields}
    if hasattr(value, "persistent"):  # a FiftyOne data set
        return value.name
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON.")


def run_as_json(run: Any) -> dict[str, Any]:
    """Return what is known of a run: id, kind, folder, verb, data set, status."""
    record = run.record
    return {
        "run": run.id,
        "kind": run.kind,
        "verb": record.get("verb"),
        "dataset": record.get("dataset"),
        "created": record.get("created"),
        "path": str(run.path),
        "status": plain(run.status),
    }


def _key(key: Any) -> str:
    """Return a key as text; a pair of arms is written ``a/b``."""
    return "/".join(map(str, key)) if isinstance(key, tuple) else str(key)
