"""Pair lists of try-on data sets: ``person.jpg garment.jpg``, one pair a line."""

from __future__ import annotations

from pathlib import Path

from ..common.errors import DataError


def find_pairs(split: Path) -> Path | None:
    """Find a split's pair list, beside the split's folder or inside it."""
    stems = dict.fromkeys([split.name, split.name.lower()])
    names = [f"{stem}_pairs{end}.txt" for end in ("", "_unpaired") for stem in stems]
    candidates = [folder / name for folder in (split.parent, split) for name in names]
    return next((path for path in candidates if path.is_file()), None)


def read_pairs(path: Path) -> tuple[dict[str, str], int]:
    """Read a pair list, keyed by the person in column 1.

    Column 2 is the garment that a try-on model is to put on that person. It is
    usually a permutation of column 1, so it is *not* the garment being worn.

    Returns:
        Garment file by person file, and how many lines named a person again (the
        first line of each person is kept).

    Raises:
        DataError: A line does not hold exactly two names, or the list is empty.
    """
    pairs: dict[str, str] = {}
    repeated = 0
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text; write one pair of file names a line.") from None
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror}.") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        names = line.split("\t") if "\t" in line.strip() else line.split()
        names = [name.strip() for name in names]
        if len(names) == 3 and "." not in names[2]:  # GP-VTON adds the kind of garment
            names = names[:2]
        if len(names) != 2 or not all(names):
            raise DataError(
                f"{path}, line {number} must be a person file and a garment file separated by "
                f"one space, got {line.strip()!r}; correct the line."
            )
        repeated += names[0] in pairs
        pairs.setdefault(*names)
    if not pairs:
        raise DataError(f"{path} is empty; list the pairs in it or delete it.")
    return pairs, repeated
