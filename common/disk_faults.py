"""What the disk refuses, in sentences: it is full, or the folder is not this user's to write to."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from .errors import CuradiffError, DiskFull, EnvironmentFault, RunError, Unwritten

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OF_THE_SYSTEM = (
    *FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EIO, errno.ESTALE,
    errno.EMFILE, errno.ENFILE, errno.EBUSY, errno.EXDEV,
)  # fmt: skip
"""Refusals that a user can mend, and that are no defect of Curadiff's."""
UNNAMED = (*FULL, errno.EIO, errno.ESTALE, errno.EROFS)
"""Refusals of a write to a file that is open, which name no file."""
_ADVICE = {
    **dict.fromkeys(FULL, "free some space there"),
    **dict.fromkeys((errno.EIO, errno.ESTALE), "check that disk"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "make that folder writable"),
    **dict.fromkeys(
        (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY),
        "another file or folder has that place; move it away",
    ),
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ENOENT: "make that folder",
}
_IN_RUST = re.compile(r"\(os error (\d+)\)")  # as safetensors says it
_SHORT = re.compile(r"\d+ requested and \d+ written")  # as NumPy says that a file got no room


def unwritten(path: Path, fault: BaseException, *, within: Path) -> Unwritten | None:
    """Return the sentence for a file or folder that could not be written.

    Args:
        path: What was to be written.
        fault: What was raised meanwhile.
        within: The temporary file or folder that was written to.

    Returns:
        None where the fault is of something else, such as a file that was read meanwhile, or
        one that was written elsewhere.
    """
    number = number_of(fault)
    named = fault.path if isinstance(fault, Unwritten) else _named(_cause(fault))
    if number is None or not (number in UNNAMED if named is None else _is_of(named, path, within)):
        return None
    advice = _ADVICE.get(number, "check that folder")
    kind = DiskFull if number in FULL else Unwritten
    return kind(
        f"could not write {path}: {os.strerror(number)}. What was there before is kept; {advice} "
        "or choose another folder, then run the same command again.",
        path,
    )


def in_words(fault: OSError) -> CuradiffError | None:
    """Return the sentence for what the system refuses, None for any other error."""
    if fault.errno not in OF_THE_SYSTEM:
        return None
    path = _named(fault)
    what = "a file could not be used" if path is None else f"{path} cannot be used"
    advice = "free some space" if fault.errno in FULL else "mend that"
    return EnvironmentFault(
        f"{what}: {os.strerror(fault.errno)}. What was finished is kept; {advice}, then run the "
        "same command again."
    )


def number_of(fault: BaseException) -> int | None:
    """Return the system's number of an error, of whatever library; None where it has none."""
    fault = _cause(fault)
    if isinstance(fault, OSError) and fault.errno is not None:
        return fault.errno
    if isinstance(fault, OSError) and _SHORT.search(str(fault)):
        return errno.ENOSPC
    said = _IN_RUST.search(str(fault))
    return int(said[1]) if said else None


def is_full(fault: BaseException | None) -> bool:
    """Tell whether a disk without room is what was raised, or why that was raised."""
    while fault is not None:
        if isinstance(fault, DiskFull) or number_of(fault) in FULL:
            return True
        fault = fault.__cause__
    return False


def _cause(fault: BaseException) -> BaseException:
    """Return what a sentence was made of, such as that of a file in a folder."""
    return fault.__cause__ if isinstance(fault, RunError) and fault.__cause__ else fault


def _named(fault: BaseException) -> Path | None:
    """Return the file that an error names, of two the one that got no room; a handle is no name."""
    full = getattr(fault, "errno", None) in FULL
    names = [getattr(fault, name, None) for name in ("filename", "filename2")]
    name = names[1] if full and names[1] is not None else names[0]
    return Path(os.fsdecode(name)) if isinstance(name, str | bytes | os.PathLike) else None


def _is_of(file: Path, path: Path, within: Path) -> bool:
    """Tell whether a file is what was to be written, a part of it, or a folder that holds it."""
    return file.is_relative_to(within) or file == path or file in path.parents
