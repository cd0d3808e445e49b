"""Training, sampling and loading speed against peers, on the same network and batch.

    python benchmarks/training.py train  --network unet2d      # diffusers' script
    python benchmarks/training.py train  --network lucidrains  # lucidrains' Trainer
    python benchmarks/training.py sample                       # DDIMPipeline
    python benchmarks/training.py load                         # decoding in a data loader
    python benchmarks/training.py overhead                     # logs and averaging, share of a step
    python benchmarks/training.py gpu                          # all of them, at the study's size

Without ``gpu`` everything is on one CPU thread, ``--size tiny`` or ``small`` (64 px, 16 million
weights); seconds are then CPU seconds of this
process, so that other work on the machine counts less. Ours and the peer take turns in one
process; medians of ``--rounds``. Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from training_peers import (
    SIZES,
    diffusers_script,
    endless,
    loader_of,
    lucidrains_trainer,
    pictures,
    settings,
)

H100_BF16 = 989e12  # dense peak, FLOP per second, for MFU


def ours(args, folder, paths, **values):
    """Return our training and a function that does so many steps of it.

    ``values`` replace settings.
    """
    from curadiff import runs
    from curadiff.diffusion import prepare
    from curadiff.diffusion.train import engine, loop

    s = settings(args).changed(**values)
    run = runs.create("train", s.model_dump(), folder=folder / "runs")
    prepare(run, ids=[str(path) for path in paths], paths=paths, settings=s)
    training = loop.Training(run, engine.accelerator(s, run.path), lambda: False)
    training.speed_up()
    how = f"compiled {training.compiled}, CUDA graphs {training.cuda_graphs}"
    print(f"ours: {how}, {training.accelerator.mixed_precision}")

    def steps(count):
        for _ in range(count):
            training.train_step()
        training._log()

    return training, steps


class Turn:
    """Accelerate keeps one state for a process; give each participant its own."""

    def __init__(self, work):
        from accelerate.state import AcceleratorState

        self.work, self.shared = work, AcceleratorState._shared_state
        self.mine = dict(self.shared)

    def __call__(self, count):
        """Work with this participant's state in place."""
        self.shared.clear()
        self.shared.update(self.mine)
        self.work(count)


def compete(work, *, gpu, rounds, count):
    """Let everybody take turns; return median seconds per unit, by name."""
    clock = time.perf_counter if gpu else time.process_time
    for one in work.values():
        one(count)
    seconds = {name: [] for name in work}
    for _ in range(rounds):
        for name, one in work.items():
            synchronize(gpu)
            start = clock()
            one(count)
            synchronize(gpu)
            seconds[name].append((clock() - start) / count)
    return {name: statistics.median(times) for name, times in seconds.items()}


def synchronize(gpu):
    if gpu:
        torch.cuda.synchronize()


def table(title, seconds, images, *, flop=None):
    print(f"\n{title}")
    for name, per in seconds.items():
        line = f"  {name:24s} {images / per:10.1f} images/s"
        if name != "ours":
            line += f"   ours is {per / seconds['ours']:.2f}x"
        if flop is not None:
            line += f"   MFU {flop / per / H100_BF16:.1%} of an H100"
        print(line, flush=True)


def train(args, folder, paths):
    training, our_steps = ours(args, folder, paths)
    work = {"ours": Turn(our_steps)}
    try:
        if args.network == "unet2d":
            work["diffusers' script"] = Turn(diffusers_script(args, paths))
        else:
            work["lucidrains' Trainer"] = Turn(lucidrains_trainer(args, folder, paths))
    except ImportError as fault:
        print(f"left out: {fault}")
    flop = step_flop(training) if args.gpu else None
    seconds = compete(work, gpu=args.gpu, rounds=args.rounds, count=args.count)
    size = training.settings.batch_size
    table(f"train {args.network} {args.precision}, batch {size}", seconds, size, flop=flop)
    if args.gpu:
        print(f"  peak memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB, all together")


def step_flop(training):
    """Count the floating-point operations of one step."""
    from curadiff.diffusion.networks import network
    from curadiff.diffusion.train import engine
    from torch.utils.flop_counter import FlopCounterMode

    replay = training.batch_loss
    training.batch_loss = getattr(replay, "function", replay)
    with (
        engine.eager(network.unwrap(training.state.network)),
        FlopCounterMode(display=False) as all_,
    ):
        training.train_step()
    training.batch_loss = replay
    return all_.get_total_flops()


