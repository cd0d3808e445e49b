"""Labels from ``labels.csv``: one row per image, any further columns.

Spreadsheets write tables in many ways. One is read as a reader would see it, and
whatever had to be taken for something is said.
"""

from __future__ import annotations

import csv
import io
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ..common.errors import DataError, nearest
from ..common.words import plural
from .cells import typed
from .files import few
from .records import Record

TABLE = "labels.csv"
Rows = dict[str, dict[str, str]]

FILE = (
    "file", "filename", "file_name", "filepath", "file_path", "image", "image_file",
    "image_name", "image_path", "img", "path",
)  # fmt: skip
"""Headers of the column that names the images, the preferred first."""
OWN = ("label", "split", "tags")
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def read_table(path: Path, folder: str, notes: list[str]) -> Rows:
    """Read one table.

    Args:
        path: The table; its ``file`` column holds paths relative to its own folder.
        folder: That folder below the root, as a POSIX path; ``""`` for the root.
        notes: Receives a sentence for each thing that was taken for something.

    Returns:
        The filled cells of each row by column, by the image's path below the root.

    Raises:
        DataError: The file is no table, has no column that names images, or has a row
            that is too long, names no file, or repeats one.
    """
    rows: Rows = {}
    remarks: list[str] = []
    text = _text(path, remarks)
    first, _, rest = text.partition("\n")
    declared = re.fullmatch(r'"?sep=(.)"?', first.strip(" \r")) or (first == "sep=\t" or None)
    skipped = 1 if declared else 0
    text = rest if declared else text
    delimiter = declared[1] if isinstance(declared, re.Match) else "\t" if declared else None
    delimiter = delimiter or _delimiter(text)
    if delimiter != ",":
        remarks.append(f"cells are separated by {DELIMITERS.get(delimiter, repr(delimiter))}")
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        header = [name.strip() for name in next(lines, [])]
        columns, index = _columns(path, header, remarks)
        for cells in lines:
            where = f"{path}, line {lines.line_num + skipped}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(columns):
                raise DataError(
                    f"{where} has more cells than the header; quote cells that hold a "
                    f"{'comma' if delimiter == ',' else 'separator'}."
                )
            row = {
                name: cell.strip()
                for name, cell in zip(columns, cells, strict=False)
                if cell.strip()
            }
            given = row.pop("file", "")
            if not given:
                raise DataError(f"{where} names no file; fill its file cell or delete it.")
            if delimiter == ";":  # where the comma is the decimal point
                row = {n: re.sub(r"^(-?\d+),(\d+)$", r"\1.\2", cell) for n, cell in row.items()}
            key = posixpath.normpath(posixpath.join(folder, given.replace("\\", "/")))
            if key in rows:
                raise DataError(f"{where} names {given} a second time; keep one of the rows.")
            rows[key] = row
    except csv.Error as fault:
        raise DataError(f"{path} is not a CSV table ({fault}); save it as UTF-8 CSV.") from None
    _drop_index(rows, index, remarks)
    if remarks:
        notes.append(f"{TABLE}: {'; '.join(remarks)}.")
    return rows


def _text(path: Path, remarks: list[str]) -> str:
    """Return a file's text; an encoding other than UTF-8 is added to the remarks."""
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror}.") from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif data[1:2] == b"\x00" or data[:1] == b"\x00":
        encoding = "utf-16-le" if data[1:2] == b"\x00" else "utf-16-be"
    else:
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text, encoding = data.decode("cp1252", errors="replace"), "Windows-1252"
        if b"\x00" in data or not _is_western(text):
            raise DataError(
                f"{path} is not a text in UTF-8, UTF-16 or Windows-1252; save it as UTF-8 CSV."
            ) from None
    if encoding != "utf-8-sig":
        remarks.append(f"it was read as {encoding.replace('_', '-')}")
    return text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")


def _is_western(text: str) -> bool:
    """Tell a text with some accents from one in another script, in which they would follow in runs.

    Other scripts are refused: guessing them from frequencies needs more text than a table has.
    """
    odd = [letter for letter in text if ord(letter) > 127]
    known = all(letter.isalpha() or letter in "€‚„…‘’“”–—°§«»©®´·£½²³ " for letter in odd)
    return known and not re.search(r"[^\x00-\x7f]{3}", text)


