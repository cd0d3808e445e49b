"""Checkpoints that survive whatever ends the process.

A checkpoint is a folder ``checkpoints/step-00001000`` of safetensors files and a
``state.json``. It is written under a temporary name, flushed to the disk and
renamed, so it is there in full or not at all; only then are older ones deleted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import RunError
from ..runs import read_json, write_json
from ..runs.files import sync_folder

FOLDER = "checkpoints"
TEMPORARY = ".tmp-"


def path_of(run_path: Path, step: int) -> Path:
    """Return the folder of the checkpoint after ``step`` steps."""
    return run_path / FOLDER / f"step-{step:08d}"


def steps(run_path: Path) -> list[int]:
    """List the steps that a run has checkpoints of, ascending."""
    folder = run_path / FOLDER
    return sorted(int(path.name.removeprefix("step-")) for path in folder.glob("step-*"))


def save(
    run_path: Path,
    step: int,
    tensors: Mapping[str, Mapping[str, Tensor]],
    state: dict[str, Any],
    *,
    keep: int,
) -> Path:
    """Write a checkpoint, then delete all but the last ``keep``.

    Args:
        run_path: The run directory.
        step: Optimizer steps done.
        tensors: Per file name (without ending) the named tensors in it.
        state: Whatever else is needed to go on, JSON values.
        keep: How many checkpoints to leave, at least 1.

    Raises:
        RunError: The disk is full or not writable; earlier checkpoints are kept.
    """
    final = path_of(run_path, step)
    sweep(run_path)
    temporary = final.with_name(f"{TEMPORARY}{os.getpid()}-{final.name}")
    try:
        temporary.mkdir(parents=True)
        for name, group in tensors.items():
            file = temporary / f"{name}.safetensors"
            host = {key: value.detach().cpu().contiguous() for key, value in group.items()}
            save_file(host, file, metadata={"format": "pt"})
            _sync_file(file)
        write_json(temporary / "state.json", {"step": step, **state})
        if final.exists():  # of an attempt that was rolled back
            shutil.rmtree(final)
        temporary.rename(final)
        sync_folder(final.parent)
    except Exception as fault:
        shutil.rmtree(temporary, ignore_errors=True)
        last = (steps(run_path) or [None])[-1]
        kept = "there was none before it" if last is None else f"the one at step {last} is kept"
        raise RunError(
            f"could not write the checkpoint at step {step} ({_reason(fault)}); {kept}. "
            "Free some space, then run the same command again to go on from there."
        ) from fault
    for old in steps(run_path)[:-keep]:
        shutil.rmtree(path_of(run_path, old))
    return final


def load(
    run_path: Path, step: int, *names: str
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read a checkpoint: the tensors per file name, and the state.

    Args:
        run_path: The run directory.
        step: Which checkpoint.
        *names: Read these files only; by default all.

    Raises:
        RunError: There is no such checkpoint; those that exist are listed.
    """
    folder = path_of(run_path, step)
    if not folder.exists():
        known = ", ".join(map(str, steps(run_path))) or "none"
        raise RunError(f"{run_path} has no checkpoint at step {step} (there: {known}).")
    files = [file for file in folder.glob("*.safetensors") if not names or file.stem in names]
    tensors = {file.stem: load_file(file) for file in files}
    return tensors, read_json(folder / "state.json")


def sweep(run_path: Path) -> None:
    """Delete what an interrupted write left behind."""
    for path in (run_path / FOLDER).glob(f"{TEMPORARY}*"):
        shutil.rmtree(path, ignore_errors=True)


def disk_bytes(weights: int, keep: int) -> int:
    """Say how much a training with that many weights occupies at most, in bytes.

    A checkpoint holds weights, average and two moments in float32; while one is
    written, ``keep`` others exist. The pipeline's weights are one copy more.
    """
    return 4 * weights * (4 * (keep + 1) + 1)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _reason(fault: BaseException) -> str:
    return getattr(fault, "strerror", None) or str(fault)
