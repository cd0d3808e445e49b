"""Checkpoints that survive whatever ends the process.

A checkpoint is a folder ``checkpoints/step-00001000`` of safetensors files and a
``state.json``. It is written under a temporary name, flushed to the disk and
renamed, so it is there in full or not at all; only then are older ones deleted.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import RunError
from ..runs import read_json, write_json
from ..runs.files import sync_folder

FOLDER = "checkpoints"
TEMPORARY = ".tmp-"
GROUPS = ("model", "ema", "optimizer")


class Unreadable(RunError):
    """A checkpoint is damaged or gone."""


class Checkpoint(NamedTuple):
    """What `newest` found: the step, its tensors per file name, and the other state."""

    step: int
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]
    passed_over: str


def path_of(run_path: Path, step: int) -> Path:
    """Return the folder of the checkpoint after ``step`` steps."""
    return run_path / FOLDER / f"step-{step:08d}"


def steps(run_path: Path) -> list[int]:
    """List the steps that a run has checkpoints of, ascending."""
    found = [re.fullmatch(r"step-(\d+)", path.name) for path in (run_path / FOLDER).glob("step-*")]
    return sorted(int(match[1]) for match in found if match)


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
        *names: Read these files only, and no state; by default all.

    Raises:
        Unreadable: There is no such checkpoint, or a part of it is damaged or gone.
    """
    folder = path_of(run_path, step)
    known = steps(run_path)
    if step not in known:
        listed = ", ".join(map(str, known)) or "none"
        raise Unreadable(f"{run_path} has no checkpoint at step {step} (there: {listed}).")
    try:
        tensors = {name: load_file(folder / f"{name}.safetensors") for name in names or GROUPS}
        return tensors, {} if names else read_json(folder / "state.json")
    except (SafetensorError, FileNotFoundError, RunError) as fault:
        before = [str(other) for other in known if other < step][-1:]
        instead = f"go on from step {before[0]}" if before else "begin anew"
        raise Unreadable(
            f"the checkpoint {folder} is damaged ({_reason(fault)}); delete it to {instead}."
        ) from fault


def newest(run_path: Path, *, put_aside: bool) -> Checkpoint | None:
    """Read the newest checkpoint that can be read; None where the run has none yet.

    Args:
        run_path: The run directory.
        put_aside: Rename damaged ones, so that nothing takes them for whole.

    Raises:
        Unreadable: There are checkpoints, and none is whole.
    """
    passed_over: list[int] = []
    damage = None
    for step in reversed(steps(run_path)):
        try:
            tensors, state = load(run_path, step)
        except Unreadable as fault:
            damage = damage or fault
            passed_over.append(step)
        else:
            if put_aside:
                for folder in (path_of(run_path, other) for other in passed_over):
                    folder.rename(folder.with_name(f"damaged-{folder.name}"))
            which = " and ".join(map(str, passed_over))
            said = which and f"the checkpoint at step {which} is damaged and was put aside"
            return Checkpoint(step, tensors, state, said)
    if damage is not None:
        raise damage
    return None


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


def lacking(run_path: Path, need: int) -> str:
    """Say so where a run that may grow to ``need`` bytes has not that much room."""
    there = sum(file.stat().st_size for file in run_path.glob("**/*.safetensors"))
    free = shutil.disk_usage(run_path).free
    return f", and only {free / 1e9:.2f} GB are free" if there + free < need else ""


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _reason(fault: BaseException) -> str:
    return getattr(fault, "strerror", None) or str(fault)
