"""What a person means by a source: a folder of images, a data set, or one of its views.

A text is read in the same way by every verb, in the shell, in Python and in the App:

    ./photos  photos/  /data/photos        a folder (anything that looks like a path)
    dataset:photos  dataset:photos:VIEW    a data set, or one of its saved views
    photos  photos:VIEW                    whichever of the two is there

Where ``photos`` is both, a folder here and a data set that was imported from another one,
the text is refused: a guess would compare or train on other images than were meant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import layouts
from ..common.errors import DataError, EnvironmentFault, nearest
from ..datasets import identity, reading, resolving


def is_path(text: str) -> bool:
    """Tell whether a text can only be a path: it has a slash, or begins with ``.`` or ``~``."""
    return not text.startswith(resolving.EXPLICIT) and (
        "/" in text or text in (".", "..") or text.startswith("~")
    )


def folder_of(source: Any, *, prefer: str = "folder") -> Path | None:
    """Return the folder that a source names; None when it is a data set, a view or their name.

    Args:
        source: A path, a text, or a FiftyOne data set or view.
        prefer: What a text means that is both a folder here and the data set that was
            imported from it: ``folder`` or ``dataset``.

    Raises:
        DataError: Nothing of that name is there, or it is a folder and another data set.
    """
    if not isinstance(source, str | Path):
        return None
    if isinstance(source, Path) or is_path(source):
        return _folder(source)
    if source.startswith(resolving.EXPLICIT):
        return None
    folder = Path(source)
    if not folder.is_dir():
        _refuse_missing(source)
        return None
    try:
        name = resolving.split_name(source)[0]
    except EnvironmentFault:  # without a database there are no data sets
        name = None
    if name is None:
        return folder.resolve()
    same = name == source and identity.folders_of(identity.load(name)) == [str(folder.resolve())]
    if not same:
        raise DataError(
            f"{source!r} is a data set and also a folder here, with other images; write "
            f"{resolving.EXPLICIT}{source} or ./{source}."
        )
    return folder.resolve() if prefer == "folder" else None


def find(source: Any) -> Any:
    """Return the folder, as a path, or the FiftyOne view that a source names; see `images_of`."""
    folder = folder_of(source, prefer="dataset")
    return reading.resolve(source)[1] if folder is None else folder


def images_of(source: Any) -> tuple[reading.Samples, Any]:
    """Return the images of a source, and its data set; None for a folder.

    Raises:
        DataError: The source is missing, ambiguous or empty, or does not hold images.
    """
    resolved = find(source)
    if isinstance(resolved, Path):
        return images_in(resolved)[0], None
    dataset, view = reading.resolve(resolved)
    return reading.read_paths(view), dataset


def images_in(folder: Path) -> tuple[reading.Samples, dict[str, str]]:
    """Return the images of a folder, and why files that are meant to be images are none, by path.

    Raises:
        DataError: There is no image in it.
    """
    records = layouts.read(folder, layouts.plain_layout(folder))
    ids = [record.id for record in records]
    return reading.Samples(ids, [str(record.path) for record in records], ids), records.damaged


def _folder(source: str | Path) -> Path:
    path = Path(source).expanduser()
    if path.is_dir():
        return path.resolve()
    what = "is a file" if path.exists() else "does not exist"
    parent = path.parent if path.parent.is_dir() else Path()
    near = nearest(path.name, _folders(parent))
    raise DataError(f"{source} {what}{near}; give DATASET, or the ./FOLDER that holds the images.")


def _refuse_missing(source: str) -> None:
    """Say at once that neither a data set nor a folder has this name, with those that are near."""
    if resolving.split_name(source)[0] is not None:
        return
    known = resolving.names()
    near = nearest(source, [*known, *(f"./{name}" for name in _folders(Path()))])
    listed = f" (there are: {', '.join(known[:12])})" if known else " (there is none yet)"
    raise DataError(
        f"no data set is named {source!r}{near}{listed}, and no folder ./{source} is here; give "
        "DATASET or ./FOLDER."
    )


def _folders(parent: Path) -> list[str]:
    try:
        return [path.name for path in parent.iterdir() if path.is_dir()]
    except OSError:
        return []