def sample(args, folder, paths):
    from curadiff.common.devices import choose_device
    from curadiff.diffusion import schedules
    from curadiff.diffusion.networks import network
    from curadiff.diffusion.sampling.batch import sample_images
    from curadiff.diffusion.train import engine
    from diffusers import DDIMPipeline, DDIMScheduler

    s = settings(args)
    device = choose_device(s.device)
    wrapped = network.build(s).to(device).requires_grad_(False)
    levels = schedules.alpha_bar(s.schedule, s.timesteps)
    pipe = DDIMPipeline(
        network.unwrap(wrapped),
        DDIMScheduler(
            trained_betas=schedules.betas(s.schedule, s.timesteps).tolist(),
            prediction_type=s.prediction,
            timestep_spacing="trailing",
        ),
    )
    pipe.set_progress_bar_config(disable=True)
    bf16 = engine.precision_of(args.precision, device) == "bf16"
    steps = 50 if args.gpu else 5

    def mine(count):
        for i in range(count):
            sample_images(
                wrapped,
                range(i, i + s.batch_size),
                size=s.image_size,
                alpha_bar=levels.tolist(),
                prediction=s.prediction,
                sampler="ddim",
                evaluations=steps,
                device=device,
                autocast=torch.bfloat16 if bf16 else None,
            )

    def theirs(count):
        with engine.eager(network.unwrap(wrapped)):
            for _ in range(count):
                pipe(batch_size=s.batch_size, num_inference_steps=steps, output_type="np")

    work = {"ours": mine, "DDIMPipeline": theirs}
    seconds = compete(work, gpu=args.gpu, rounds=args.rounds, count=1)
    table(f"sample, DDIM {steps} steps, batch {s.batch_size}", seconds, s.batch_size)


def load(args, folder, paths):
    from torchvision import transforms

    training, _ = ours(args, folder, paths)
    s, batches, step = training.settings, training.batches, itertools.count()

    def mine(count):
        for _ in range(count):
            batches.take(batches.part(batches.plan(next(step), 0), 0))

    transform = transforms.Compose(
        [
            transforms.Resize(s.image_size),
            transforms.CenterCrop(s.image_size),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
        ]
    )
    decoded = endless(loader_of(paths, transform, s.batch_size, workers=args.workers))

    def theirs(count):
        for _ in range(count):
            next(decoded).to(training.device)

    work = {"ours": mine, "decoding data loader": theirs}
    seconds = compete(work, gpu=args.gpu, rounds=args.rounds, count=10)
    table(f"load, batch {s.batch_size}", seconds, s.batch_size)


def overhead(args, folder, paths):
    training, _ = ours(args, folder, paths)
    calls = iter(range(1, 10**9))
    work = {
        "step": lambda count: [training.train_step() for _ in range(count)],
        "average": lambda count: [training.state.update_ema(1) for _ in range(count)],
        "log": lambda count: [training._log() for _ in range(count) if next(calls)],
    }
    seconds = compete(work, gpu=args.gpu, rounds=args.rounds, count=args.count)
    every, per_log = training.settings.ema_every, 2.0  # an entry every two seconds
    share = seconds["average"] / every / seconds["step"] + seconds["log"] / per_log
    print(f"\nlogs and averaging take {share:.2%} of a step")


VERBS = {"train": train, "sample": sample, "load": load, "overhead": overhead}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=[*VERBS, "gpu"])
    parser.add_argument("--network", choices=["unet2d", "lucidrains"], default="unet2d")
    parser.add_argument("--precision", choices=["auto", "no", "bf16"], default="auto")
    parser.add_argument("--size", choices=list(SIZES), default=None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=3, help="steps per round")
    parser.add_argument("--workers", type=int, default=None, help="of the peer's data loader")
    args = parser.parse_args()
    args.gpu = args.verb == "gpu"
    args.size = args.size or ("study" if args.gpu else "tiny")
    if args.workers is None:
        args.workers = 8 if args.gpu else 0
    if args.gpu and not torch.cuda.is_available():
        sys.exit("no CUDA device here; leave out 'gpu' for the tiny CPU version")
    if not args.gpu:
        torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CURADIFF_HOME"] = name
        (folder / "pictures").mkdir()
        paths = pictures(folder / "pictures")
        if not args.gpu:
            VERBS[args.verb](args, folder, paths)
            return
        args.count = max(args.count, 20)
        for network in ("unet2d", "lucidrains"):
            args.network = network
            train(args, folder, paths)
        args.network = "unet2d"
        for verb in (sample, load, overhead):
            verb(args, folder, paths)


if __name__ == "__main__":
    main()
