"""Checkpoints that survive whatever ends the process.

A checkpoint is a folder ``checkpoints/step-00001000`` of safetensors files, a ``state.json``
and their ``checksums.json``. It is written under a temporary name, flushed to the disk and
renamed, so it is there in full or not at all; only then are older ones deleted. What a disk
has changed since is noticed when it is read.
"""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...common.errors import RunError
from ...common.files import checksum_of, replacing_folder
from ...common.temporary import remove, temporary
from ...common.temporary import sweep as sweep_folder
from ...config import TrainSettings
from ...runs import read_json, write_json
from . import power_ema

FOLDER = "checkpoints"
STATE = "state.json"
SUMS = "checksums.json"
GROUPS = ("model", "ema", "optimizer")


class Unreadable(RunError):
    """A checkpoint is damaged or gone."""


class Checkpoint(NamedTuple):
    """The step, its tensors per file name, the other state, and a warning or ''."""

    step: int
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]
    warning: str


def path_of(run_path: Path, step: int) -> Path:
    """Return the folder of the checkpoint after ``step`` steps."""
    return run_path / FOLDER / f"step-{step:08d}"


def saved_steps(run_path: Path) -> list[int]:
    """List the steps that a run has checkpoints of, ascending."""
    matches = [
        re.fullmatch(r"step-(\d+)", path.name) for path in (run_path / FOLDER).glob("step-*")
    ]
    return sorted(int(match[1]) for match in matches if match)


def save(
    run_path: Path,
    step: int,
    tensors: Mapping[str, Mapping[str, Tensor]],
    state: dict[str, Any],
    *,
    keep: int,
    keep_every: int | None = None,
) -> Path:
    """Write a checkpoint, then delete all but the last ``keep`` and those that stay.

    Args:
        run_path: The run directory.
        step: Optimizer steps done.
        tensors: Per file name (without ending) the named tensors in it.
        state: Whatever else is needed to go on, JSON values.
        keep: How many checkpoints to leave, at least 1.
        keep_every: Those at multiples of so many steps stay besides.

    Raises:
        RunError: The disk is full or not writable; earlier checkpoints are kept.
    """
    final = path_of(run_path, step)
    sweep(run_path)
    try:
        # the folder may exist: of an attempt that was rolled back
        with replacing_folder(final) as part, ThreadPoolExecutor() as pool:
            jobs = {}
            for name, group in tensors.items():
                file = part / f"{name}.safetensors"
                host = {key: value.detach().cpu().contiguous() for key, value in group.items()}
                save_file(host, file, metadata={"format": "pt"})
                jobs[file.name] = pool.submit(_sync_and_sum, file)
            write_json(part / STATE, {"step": step, **state})
            jobs[STATE] = pool.submit(checksum_of, part / STATE)
            sums = {name: job.result() for name, job in jobs.items()}
            write_json(part / SUMS, {"step": step, "files": sums})
    except Exception as fault:
        last = (saved_steps(run_path) or [None])[-1]
        kept = "there was none before it" if last is None else f"the one at step {last} is kept"
        raise RunError(
            f"could not write the checkpoint at step {step} ({_reason(fault)}); {kept}. "
            "Free some space, then run the same command again to go on from there."
        ) from fault
    for old in saved_steps(run_path)[:-keep]:
        if keep_every and old % keep_every == 0:
            continue
        hidden = temporary(path_of(run_path, old))
        path_of(run_path, old).rename(hidden)  # so that no half of it is taken for a checkpoint
        remove(hidden)
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
    known = saved_steps(run_path)
    if step not in known:
        listed = ", ".join(map(str, known)) or "none"
        raise Unreadable(f"{run_path} has no checkpoint at step {step} (there: {listed}).")
    try:
        names_read = names or (*GROUPS, *_averages(folder))
        files = [f"{name}.safetensors" for name in names_read]
        _verify(folder, step, files if names else [*files, STATE])
        tensors = {name: load_file(folder / f"{name}.safetensors") for name in names_read}
        return tensors, {} if names else read_json(folder / STATE)
    except (SafetensorError, OSError, RunError) as fault:
        before = [str(other) for other in known if other < step][-1:]
        instead = f"go on from step {before[0]}" if before else "begin anew"
        raise Unreadable(
            f"the checkpoint {folder} is damaged ({_reason(fault)}); delete it to {instead}."
        ) from fault


def _averages(folder: Path) -> list[str]:
    """List the averages of other lengths that a checkpoint was written with."""
    if not (folder / SUMS).exists():
        return []
    listed = read_json(folder / SUMS).get("files", {})
    return [group for group in power_ema.GROUPS if f"{group}.safetensors" in listed]


