"""Labels from ``labels.csv``: one row per image, any further columns."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..errors import DataError, nearest
from .records import Record, Value

TABLE = "labels.csv"
Rows = dict[str, dict[str, str]]


def read_table(path: Path, folder: str) -> Rows:
    """Read one table.

    Args:
        path: The table; its ``file`` column holds paths relative to its own folder.
        folder: That folder below the root, as a POSIX path; ``""`` for the root.

    Returns:
        The filled cells of each row by column, by the image's path below the root.

    Raises:
        DataError: The table is not UTF-8 CSV, has no ``file`` column, or has a row
            that is too long, names no file, or repeats one.
    """
    rows: Rows = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = [name.strip() for name in reader.fieldnames or []]
            if "file" not in columns:
                raise DataError(
                    f"{path} needs a column named file, got {', '.join(columns) or 'no header'}"
                    f"{nearest('file', columns)}; write each image's path relative to the table."
                )
            reader.fieldnames = columns
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if None in row:
                    raise DataError(
                        f"{where} has more cells than the header; quote cells that hold a comma."
                    )
                cells = {name: text.strip() for name, text in row.items() if text and text.strip()}
                given = cells.pop("file", "")
                if not given:
                    raise DataError(f"{where} names no file; fill its file cell or delete it.")
                key = posixpath.normpath(posixpath.join(folder, given.replace("\\", "/")))
                if key in rows:
                    raise DataError(f"{where} names {given} a second time; keep one of the rows.")
                rows[key] = cells
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text; save it as UTF-8 CSV.") from None
    except csv.Error as fault:
        raise DataError(f"{path} is not a CSV table ({fault}); save it as UTF-8 CSV.") from None
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror}.") from None
    return rows


def typed(rows: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Value]]:
    """Turn cells into numbers and booleans, column by column.

    A column becomes bool, int or float only where every filled cell reads as one;
    numbers with leading zeros are names (``00017``) and stay text.
    """
    columns: dict[str, list[str]] = {}
    for cells in rows.values():
        for name, text in cells.items():
            columns.setdefault(name, []).append(text)
    kinds = {name: _kind(texts) for name, texts in columns.items()}
    return {
        key: {name: _value(text, kinds[name]) for name, text in cells.items()}
        for key, cells in rows.items()
    }


def annotate(records: Mapping[str, Record], rows: Rows) -> tuple[list[Record], int]:
    """Give records what the tables say about them.

    The columns ``label``, ``split`` and ``tags`` (separated by semicolons) go to
    the record's own attributes and win over what the folders say.

    Args:
        records: Records by their path below the root.
        rows: Rows by the same paths.

    Returns:
        The records in their order, and how many rows name none of them.
    """
    known = {key: cells for key, cells in rows.items() if key in records}
    fields = typed(
        {
            key: {name: text for name, text in cells.items() if name not in _OWN}
            for key, cells in known.items()
        }
    )
    annotated = []
    for key, record in records.items():
        cells = known.get(key, {})
        tags = [tag.strip() for tag in cells.get("tags", "").split(";") if tag.strip()]
        annotated.append(
            replace(
                record,
                label=cells.get("label", record.label),
                split=cells.get("split", record.split),
                tags=(*record.tags, *tags),
                fields={**record.fields, **fields.get(key, {})},
            )
        )
    return annotated, len(rows) - len(known)


_OWN = ("label", "split", "tags")


def _kind(texts: list[str]) -> type:
    if all(text.lower() in ("true", "false") for text in texts):
        return bool
    if any(_is_name(text) for text in texts):
        return str
    for kind in (int, float):
        try:
            for text in texts:
                kind(text)
        except ValueError:
            continue
        return kind
    return str


def _is_name(text: str) -> bool:
    """Tell whether a text that Python reads as a number is rather a name."""
    digits = text.lstrip("+-")
    padded = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    return padded or "_" in text or (not digits[:1].isdigit() and not digits.startswith("."))


def _value(text: str, kind: type) -> Value:
    return text.lower() == "true" if kind is bool else kind(text)
