"""Titles that a person gave to selections, runs and evaluations of a data set.

A title is what the App shows. The name under which a thing was made stays: tags, saved views,
fields and folders are called after it, and scripts find it by it.
"""

from __future__ import annotations

from typing import Any, Final

from ..common.errors import DataError
from . import info

SECTION: Final = "titles"
LONGEST = 200  # characters of a title


def titles(dataset: Any) -> dict[str, str]:
    """Return the titles by what they are of, such as ``selection:coreset-100``."""
    return info.section(dataset, SECTION)


def set_title(dataset: Any, of: str, title: str) -> None:
    """Give a title; an empty one takes it away.

    Args:
        dataset: The data set that is open.
        of: What it is of, such as ``selection:coreset-100`` or ``run:first``.
        title: One line of text.

    Raises:
        DataError: The title is longer than a line, or the data set is deleted.
    """
    title = " ".join(title.split())
    if len(title) > LONGEST:
        raise DataError(f"title must be at most {LONGEST} characters, got {len(title)}.")
    if title:
        info.put(dataset, SECTION, {of: title})
    else:
        info.drop(dataset, SECTION, [of])
