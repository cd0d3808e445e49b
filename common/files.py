"""Writing files so that a reader sees the old content or the new, and notices damage.

A file is written under a temporary name, then renamed; see `temporary`. A JSON file ends with a
checksum of what stands before it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .disk_faults import is_full, unwritten
from .errors import DiskFull, RunError, Unwritten, first_line
from .temporary import former_of, put_back, put_back_at, remove, set_aside, temporary

ROOM = 1 << 20  # bytes without which a disk is full
SEAL = re.compile(rb',\n "checksum": "([0-9a-f]{32})"\n}\n\Z')


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
    it. Whatever ends this, either of them is in that place, or the former one is beside it and
    put back by the next call or `sweep`. Where ``path`` is a link, the folder that it leads to is
    replaced.

    Raises:
        RunError: The disk is full, or the folder cannot be made or moved.
    """
    path = Path(path).resolve()
    put_back_at(path)
    part = temporary(path)
    try:
        part.mkdir(parents=True)
        yield part
        if path.exists():
            set_aside(path, part)
        part.rename(path)
        sync_folder(path.parent)
    except BaseException as fault:
        former = former_of(part)
        if not put_back(former):
            kind = DiskFull if is_full(fault) else Unwritten
            raise kind(
                f"could not write {path}: {first_line(fault)}. What was there before is kept in "
                f"{former / path.name}; it is put back when the same command is run again.",
                path,
            ) from fault
        remove(part)
        raise_in_words(path, fault, part)
        raise
    put_back(former_of(part))


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
