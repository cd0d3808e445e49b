"""Cells of a table as values: text, whole numbers, numbers, or true and false."""

from __future__ import annotations

from collections.abc import Mapping

from .records import Value

MISSING = ("nan", "na", "n/a", "null", "none")  # what pandas and R write for an empty number
ENDLESS = ("inf", "infinity")  # a number of Python's, but not of the database's
LARGEST = 2**63  # whole numbers from here on do not fit into the database


def typed(rows: Mapping[str, Mapping[str, str]], notes: list[str]) -> dict[str, dict[str, Value]]:
    """Turn cells into numbers and booleans, column by column.

    A column becomes bool, int or float only where every filled cell reads as one;
    numbers with leading zeros are names (``00017``) and stay text, and so does a
    column with a whole number beyond 64 bits. ``nan`` among numbers is an empty cell.

    Args:
        rows: Filled cells by column, by the image's path.
        notes: Receives a sentence about each column of numbers or booleans that stays text.
    """
    columns: dict[str, list[str]] = {}
    for cells in rows.values():
        for name, text in cells.items():
            columns.setdefault(name, []).append(text)
    kinds, empty = {}, {}
    for name, texts in columns.items():
        filled = [text for text in texts if text.lower() not in MISSING]
        kind = _kind(filled) if filled else str
        empty[name] = len(filled) < len(texts) and kind is not str
        kinds[name] = kind if empty[name] or len(filled) == len(texts) else str
        if kinds[name] is str:
            notes += _stays_text(name, texts)
    return {
        key: {
            name: _value(text, kinds[name])
            for name, text in cells.items()
            if not (empty[name] and text.lower() in MISSING)
        }
        for key, cells in rows.items()
    }


def _stays_text(name: str, texts: list[str]) -> list[str]:
    """Return a note on why a column with numbers or booleans stays text; empty for words."""
    odd = next((text for text in texts if _is_endless(text) or _is_large(text)), None)
    first: dict[type, str] = {}  # a cell of each kind
    for text in texts:
        if text.lower() not in MISSING:
            first.setdefault(float if _is_endless(text) or _is_large(text) else _kind([text]), text)
    if str in first:
        return []
    if odd is not None:
        why = f"the database takes no number {odd!r}"
    elif first:
        why = f"it holds {' and '.join(map(repr, first.values()))}"
    else:
        why = f"all its cells say {texts[0]!r}"
    return [f"labels.csv: column {name!r} stays text, as {why}."]


def _is_endless(text: str) -> bool:
    return text.lower().lstrip("+-") in ENDLESS


def _is_large(text: str) -> bool:
    return text.lstrip("+-").isdecimal() and not -LARGEST <= int(text) < LARGEST


def _kind(texts: list[str]) -> type:
    if all(text.lower() in ("true", "false") for text in texts):
        return bool
    if any(_is_name(text) for text in texts):
        return str
    for kind in (int, float):
        try:
            values = [kind(text) for text in texts]
        except ValueError:
            continue
        fits = kind is float or all(-LARGEST <= value < LARGEST for value in values)
        return kind if fits else str
    return str


def _is_name(text: str) -> bool:
    """Tell whether a text that Python reads as a number is rather a name."""
    digits = text.lstrip("+-")
    padded = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    return padded or "_" in text or (not digits[:1].isdigit() and not digits.startswith("."))


def _value(text: str, kind: type) -> Value:
    return text.lower() == "true" if kind is bool else kind(text)
