"""Where the time of a training step goes: the part ``profile`` of ``gpu.py``."""

from __future__ import annotations

import re
import statistics
import time

import torch
from gpu_parts import arguments, synchronize, training_pictures

MOST = 30  # kernels of each network; the rest is summed up
KINDS = {  # by what the name of a kernel has in it; the first that fits
    "copies and memory order": r"copy|memcpy|memset|nchwToNhwc|nhwcToNchw|transpose|CatArray",
    "optimizer and averages": r"multi_tensor|foreach|adam|lerp",
    "fused norms and attention": r"^_[a-z_]+$|triton",
    "convolutions": r"conv|xmma|implicit|wgrad|dgrad|cudnn|fprop",
    "matrix products": r"gemm|cutlass|cublas|nvjet",
    "attention": r"flash|fmha|attention|softmax",
    "sums": r"reduce",
    "element by element": r"elementwise|vectorized|unrolled",
}


def kind_of(kernel):
    """Return what a kernel does, judged by its name."""
    fits = (kind for kind, part in KINDS.items() if re.search(part, kernel, re.IGNORECASE))
    return next(fits, "other")


def profile(report, folder, toy):
    """Milliseconds of a recorded step by kind of kernel, and of its slowest kernels."""
    import training

    gpu, paths = not toy, training_pictures(folder, toy)
    for network in ("unet2d", "lucidrains"):
        compiled = "graphs" if gpu else "no"
        trainer, steps = training.ours(
            arguments(network, toy),
            folder / network,
            paths,
            compile=compiled,
            mixed_precision="bf16",
        )
        count = 1 if toy else 10
        steps(count)
        report.add(**{network: kernels_of(steps, count, gpu=gpu)})
        del trainer, steps


def kernels_of(steps, count, *, gpu):
    """Wall time of steps without the profiler, then what ran in as many with it."""
    activity = torch.profiler.ProfilerActivity
    activities = [activity.CUDA if gpu else activity.CPU]
    seconds = []
    for _ in range(3 if gpu else 1):
        synchronize(gpu)
        begin = time.perf_counter()
        steps(count)
        synchronize(gpu)
        seconds.append((time.perf_counter() - begin) / count)
    with torch.profiler.profile(activities=activities) as profiler:
        steps(count)
        synchronize(gpu)
    of = "self_device_time_total" if gpu else "self_cpu_time_total"
    milliseconds = {  # microseconds of all steps -> milliseconds of one
        one.key: (getattr(one, of) / 1000 / count, one.count / count)
        for one in profiler.key_averages()
        if getattr(one, of) > 0
    }
    kinds = {}
    for kernel, (spent, _) in milliseconds.items():
        kinds[kind_of(kernel)] = kinds.get(kind_of(kernel), 0.0) + spent
    slowest = sorted(milliseconds.items(), key=lambda one: -one[1][0])[:MOST]
    return {
        "wall_ms_per_step": 1000 * statistics.median(seconds),
        "kernels_ms_per_step": sum(spent for spent, _ in milliseconds.values()),
        "by_kind": dict(sorted(kinds.items(), key=lambda one: -one[1])),
        "slowest": [
            {"kernel": kernel[:160], "ms_per_step": spent, "calls_per_step": calls}
            for kernel, (spent, calls) in slowest
        ],
    }
