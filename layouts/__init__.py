"""From a folder on disk to records: which images, and what is known about each.

A layout is a module with ``recognizes(root)`` and ``read(root)``. Adding one is
one file and one line in `LAYOUTS`. Images are found here, not opened.
"""

from __future__ import annotations

from pathlib import Path

from ..common.errors import DataError, nearest
from . import dresscode, folder, shards, vitonhd
from .records import Record, Records

__all__ = ["LAYOUTS", "Record", "Records", "plain_layout", "read"]

# Asked in this order by "auto"; `folder` takes whatever is left.
LAYOUTS = {"vitonhd": vitonhd, "dresscode": dresscode, "shards": shards, "folder": folder}


def read(root: str | Path, layout: str = "auto", *, companions: bool = True) -> Records:
    """List the images under a folder with labels, splits and companion files.

    Args:
        root: The folder.
        layout: ``folder``, ``vitonhd``, ``dresscode``, ``shards``, or ``auto``, which recognizes
            the try-on data sets by their sub-folders, Parquet shards by their columns, and
            reads everything else as ``folder``.
        companions: Whether ``folder`` tells masks, depth maps and the like beside the
            photographs from photographs.

    Returns:
        A list of `Record`, in a fixed order. It also says which layout was read
        and, in ``notes``, what was left out or missing.

    Raises:
        DataError: The folder is missing, empty or not of that layout, or one of
            its tables is malformed.
    """
    root = Path(root).expanduser().absolute()
    if layout not in ("auto", *LAYOUTS):
        known = ["auto", *LAYOUTS]
        raise DataError(
            f"layout must be one of {', '.join(known)}, got {layout!r}{nearest(layout, known)}."
        )
    if not root.exists():
        raise DataError(f"{root} does not exist; give the folder that holds the images.")
    if not root.is_dir():
        raise DataError(f"{root} is a file; give the folder that holds the images.")
    if layout == "auto":
        layout = next(name for name, module in LAYOUTS.items() if module.recognizes(root))
    if layout == "folder":
        return folder.read(root, companions=companions)
    return LAYOUTS[layout].read(root)


def plain_layout(root: Path) -> str:
    """Return how the images of a folder are listed where only files matter."""
    return "shards" if shards.recognizes(root) else "folder"
