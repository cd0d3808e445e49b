"""Temporary names beside the files and folders that are written, and what a killed process left.

A name says which process gave it. Before a folder takes the place of another, the former one is
put into a folder of its own, whose name belongs to that of the new one. While both are there,
the new one has not taken its place: whoever finds them after a kill puts the former one back.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

from . import process

TEMPORARY = ".tmp-"
UNSEEN = 24 * 3600.0  # seconds until what a process elsewhere has left is taken for abandoned
TAIL = 100  # bytes of a path's name at the end of its temporary one, which may have 255
OWN = re.compile(rf"({re.escape(TEMPORARY)}[0-9a-f]{{12}}\.\d+\.\w*\.\d+)(k?)-")
"""How the names begin that `temporary` and `former_of` give; others are of somebody else."""

_numbers = itertools.count()
_stuck: set[Path] = set()  # folders of former ones that this process could not put back


def temporary(path: Path) -> Path:
    """Return a name beside a path to write it under; no other process or thread uses it."""
    token = f"{process.me().token}.{next(_numbers)}"
    tail = os.fsencode(path.name)[-TAIL:].decode(errors="ignore")  # no part of a letter
    return path.with_name(f"{TEMPORARY}{token}-{tail}")


def is_temporary(name: str) -> bool:
    """Tell whether `temporary` or `former_of` gave a name, to this process or to another."""
    return OWN.match(name) is not None


def remove(path: Path) -> None:
    """Delete a file, a link or a folder, if it can be.

    A folder is renamed first: whoever looks sees all of it or nothing, also after a kill.
    """
    if path.is_dir() and not path.is_symlink():
        hidden = path
        if not is_temporary(path.name):
            hidden = temporary(path)
            try:
                path.rename(hidden)
            except OSError:
                hidden = path
        shutil.rmtree(hidden, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def sweep(folder: Path, *, depth: int = 0, alone: bool = False) -> None:
    """Put back or delete what processes that have ended left half-done in a folder.

    Args:
        folder: Where to look; nothing happens when it is missing or not writable.
        depth: Look into folders inside it too, so many levels down.
        alone: No other process writes there, wherever it is, as the caller's lease says.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: not _is_former(entry.name)):
            path = Path(entry.path)
            if is_temporary(entry.name):
                if not alone and not _abandoned(path):
                    continue
                if _is_former(entry.name):
                    put_back(path)
                elif not former_of(path).exists():
                    remove(path)
            elif depth and entry.is_dir(follow_symlinks=False):
                sweep(path, depth=depth - 1)


def former_of(part: Path) -> Path:
    """Return the folder for the one whose place the new folder ``part`` takes."""
    return part.with_name(OWN.sub(r"\1k-", part.name, count=1))


def set_aside(path: Path, part: Path) -> None:
    """Move a folder out of its place into `former_of` the one that takes it.

    In a lower layer of a container's image no folder can be moved; it is copied, then deleted.

    Raises:
        OSError: That cannot be done.
    """
    holder = former_of(part)
    holder.mkdir()
    try:
        path.rename(holder / path.name)
    except OSError as fault:
        if fault.errno != errno.EXDEV:  # such as a mounted folder, which nothing could replace
            raise
        _copy(path, holder / path.name)
        shutil.rmtree(path)


def put_back(holder: Path) -> bool:
    """Put the former folder back that `set_aside` moved, or delete it where the new one is there.

    Args:
        holder: The folder that it is in; deleted when nothing is left to do.

    Returns:
        Whether nothing is left to do; otherwise the former folder is still in the holder.
    """
    try:
        if _exists(holder) and _exists(_part_of(holder)):
            for former in _formers(holder):
                _put_in_place(former, holder.with_name(former.name))
    except OSError:
        _stuck.add(holder)
        return False
    remove(holder)
    _stuck.discard(holder)
    return True


def put_back_at(path: Path) -> None:
    """Put a folder back that an earlier replacement, which ended halfway, has left beside it."""
    with suppress(OSError), os.scandir(path.parent) as entries:
        for holder in [Path(entry.path) for entry in entries if _is_former(entry.name)]:
            ours = holder in _stuck or _abandoned(holder)
            if ours and path.name in [former.name for former in _formers(holder)]:
                put_back(holder)


def _is_former(name: str) -> bool:
    match = OWN.match(name)
    return match is not None and match[2] == "k"


def _part_of(holder: Path) -> Path:
    """Return the new folder that was to take the place of the one in a holder."""
    return holder.with_name(OWN.sub(r"\1-", holder.name, count=1))


def _formers(holder: Path) -> list[Path]:
    """Return the whole folders in a holder, at most one; a copy that is not whole is none."""
    return [path for path in holder.iterdir() if not is_temporary(path.name)]


def _put_in_place(former: Path, path: Path) -> None:
    """Move a former folder back, over what is left of it where it was copied and then deleted."""
    there = _files(path)
    whole = None if there is None else _files(former)
    if there is not None and there == whole:
        remove(former)
        return
    if there is not None and whole is not None and there.items() <= whole.items():
        shutil.rmtree(path, ignore_errors=True)
    former.rename(path)


def _exists(path: Path) -> bool:
    """Tell whether there is something of a name.

    Raises:
        OSError: That cannot be seen.
    """
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def _copy(path: Path, target: Path) -> None:
    """Copy a folder, whole or not at all."""
    part = temporary(target)
    try:
        shutil.copytree(path, part, symlinks=True)
    except OSError as fault:
        listed = re.search(r"\[Errno (\d+)\]", str(fault))  # several faults are one of words
        number = fault.errno or (int(listed[1]) if listed else errno.EIO)
        raise OSError(number, os.strerror(number), str(path)) from fault
    part.rename(target)


def _files(folder: Path) -> dict[str, int] | None:
    """Return the sizes of the files in a folder by their paths in it; None where it is none."""
    if folder.is_symlink() or not folder.is_dir():
        return None
    return {
        str(path.relative_to(folder)): path.lstat().st_size
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def _abandoned(path: Path) -> bool:
    token = path.name.removeprefix(TEMPORARY).partition("-")[0].rpartition(".")[0]
    ended = process.gone(token)
    if ended is None:
        with suppress(OSError):
            ended = time.time() - path.lstat().st_mtime > UNSEEN
    return bool(ended)
