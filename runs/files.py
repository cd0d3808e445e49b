"""Writing files so that a reader sees the old content or the new, never a part."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..errors import RunError


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file atomically and durably: temporary file, fsync, rename, fsync the folder.

    Raises:
        RunError: The disk is full or the folder is not writable; the old file is kept.
    """
    path = Path(path)
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as fault:
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"could not write {path}: {fault.strerror}. What was there before is kept; "
            "free some space or choose another folder, then run the same command again."
        ) from fault


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file atomically; NaN and infinity are refused, they are not JSON."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(Path(path), text.encode() + b"\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        RunError: The file is missing or is not JSON.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path} does not exist; is {path.parent} a Curadiff run?") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as fault:
        raise RunError(
            f"{path} is not readable as JSON ({fault}); restore it or start a new run."
        ) from None
