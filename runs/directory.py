"""Create run directories.

    <home>/runs/<id>/run.json      kind, settings, version, when and from what it was made
                     status.json   what it is doing now; replaced atomically
                     process.json  which process was started to work in it
                     log.jsonl     one line per logged moment
                     output.log    what its process printed
                     lease         locked while a process works in it

A directory appears under its name when its ``run.json`` is written, or not at all.
``<home>`` is ``$CURADIFF_HOME``, by default ``~/curadiff``.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..common.errors import RunError
from ..common.files import raise_in_words, sync_folder, write_json
from ..common.temporary import remove, sweep, temporary
from .home_folder import home, make_folder
from .provenance import provenance
from .run import Run

LONGEST = 200  # bytes of a run's name; a folder's may have 255


def create(
    kind: str, settings: dict[str, Any], *, name: str | None = None, folder: Path | None = None
) -> Run:
    """Make a run directory.

    Args:
        kind: The verb, such as ``train``.
        settings: In full, JSON values only.
        name: The directory's name; by default kind, date and time.
        folder: Where to put it; by default ``<home>/runs``.

    Raises:
        RunError: The name is taken or is not a plain name, or nothing can be written there.
    """
    with making(kind, settings, name=name, folder=folder) as run:
        pass
    return run


@contextmanager
def making(
    kind: str, settings: dict[str, Any], *, name: str | None = None, folder: Path | None = None
) -> Iterator[Run]:
    """Make a run directory that gets its name when the block has filled it.

    Until then it is hidden, and nothing remains of it after an error or a kill. Afterwards
    the run's ``path`` is its final one.

    Args:
        kind: As for `create`.
        settings: As for `create`.
        name: As for `create`.
        folder: As for `create`.

    Raises:
        RunError: As for `create`.
    """
    folder = Path(folder) if folder else home() / "runs"
    if name is not None:
        check_name(name, folder)
    now = datetime.datetime.now(datetime.UTC)
    stem = name or f"{kind}-{now:%Y%m%d-%H%M%S}"
    hidden = temporary(folder / stem)
    make_folder(folder)
    try:
        hidden.mkdir(mode=0o770)
    except OSError as fault:
        raise RunError(
            f"could not make {folder / stem}: {fault.strerror}; set CURADIFF_HOME to a folder "
            "that you can write to."
        ) from fault
    try:
        sweep(folder)
        created = now.isoformat(timespec="seconds")
        record = {"kind": kind, "id": stem, "uid": uuid.uuid4().hex, "created": created}
        write_json(hidden / "run.json", {**record, "settings": settings, **provenance()})
        run = Run(hidden)
        yield run
        run.path = _publish(run.path, folder.resolve() / stem, unique=name is None)
    except BaseException as fault:
        remove(hidden)
        raise_in_words(folder / stem, fault, hidden)
        raise


def check_name(name: str, folder: Path | None = None) -> None:
    """Refuse a name that no new run can have.

    Raises:
        RunError: It has other characters than letters, digits and ``. _ + -``, is too long, or is
            taken.
    """
    if not re.fullmatch(r"[\w][\w.+-]*", name):
        raise RunError(
            f"a run's name may have letters, digits and . _ + - only, got {name!r}; "
            "choose another name."
        )
    if len(name.encode()) > LONGEST:
        raise RunError(
            f"a run's name may take {LONGEST} bytes, as it names a folder, got "
            f"{len(name.encode())} ({name[:40]}...); choose a shorter one."
        )
    _refuse_taken((folder or home() / "runs") / name)


def _publish(hidden: Path, target: Path, *, unique: bool) -> Path:
    """Rename a directory to ``target`` or, with ``unique``, a numbered name; return the path."""
    for number in range(1, 1000):
        path = target if number == 1 else target.with_name(f"{target.name}-{number}")
        if number > 1:
            write_json(hidden / "run.json", {**Run(hidden).record, "id": path.name})
        try:
            hidden.rename(path)
            sync_folder(path.parent)
        except OSError as fault:
            if not path.exists():
                raise RunError(f"could not make {path}: {fault.strerror}.") from fault
            if not unique:
                _refuse_taken(path)
        else:
            return path
    raise RunError(f"{target.parent} holds too many runs named {target.name}; delete some.")


def _refuse_taken(path: Path) -> None:
    if Run(path).exists:
        raise RunError(
            f"a run named {path.name} exists in {path.parent}; choose another name or resume it."
        )
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(
            f"{path} is there and is no run of Curadiff; move it away, or choose another name."
        )
