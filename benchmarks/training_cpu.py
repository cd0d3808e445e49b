"""Training speed on one CPU thread against diffusers' script, at every precision.

    python benchmarks/training_cpu.py --out benchmarks/results/training-cpu.json

The network ``unet2d``, tiny at 32 px and small at 64 px (16 million weights), batches of 16. Ours
and the script, each in float32 and in bfloat16, take turns in one process, ours also with pictures
in the other order in memory and, in float32, with diffusers' own blocks; medians of ``--rounds``
in CPU seconds of this process, so that other work on the machine counts less. *Best precision* is
the faster of both on each side, without the other options. ``--compile`` adds ours with
torch.compile, whose compiling is measured apart. Sizes that are not measured now stay in the file,
and of a size the values of variants that are not, under ``earlier``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from unittest.mock import patch

import torch
from curadiff.diffusion.networks import on_cpu
from training import Turn, compete, ours
from training_peers import diffusers_script, pictures, settings

PIXELS = {"tiny": 32, "small": 64}
PRECISIONS = ("no", "bf16")
OTHER = {"no": "usual order", "bf16": "channels-last"}  # of a training's pictures in memory
ORDERS = {"usual order": torch.contiguous_format, "channels-last": torch.channels_last}
OURS, PEER = "ours", "script"


def participants(size, folder, paths, *, precisions, compiled):
    """Return everybody's steps by name, and the seconds that compiling took."""
    work, seconds = {}, {}
    for precision in precisions:
        args = Namespace(size=size, precision=precision, network="unet2d", gpu=False, workers=0)
        work[f"{OURS} {precision}"] = Turn(ours(args, folder, paths)[1])
        work[f"{PEER} {precision}"] = Turn(diffusers_script(args, paths))
        training, steps = ours(args, folder, paths)
        training.state.network.to(memory_format=ORDERS[OTHER[precision]])
        work[f"{OURS} {precision}, {OTHER[precision]}"] = Turn(steps)
        if precision == "no":
            with patch.object(on_cpu, "prepare", lambda network, device, half: network):
                steps = ours(args, folder, paths)[1]
            work[f"{OURS} {precision}, diffusers' blocks in the usual order"] = Turn(steps)
        if compiled:
            start = time.process_time()
            training, steps = ours(args, folder, paths, compile="yes")
            took = round(time.process_time() - start, 1)
            seconds[precision] = {"compiled": training.compiled, "cpu_seconds": took}
            work[f"{OURS} {precision}, compiled"] = Turn(steps)
    return work, seconds


def measure(size, folder, paths, args):
    """Let everybody train at a size; return images per CPU second, and ratios."""
    work, compiling = participants(
        size, folder, paths, precisions=args.precisions, compiled=args.compile
    )
    before = os.getloadavg()[0]
    seconds = compete(work, gpu=False, rounds=args.rounds, count=args.count)
    batch = settings(Namespace(size=size, precision="no", network="unet2d", gpu=False)).batch_size
    return {
        "command": command_for(size, args),
        "pixels": PIXELS[size],
        "batch_size": batch,
        "images_per_cpu_second": {name: round(batch / per, 2) for name, per in seconds.items()},
        **ratios(seconds, args.precisions),
        "compiling": compiling,
        "load_average": [round(before, 1), round(os.getloadavg()[0], 1)],
    }


def ratios(seconds, precisions):
    """Return how many times as fast ours is, at equal precision and at each side's best."""
    names = {"no": "ratio_float32", "bf16": "ratio_bfloat16"}
    found = {
        names[one]: round(seconds[f"{PEER} {one}"] / seconds[f"{OURS} {one}"], 3)
        for one in precisions
    }
    if len(precisions) < len(PRECISIONS):
        return found
    best = {side: min(seconds[f"{side} {one}"] for one in precisions) for side in (OURS, PEER)}
    found["ratio_best_precision"] = round(best[PEER] / best[OURS], 3)
    found["ratio_to_the_script_as_it_comes"] = round(seconds[f"{PEER} no"] / best[OURS], 3)
    return found


def earlier(entry, values):
    """Return what an entry of the file says of variants that were not measured now."""
    left = {
        name: value
        for name, value in entry.get("images_per_cpu_second", {}).items()
        if name not in values["images_per_cpu_second"]
    }
    if not left:
        return {key: entry[key] for key in ("earlier",) if key in entry}
    kept = {key: entry[key] for key in ("command", "compiling") if entry.get(key)}
    return {"earlier": {**kept, "images_per_cpu_second": left}}


def command_for(size, args):
    """Return the command that measures one size as it is measured now."""
    words = f"python benchmarks/training_cpu.py --sizes {size} --rounds {args.rounds}"
    words += f" --count {args.count}"
    if set(args.precisions) != set(PRECISIONS):
        words += f" --precisions {' '.join(args.precisions)}"
    return words + (" --compile" if args.compile else "")


def processor():
    """Return the processor's name and what it has for bfloat16."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return {}
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    values = {name.strip(): value.strip() for name, value in values.items()}
    flags = {"avx512f", "avx512_bf16", "amx_bf16"} & set(values.get("flags", "").split())
    return {"processor": values.get("model name"), "flags": sorted(flags)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", choices=list(PIXELS), default=list(PIXELS))
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=2, help="steps per round")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = {"torch": torch.__version__, **processor(), "sizes": {}}
    if args.out and args.out.exists():
        results["sizes"] = json.loads(args.out.read_text())["sizes"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CURADIFF_HOME"] = name
        (folder / "pictures").mkdir()
        paths = pictures(folder / "pictures")
        for size in args.sizes:
            values = measure(size, folder, paths, args)
            before = earlier(results["sizes"].get(size, {}), values)
            results["sizes"][size] = values | before
            print(json.dumps(results["sizes"][size], indent=1), flush=True)
            if args.out:
                args.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