def _verify(folder: Path, step: int, names: Sequence[str]) -> None:
    """Make sure that files of a checkpoint are those that were written at this step.

    Raises:
        RunError: They are not.
        OSError: A file cannot be read.
    """
    if not (folder / SUMS).exists():
        record = folder.parents[1] / "run.json"
        if not record.exists() or "uid" not in read_json(record):
            return  # of a version that wrote no checksums
        raise RunError(f"{SUMS} is gone")
    recorded = read_json(folder / SUMS)
    if recorded.get("step") != step:
        raise RunError(f"it is the one of step {recorded.get('step')}")
    with ThreadPoolExecutor() as pool:
        sums = list(pool.map(lambda name: checksum_of(folder / name), names))
    for name, checksum in zip(names, sums, strict=True):
        if checksum != recorded.get("files", {}).get(name):
            raise RunError(f"{name} is not as it was written: its checksum is another")


def newest_intact(run_path: Path, name: str) -> int | None:
    """Return the newest step whose file, such as ``ema.safetensors``, is as it was written.

    A damaged one is passed over with a warning.

    Returns:
        None where the run has no checkpoint.

    Raises:
        Unreadable: There are checkpoints, and the file is whole in none.
    """
    damage = None
    for step in reversed(saved_steps(run_path)):
        try:
            _verify(path_of(run_path, step), step, [name])
        except (OSError, RunError) as fault:
            damage = damage or Unreadable(
                f"the checkpoint {path_of(run_path, step)} is damaged ({_reason(fault)})."
            )
        else:
            if damage is not None:
                warnings.warn(f"{damage} The one of step {step} is used.", stacklevel=2)
            return step
    if damage is not None:
        raise damage
    return None


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
    for step in reversed(saved_steps(run_path)):
        try:
            tensors, state = load(run_path, step)
        except Unreadable as fault:
            damage = damage or fault
            passed_over.append(step)
        else:
            if put_aside:
                for other in passed_over:
                    _put_aside(path_of(run_path, other))
            damaged = " and ".join(map(str, passed_over))
            message = damaged and f"the checkpoint at step {damaged} is damaged and was put aside"
            return Checkpoint(step, tensors, state, message)
    if damage is not None:
        raise damage
    return None


def _put_aside(folder: Path) -> None:
    aside = folder
    while aside.exists():
        aside = aside.with_name(f"damaged-{aside.name}")
    try:
        folder.rename(aside)
    except OSError as fault:
        raise RunError(f"{folder} is damaged and cannot be put aside: {fault.strerror}.") from fault


def sweep(run_path: Path) -> None:
    """Put back or delete what an interrupted write has left; the caller alone writes there."""
    sweep_folder(run_path / FOLDER, alone=True)


def disk_bytes(weights: int, settings: TrainSettings) -> int:
    """Return the most disk space that a training with that many weights takes, in bytes.

    A checkpoint holds weights, average and two moments in float32, and the averages of other
    lengths where they are kept; while one is written, all that stay exist. The pipeline's weights
    are one copy more, and snapshots of averages are in half precision.
    """
    every = settings.power_ema_every
    averages = 0 if every is None else len(power_ema.GROUPS)
    copies = (4 + averages) * (settings.checkpoints_kept + 1) + 1
    snapshots = 0 if every is None else -(-settings.steps // every)
    return 4 * weights * copies + 2 * weights * averages * snapshots


def space_warning(run_path: Path, need: int) -> str:
    """Return a warning where a run that may grow to ``need`` bytes lacks disk space, or ''."""
    used = sum(file.stat().st_size for file in run_path.glob("**/*.safetensors"))
    free = shutil.disk_usage(run_path).free
    return f", and only {free / 1e9:.2f} GB are free" if used + free < need else ""


def write_checksums(folder: Path, step: int) -> None:
    """Write the checksums of a checkpoint whose files another module has written."""
    sums = {path.name: _sync_and_sum(path) for path in sorted(folder.iterdir())}
    write_json(folder / SUMS, {"step": step, "files": sums})


def _sync_and_sum(path: Path) -> str:
    """Flush a file to the disk and return its checksum, meanwhile other files are written."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return checksum_of(path)


def _reason(fault: BaseException) -> str:
    if isinstance(fault, RunError) and fault.__cause__ is not None:
        fault = fault.__cause__
    if isinstance(fault, OSError) and fault.strerror:
        return (
            f"{Path(fault.filename).name}: {fault.strerror}" if fault.filename else fault.strerror
        )
    return str(fault)
