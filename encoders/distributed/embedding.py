"""Start the processes that embed, and collect what they have computed.

The work lies in a folder under ``<home>/cache/embedding`` until it is done. Whoever asks for the
same again finds it: parts that are there are collected, processes that still work are waited
for, and others are started for the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import runs
from ...common.errors import RunError
from ...common.files import read_json, replacing_folder
from ...common.process import Process
from ...common.temporary import remove
from ...config import launch_flags, launch_words
from ...runs import ACTIVE, Busy, Lease, Run, caches, launch
from ...runs.failure import failure
from ...runs.run import PROCESS
from ..cache_file import signature
from ..encoder import Embedded, Encoder, open_lookup
from . import units
from .planning import plan

MODULE = "curadiff.encoders.distributed.worker"
KIND = "embedding"  # of cache, see `runs.caches`
WAIT = 24 * 3600.0  # seconds for another process that does the same work
POLL = 0.2  # seconds between two looks at what is done
CHUNK = 1024  # images of one call where no number is given


@dataclass(frozen=True)
class Ranks:
    """Which processes, and what they need to load the encoder again.

    Attributes:
        processes: How many on this machine.
        accelerate: Flags of ``accelerate launch``; where there are some, ``processes`` is not used.
        weights: As given to `encoders.load`.
        device: As given to `encoders.load`; of several GPUs each process takes its own.
    """

    processes: int = 1
    accelerate: str = ""
    weights: str | None = None
    device: str = "auto"

    @property
    def several(self) -> bool:
        """Whether processes are to be started at all."""
        return self.processes > 1 or bool(self.accelerate)

    @property
    def count(self) -> int:
        """How many, over all machines, as far as it is said here."""
        asked = launch_flags(self.accelerate).get("num_processes") if self.accelerate else None
        return int(asked) if asked else self.processes


def embed_over_processes(
    encoder: Encoder,
    paths: Sequence[str],
    ranks: Ranks,
    *,
    batch_size: int,
    cache: bool = True,
    chunk: int | None = None,
    mirrored: bool = False,
    purpose: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Generator[tuple[list[int], Embedded]]:
    """Embed image files with several processes; the values are those of one, to the bit.

    That holds for the same kind of device and as many threads in each process: every batch is
    one that `Encoder.embed` would make. A process that dies loses at most one unit of images;
    the others' and its own parts stay, and the rest is started again as long as that helps.

    Args:
        encoder: Loaded with ``ranks.weights``, at its size and mirrored as wanted.
        paths: Image files, each once.
        ranks: The processes.
        batch_size: Images per forward pass.
        cache: Look features up by the images' content, and remember new ones.
        chunk: Images of one call of `Encoder.embed` that this takes the place of; all by default.
        mirrored: Whether the encoder is a mirrored one.
        purpose: What the work is known by when it is asked for again; by default the files. Give
            it where those that are asked for become fewer.
        progress: Called with (done, total).
        tell: Called with a sentence on what to start on other machines.

    Yields:
        Rows of ``paths`` with their features, as they come; each row once.

    Raises:
        RunError: The processes fail.
    """
    paths = [str(path) for path in paths]
    settings = {
        "encoder": _portable(encoder.name),
        "weights": None if ranks.weights is None else str(Path(ranks.weights).absolute()),
        "device": ranks.device,
        "dtype": encoder.dtype,
        "size": None if encoder.size is None else list(encoder.size),
        "mirrored": mirrored,
        "batch_size": batch_size,
        "key": encoder.key,
    }
    known = json.dumps([settings, purpose or "\n".join(paths)], sort_keys=True)
    name = f"embed-{hashlib.sha256(known.encode()).hexdigest()[:16]}"
    parent = caches.folder(KIND)
    runs.make_folder(parent)
    options = {"batch_size": batch_size, "cache": cache, "chunk": chunk}
    with Lease(parent, name=f".{name}.lease", wait=WAIT):  # whoever asks for the same waits
        run = _folder(parent / name, settings)
        yield from _embed_in(run, encoder, paths, ranks, progress=progress, tell=tell, **options)


def _embed_in(
    run: Run,
    encoder: Encoder,
    paths: list[str],
    ranks: Ranks,
    *,
    batch_size: int,
    cache: bool,
    chunk: int | None,
    progress: Callable[[int, int], None] | None,
    tell: Callable[[str], None] | None,
) -> Generator[tuple[list[int], Embedded]]:
    left = set(range(len(paths)))

    def taken(rows: list[int]) -> list[int]:
        left.difference_update(rows)
        if progress is not None:
            progress(len(paths) - len(left), len(paths))
        return rows

    if not (run.path / units.UNITS).exists():
        with replacing_folder(run.path / units.UNITS) as unfinished:
            planned = plan(
                unfinished,
                encoder,
                paths,
                batch_size=batch_size,
                chunk=chunk,
                processes=ranks.count,
                cache=cache,
            )
            for rows, embedded in planned:
                yield taken(rows), embedded
    row_of = {path: row for row, path in enumerate(paths)}
    for name in _finished(run, ranks, tell):
        for rows, embedded in _collected(run, name, encoder, row_of, left, cache):
            yield taken(rows), embedded
        units.forget(run.path, name)
    remove(run.path)
    rest = sorted(left)  # files that changed meanwhile, copies of unreadable ones
    size = chunk or CHUNK
    for start in range(0, len(rest), size):
        rows = rest[start : start + size]
        embedded = encoder.embed([paths[row] for row in rows], batch_size=batch_size, cache=cache)
        yield taken(rows), embedded


def _folder(path: Path, settings: dict[str, Any]) -> Run:
    """Return the folder of the work, which may have begun earlier."""
    if not Run(path).exists:
        remove(path)
        runs.create("embed", settings, name=path.name, folder=path.parent)
        caches.trim(KIND, keep=path)
    return Run(path)


def _portable(name: str) -> str:
    """Return an encoder's name with the whole path of its file: processes begin elsewhere."""
    place, colon, function = name.removeprefix("python:").rpartition(":")
    if name.startswith("python:") and Path(place).is_file():
        return f"python:{Path(place).absolute()}{colon}{function}"
    return name


