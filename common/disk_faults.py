"""What the disk refuses, in sentences: it is full, or the folder is not this user's to write to."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from .errors import CuradiffError, EnvironmentFault, RunError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OF_THE_SYSTEM = (
    *FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EIO, errno.ESTALE,
    errno.EMFILE, errno.ENFILE,
)  # fmt: skip
"""Refusals that a user can mend, and that are no defect of Curadiff's."""
UNNAMED = (*FULL, errno.EIO, errno.ESTALE, errno.EROFS)
"""Refusals of a write to a file that is open, which name no file."""
_ADVICE = {
    **dict.fromkeys(FULL, "free some space there"),
    **dict.fromkeys((errno.EIO, errno.ESTALE), "check that disk"),
    errno.ENOENT: "make that folder",
}
_IN_RUST = re.compile(r"\(os error (\d+)\)")  # as safetensors says it
_SHORT = re.compile(r"\d+ requested and \d+ written")  # as NumPy says that a file got no room


def unwritten(path: Path, fault: BaseException, *, within: Path) -> RunError | None:
    """Return the sentence for a file or folder that could not be written.

    Args:
        path: What was to be written.
        fault: What was raised meanwhile.
        within: The temporary file or folder that was written to.

    Returns:
        None where the fault is of something else, such as a file that was read meanwhile.
    """
    fault = _cause(fault)
    number = number_of(fault)
    named = getattr(fault, "filename", None)
    ours = named is not None and _inside(Path(os.fsdecode(named)), within, path.parent)
    if number is None or not (number in FULL or ours or (named is None and number in UNNAMED)):
        return None
    advice = _ADVICE.get(number, "make that folder writable")
    return RunError(
        f"could not write {path}: {os.strerror(number)}. What was there before is kept; {advice} "
        "or choose another folder, then run the same command again."
    )


def in_words(fault: OSError) -> CuradiffError | None:
    """Return the sentence for what the system refuses, None for any other error."""
    if fault.errno not in OF_THE_SYSTEM:
        return None
    name = fault.filename2 if fault.errno in FULL and fault.filename2 else fault.filename
    what = "a file could not be used" if name is None else f"{os.fsdecode(name)} cannot be used"
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


def _cause(fault: BaseException) -> BaseException:
    """Return what a sentence was made of, such as that of a file in a folder."""
    return fault.__cause__ if isinstance(fault, RunError) and fault.__cause__ else fault


def _inside(path: Path, within: Path, parent: Path) -> bool:
    return path.is_relative_to(within) or path == parent or path in parent.parents
