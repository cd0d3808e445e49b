"""Select from files of embeddings with several processes, started like a training.

On GPUs ``accelerate launch --multi_gpu``, on CPUs ``torchrun --nproc-per-node 4``, then
``-m curadiff.selectors.distributed.command part-*.npy --budget 1000 --out picks.npz``.

Files are ``.npy`` matrices or ``.parquet`` shards (`common.shards`). They are read as one pool, in
the order given, memory-mapped; each process takes an equal part of the rows. ``picks.npz`` holds
``indices`` and ``scores`` in the order of the choice, and ``ids`` where all files are shards. Also
runs without a launcher, as one process.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from ...common.errors import CuradiffError, DataError, SettingsError
from ...common.files import replacing
from ...common.shards import SUFFIX, ShardSet
from ..core.rows import Array
from .sharded import METHODS, select_sharded

Matrix = Array | ShardSet

OPTIONS = {"alpha": "typicality", "neighbors": "typicality", "memory_budget": "coreset"}
"""Options by the method that has them."""

HOURS = 12  # that ranks wait for one another: density takes long on large pools


def main(argv: Sequence[str] | None = None) -> int:
    """Choose and write the picks; return the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        out = _target(arguments.out)
        files = _mapped(arguments.files)
        if "RANK" in os.environ:
            dist.init_process_group("gloo", timeout=timedelta(hours=HOURS))
        else:
            alone = {"init_method": "tcp://127.0.0.1:0", "rank": 0, "world_size": 1}
            dist.init_process_group("gloo", **alone)
        try:
            _select(files, arguments, out)
        finally:
            dist.destroy_process_group()
    except CuradiffError as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


def _select(files: list[Matrix], arguments: argparse.Namespace, out: Path) -> None:
    rank, count = dist.get_rank(), dist.get_world_size()
    total = sum(map(len, files))
    cut = [total * place // count for place in range(count + 1)]
    device = arguments.device
    if device == "cuda":
        device = f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % torch.cuda.device_count()}"
        torch.cuda.set_device(device)
    rows, scores = select_sharded(
        _part(files, cut[rank], cut[rank + 1]),
        arguments.budget,
        method=arguments.method,
        device=device,
        **_options(arguments),
    )
    if rank == 0:
        columns: dict[str, Any] = {"indices": rows, "scores": scores, **_ids(files, rows)}
        with replacing(out) as part, part.open("wb") as file:
            np.savez(file, allow_pickle=False, **columns)
        print(
            f"{len(rows)} of {total:,} rows chosen by {arguments.method} on {count} "
            f"process{'es' * (count > 1)}; see {out}"
        )


def _target(out: Path) -> Path:
    """Return the file of the picks; refuse a folder that is not there before hours of work.

    Only rank 0 writes it: other machines need not have the folder.

    Raises:
        SettingsError: Nothing can be written there.
    """
    if int(os.environ.get("RANK", 0)) == 0 and not os.access(out.absolute().parent, os.W_OK):
        raise SettingsError(
            f"--out: {out.absolute().parent} is no folder that you can write to; give another."
        )
    return out if out.suffix == ".npz" else out.with_name(f"{out.name}.npz")


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options of the method that were given.

    Raises:
        SettingsError: One is of another method.
    """
    options = {}
    for name, method in OPTIONS.items():
        value = getattr(arguments, name)
        if value is None:
            continue
        if method != arguments.method:
            raise SettingsError(
                f"--{name.replace('_', '-')} is of {method}, and --method is {arguments.method}; "
                "leave it out."
            )
        options[name] = value
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Choose from files of embeddings with several processes"
    )
    parser.add_argument(
        "files", nargs="+", type=Path, help=".npy or .parquet files, one row per image"
    )
    parser.add_argument("--budget", type=int, default=1000, help="how many to choose")
    parser.add_argument("--method", choices=METHODS, default="coreset")
    parser.add_argument("--alpha", type=float, help="of typicality; 1 by default")
    parser.add_argument("--neighbors", type=int, help="of typicality")
    parser.add_argument("--memory-budget", type=int, help="bytes per process; coreset only")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, required=True, help="where to write the picks (.npz)")
    return parser


def _ids(files: list[Matrix], rows: Array) -> dict[str, Array]:
    """Return what the picks are called, where all files say so."""
    paths = [path for file in files if isinstance(file, ShardSet) for path in file.paths]
    if len(paths) < len(files):
        return {}
    return {"ids": np.array(ShardSet(paths).values_of("id", rows))}


def _mapped(paths: list[Path]) -> list[Matrix]:
    matrices: list[Matrix] = []
    if parquet := [path for path in paths if path.suffix == SUFFIX]:
        ShardSet(parquet)  # refuses shards of different encoders
    for path in paths:
        x = ShardSet([path]) if path.suffix == SUFFIX else _matrix(path)
        if len(x.shape) != 2 or (matrices and x.shape[1] != matrices[0].shape[1]):
            what = f"{x.shape[1]} features per row" if len(x.shape) == 2 else f"the shape {x.shape}"
            like = f" and {paths[0]} has {matrices[0].shape[1]}" if matrices else ""
            raise DataError(f"{path} has {what}{like}; give matrices of one encoder.")
        matrices.append(x)
    return matrices


def _matrix(path: Path) -> Array:
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError) as fault:
        raise DataError(f"{path} cannot be read ({fault}); give .npy or .parquet files.") from None


def _part(files: list[Matrix], begin: int, end: int) -> Array:
    """Rows ``begin`` to ``end`` of the files after one another, mapped if one file has them all."""
    parts, at = [], 0
    for x in files:
        piece = x[max(begin - at, 0) : max(end - at, 0)]
        at += len(x)
        if len(piece):
            parts.append(piece)
    if not parts:
        return files[0][:0]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


if __name__ == "__main__":
    sys.exit(main())
