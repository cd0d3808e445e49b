"""Writing files so that a reader sees the old content or the new, and notices damage.

A file is written under a temporary name that says which process writes it, then renamed. What
a killed process left under such a name is deleted by `sweep`. A JSON file ends with a checksum
of what stands before it.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import process
from .disk_faults import unwritten
from .errors import RunError

TEMPORARY = ".tmp-"
UNSEEN = 24 * 3600.0  # seconds until what a process elsewhere has left is taken for abandoned
ROOM = 1 << 20  # bytes without which a disk is full
SEAL = re.compile(rb',\n "checksum": "([0-9a-f]{32})"\n}\n\Z')

OWN = re.compile(rf"{re.escape(TEMPORARY)}[0-9a-f]{{12}}\.\d+\.\w*\.\d+-")
"""How the names begin that `temporary` gives; others with that prefix are of somebody else."""

_numbers = itertools.count()


def temporary(path: Path) -> Path:
    """Return a name beside a path to write it under; no other process or thread uses it."""
    token = f"{process.me().token}.{next(_numbers)}"
    return path.with_name(f"{TEMPORARY}{token}-{path.name[-100:]}")


def is_temporary(name: str) -> bool:
    """Tell whether `temporary` gave a name, to this process or to another."""
    return OWN.match(name) is not None


def sweep(folder: Path, *, depth: int = 0) -> None:
    """Delete what processes that have ended left half-written in a folder.

    Args:
        folder: Where to look; nothing happens when it is missing or not writable.
        depth: Look into folders inside it too, so many levels down.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if is_temporary(entry.name):
                if _abandoned(Path(entry.path)):
                    remove(Path(entry.path))
            elif depth and entry.is_dir(follow_symlinks=False):
                sweep(Path(entry.path), depth=depth - 1)


def remove(path: Path) -> None:
    """Delete a file, a link or a folder, if it can be.

    A folder is renamed first: whoever looks sees all of it or nothing, also after a kill.
    """
    if path.is_dir() and not path.is_symlink():
        hidden = path
        if not path.name.startswith(TEMPORARY):
            hidden = temporary(path)
            try:
                path.rename(hidden)
            except OSError:
                hidden = path
        shutil.rmtree(hidden, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _abandoned(path: Path) -> bool:
    token = path.name.removeprefix(TEMPORARY).partition("-")[0].rpartition(".")[0]
    ended = process.gone(token)
    if ended is None:
        with suppress(OSError):
            ended = time.time() - path.lstat().st_mtime > UNSEEN
    return bool(ended)


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary name to write a file under; leaving the block puts it in its place.

    When the block or the renaming fails, what was there before stays, and what was written is
    deleted.

    Args:
        path: The file.
        durable: Make the content and the renaming survive a power cut; it waits for the disk.

    Raises:
        RunError: The disk is full, or the folder cannot be written.
    """
    path = Path(path)
    part = temporary(path)
    try:
        yield part
        if durable:
            with part.open("rb") as file:
                os.fsync(file.fileno())
        part.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException as fault:
        remove(part)
        raise_in_words(path, fault, part)
        raise


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder of a temporary name; leaving the block puts it in the place of ``path``.

    The former folder is moved aside at once and deleted afterwards, so there is never a part of
    it. Where ``path`` is a link, the folder that it leads to is replaced.

    Raises:
        RunError: The disk is full, or the folder cannot be made or moved.
    """
    path = Path(path).resolve()
    part, aside = temporary(path), temporary(path)
    try:
        part.mkdir(parents=True)
        yield part
        if path.exists():
            _move_aside(path, aside)
        try:
            part.rename(path)
        except BaseException:
            with suppress(OSError):
                aside.rename(path)
            raise
        sync_folder(path.parent)
    except BaseException as fault:
        remove(part)
        raise_in_words(path, fault, part)
        raise
    remove(aside)


def _move_aside(path: Path, aside: Path) -> None:
    """Rename a folder, or delete it where only its files can be: in a layer of an image below."""
    try:
        path.rename(aside)
    except OSError as fault:
        if fault.errno != errno.EXDEV:  # such as a mounted folder, which nothing could replace
            raise
        shutil.rmtree(path)


def raise_in_words(path: Path, fault: BaseException, part: Path) -> None:
    """Raise the sentence for what kept a path from being written; nothing for other faults."""
    sentence = unwritten(path, fault, within=part)
    if sentence is not None:
        raise sentence from fault


def ensure_folder(folder: Path) -> None:
    """Make a folder that the user named, with those above it, unless it is there.

    Raises:
        RunError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise RunError(
            f"could not make {folder}: {fault.strerror}; give a folder that you can write to."
        ) from fault


def check_room(folder: Path) -> None:
    """Make sure that a small file finds room in a folder, by writing and deleting one.

    Raises:
        RunError: It does not, or nothing can be written there.
    """
    probe = temporary(folder / "room")
    try:
        with probe.open("wb") as file:
            file.write(bytes(ROOM))
            os.fsync(file.fileno())
    except OSError as fault:
        raise_in_words(folder, fault, probe)
    finally:
        remove(probe)


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the disk cannot; ``target`` must not exist.

    Raises:
        OSError: Neither works.
    """
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file atomically and durably: temporary file, fsync, rename, fsync the folder.

    Raises:
        RunError: The disk is full or the folder is not writable; the old file is kept.
    """
    with replacing(path, durable=True) as part:
        part.write_bytes(content)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any, *, checksum: bool = True) -> None:
    """Replace a JSON file atomically; NaN and infinity are refused, they are not JSON.

    Args:
        path: The file.
        value: JSON values. An object gets an entry ``checksum`` at its end, which `read_json`
            verifies and leaves out.
        checksum: False for a file that another program reads.
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    content = text.encode("utf-8", "surrogateescape") + b"\n"
    if checksum and isinstance(value, dict) and value:
        end = f',\n "checksum": "{_checksum(content)}"\n}}\n'
        content = content.removesuffix(b"\n}\n") + end.encode()
    write_bytes(Path(path), content)


def read_json(path: Path) -> Any:
    """Read a JSON file, and verify its checksum where it has one.

    Raises:
        RunError: The file is missing, is not JSON, or is not as it was written.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        value = json.loads(content.decode("utf-8", "surrogateescape"))
    except FileNotFoundError:
        raise RunError(f"{path} does not exist; is {path.parent} a Curadiff run?") from None
    except OSError as fault:
        raise RunError(f"{path} cannot be read: {fault.strerror}.") from fault
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise RunError(
            f"{path} is not readable as JSON ({fault}); restore it or start a new run."
        ) from None
    if not isinstance(value, dict) or not any(map(_is_checksum, value)):
        return value
    seal = SEAL.search(content)
    if seal is None or _checksum(content[: seal.start()] + b"\n}\n") != seal[1].decode():
        raise RunError(
            f"{path} is damaged or was edited: its checksum is another. Restore it; or, to use "
            'it as it is, delete its entry "checksum".'
        )
    del value["checksum"]
    return value


def checksum_of(path: Path) -> str:
    """Return the checksum of a file's content.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, _hash).hexdigest()


def _is_checksum(key: str) -> bool:
    """Recognize the entry, also with a damaged letter in its name."""
    name = "checksum"
    return len(key) == len(name) and sum(a != b for a, b in zip(key, name, strict=True)) < 2


def _hash() -> Any:
    return hashlib.blake2b(digest_size=16)


def _checksum(content: bytes) -> str:
    digest = _hash()
    digest.update(content)
    return digest.hexdigest()