def _delimiter(text: str) -> str:
    """Return what separates the header's cells: the reading with a file column and most cells."""
    first = text.partition("\n")[0]

    def merit(delimiter: str) -> tuple[bool, int]:
        cells = next(csv.reader([first], delimiter=delimiter), [])
        return any(cell.strip().lower() in FILE for cell in cells), len(cells)

    return max(DELIMITERS, key=merit)


def _columns(path: Path, header: list[str], remarks: list[str]) -> tuple[list[str], str | None]:
    """Name the columns; return them, and the one that may be a pandas index."""
    lower = [name.lower() for name in header]
    file = next((name for name in FILE if name in lower), None)
    if file is None:
        raise DataError(
            f"{path} needs a column named file, got {', '.join(header) or 'no header'}"
            f"{nearest('file', header)}; write each image's path relative to the table."
        )
    place = header.index("file") if "file" in header else lower.index(file)
    index = None
    columns: list[str] = []
    for number, given in enumerate(header):
        name = "file" if number == place else given
        if number != place and given.lower() in OWN and given.lower() not in header:
            name = given.lower()
        elif not given or re.fullmatch(r"Unnamed: \d+", given):
            name = index = f"column_{number + 1}"
        name = re.sub(r"[$.\x00-\x1f]", "_", name)
        while name in columns or (name == "file" and number != place):
            name += "_2"
        if name != given and name != index:
            remarks.append(f"column {given!r} was taken as {name!r}")
        columns.append(name)
    return columns, index


def _drop_index(rows: Rows, index: str | None, remarks: list[str]) -> None:
    """Leave out a column without a name that only counts the rows."""
    if index is None:
        return
    cells = [row.get(index) for row in rows.values()]
    if any(cells == [str(n) for n in range(start, start + len(cells))] for start in (0, 1)):
        for row in rows.values():
            row.pop(index, None)
        remarks.append("the column without a name counts the rows and was left out")
    elif any(cells):
        remarks.append(f"the column without a name was taken as {index!r}")


def annotate(
    records: Mapping[str, Record], rows: Rows, notes: list[str]
) -> tuple[list[Record], int]:
    """Give records what the tables say about them.

    The columns ``label``, ``split`` and ``tags`` (separated by semicolons) go to
    the record's own attributes and win over what the folders say. A row that names
    its image with another folder, ending or spelling counts where just one image fits.

    Args:
        records: Records by their path below the root.
        rows: Rows by the same paths.
        notes: Receives a sentence about rows that were resolved or are ambiguous.

    Returns:
        The records in their order, and how many rows name none of them.
    """
    known = _resolved(records, rows, notes)
    fields = typed(
        {
            key: {name: text for name, text in cells.items() if name not in OWN}
            for key, cells in known.items()
        },
        notes,
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


def _resolved(records: Mapping[str, Record], rows: Rows, notes: list[str]) -> Rows:
    """Return the rows by their images' keys, also where a table spells these differently."""
    known = {key: cells for key, cells in rows.items() if key in records}
    others = [key for key in rows if key not in known]
    if not others:
        return known
    resolved, ambiguous = [], []
    indexes = [(spelling, _by(spelling, records)) for spelling in _SPELLINGS]
    for key in others:
        for spelling, index in indexes:
            fitting = [name for name in index.get(spelling(key), ()) if name not in known]
            if len(fitting) == 1:
                known[fitting[0]] = rows[key]
                resolved.append(key)
            elif fitting:
                ambiguous.append(key)
            if fitting:
                break
    if resolved:
        noun = "row names its image", "rows name their images"
        notes.append(
            f"{TABLE}: {plural(len(resolved), *noun)} with another folder, ending or spelling "
            f"({few(resolved)}); just one image fits each."
        )
    if ambiguous:
        noun = "row fits", "rows fit"
        notes.append(
            f"{TABLE}: {plural(len(ambiguous), *noun)} several images ({few(ambiguous)}); write "
            "their paths in full."
        )
    return known


def _by(spelling: Callable[[str], str], keys: Iterable[str]) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for key in keys:
        index.setdefault(spelling(key), []).append(key)
    return index


def _plain(key: str) -> str:
    return unicodedata.normalize("NFC", key).casefold()


# From the strictest to the loosest: letters' form and case, ending, folder, ending and folder.
_SPELLINGS: tuple[Callable[[str], str], ...] = (
    _plain,
    lambda key: posixpath.splitext(_plain(key))[0],
    lambda key: posixpath.basename(_plain(key)),
    lambda key: posixpath.splitext(posixpath.basename(_plain(key)))[0],
)