def _collected(
    run: Run,
    name: str,
    encoder: Encoder,
    row_of: dict[str, int],
    left: set[int],
    cache: bool,
) -> Iterator[tuple[list[int], Embedded]]:
    """Yield the features of a unit for those of its files that are wanted and have not changed."""
    images = units.read(run.path, name)
    part = units.read_part(run.path, name, encoder.key)
    files = [image.path for image in images]
    lookup = open_lookup(encoder, files) if cache else None
    rows: list[int] = []
    places: list[int] = []
    faults: dict[str, str] = {}
    notes: dict[str, str] = {}
    try:
        for place, image in enumerate(images):
            if signature(image.path) != image.state:
                continue
            note = part.notes.get(image.path)
            if lookup is not None and part.ok[place]:
                lookup.keep(image.path, place, part.features[place], note)
            copies = image.copies if part.ok[place] else []
            for path, state in [(image.path, image.state), *copies]:
                row = row_of.get(path)
                if row is None or row not in left or signature(path) != state:
                    continue
                rows.append(row)
                places.append(place)
                if note:
                    notes[path] = note.replace(image.path, path)
                if not part.ok[place]:
                    faults[path] = part.faults[path]
    finally:
        if lookup is not None:
            lookup.close()
    if rows:
        at = np.array(places)
        yield rows, Embedded(part.features[at], part.ok[at], faults, encoder.key, notes)


def _finished(run: Run, ranks: Ranks, tell: Callable[[str], None] | None) -> Iterator[str]:
    """Yield the names of units whose parts are there, starting processes where none works."""
    waiting = set(units.names(run.path))
    started: int | None = None  # parts that there were when processes were last started
    came = 0
    child: launch.Child | None = None
    try:
        while waiting:
            ended = not _working(run, child)  # before the look, so that nothing is missed
            ready = sorted(waiting & set(units.names(run.path, units.PARTS)))
            for name in ready:
                yield name
                waiting.discard(name)
            came += len(ready)
            if not waiting:
                break
            if ended:
                if started == came:
                    raise failure(run, _why_failed(run))
                started = came
                child = _start(run, ranks, tell) or child
            time.sleep(POLL)
        _wait(run, child)
    finally:
        _end(run)


def _working(run: Run, child: launch.Child | None) -> bool:
    if child is not None and child.poll() is None:
        return True
    return run.status["state"] in ACTIVE


def _start(run: Run, ranks: Ranks, tell: Callable[[str], None] | None) -> launch.Child | None:
    flags = launch_words(ranks.accelerate)
    command = launch.launcher(MODULE, str(run.path), processes=ranks.processes, flags=flags)
    if tell is not None and int(launch_flags(ranks.accelerate).get("num_machines") or 1) > 1:
        tell(
            "Start on each of the other machines, with its own --machine_rank: accelerate launch "
            f"{ranks.accelerate} -m {MODULE} {run.path}"
        )
    threads = max(1, (os.cpu_count() or 1) // ranks.count)
    env = {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": str(threads)}
    try:
        return launch.start(run, command, env=env)
    except Busy:  # another one has just started them
        return None


def _wait(run: Run, child: launch.Child | None, patience: float = 30.0) -> None:
    """Let processes that have nothing more to do end by themselves."""
    until = time.monotonic() + patience
    while _working(run, child) and time.monotonic() < until:
        time.sleep(POLL)


def _end(run: Run) -> None:
    """Ask the processes to end that still work, also those that an earlier call started."""
    with suppress(RunError, AttributeError):
        process = Process.from_json(read_json(run.path / PROCESS).get("child"))
        if process is not None and process.alive():
            run.set_status("stopping")
            process.signal()


def _why_failed(run: Run) -> str:
    log = run.path / "output.log"
    error = run.status.get("error")
    last = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
    why = error or " ".join(line.strip() for line in last) or "they wrote nothing"
    return f"the processes that embed have ended without their work: {why} See {log}."
