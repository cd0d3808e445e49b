"""Everything that only a GPU can show, in one run of at most eight minutes.

    python benchmarks/gpu.py [--out results.json] [--minutes 8] [--only PART ...]
    python benchmarks/gpu.py --rehearse     # every part at toy size, on the CPU

Needs neither FiftyOne nor an installed Curadiff. Parts are in order of importance; each has a
process of its own and a share of the time, so that none takes the others down with it, and the
JSON file is written after every measurement. A part that needs a package that is not installed
says so under ``left_out``; one that fails has its traceback under ``error``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[1]
if importlib.util.find_spec("curadiff") is None:
    runpy.run_path(str(ROOT / "runs" / "bootstrap.py"), run_name="bootstrap")["introduce"]()

import numpy as np  # noqa: E402
import torch  # noqa: E402

# Dense bf16 peaks, FLOP per second, from NVIDIA's data sheets.
PEAK_BF16 = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L4": 121e12}
PACKAGES = ("torch", "diffusers", "accelerate", "timm", "denoising-diffusion-pytorch", "pytest")


class Report:
    """The result of one part, written after every value."""

    def __init__(self, path: Path) -> None:
        self.path, self.values = path, {}

    def add(self, **values) -> None:
        """Add values and write the file."""
        self.values.update(values)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.values))
        part.replace(self.path)


def seconds_of(work, *, gpu, rounds=3):
    """Median wall time of ``work()`` after one warm-up call."""
    work()
    seconds = []
    for _ in range(rounds):
        synchronize(gpu)
        begin = time.perf_counter()
        work()
        synchronize(gpu)
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def synchronize(gpu):
    if gpu:
        torch.cuda.synchronize()


def peak_of_card():
    if not torch.cuda.is_available():
        return None
    card = torch.cuda.get_device_name()
    return next((peak for name, peak in PEAK_BF16.items() if name in card), None)


def train(network, report, folder, toy):
    """Images per second of the variants of our training, and of the peer."""
    import training
    from training_peers import diffusers_script, lucidrains_trainer, pictures

    gpu = not toy
    args = SimpleNamespace(
        gpu=gpu, size="tiny" if toy else "study", network=network, precision="bf16", workers=0
    )
    if gpu:
        args.workers = 8
    (folder / "pictures").mkdir()
    paths = pictures(folder / "pictures", count=112 if toy else 192, size=48 if toy else 192)
    rounds, count = (1, 1) if toy else (5, 20)
    variants = {"eager": ("no", False)}
    if gpu:
        variants |= {"compiled": ("yes", False), "compiled, CUDA graphs": ("yes", True)}
    peers = {"unet2d": diffusers_script, "lucidrains": lucidrains_trainer}
    peer_args = (args, paths) if network == "unet2d" else (args, folder, paths)
    peer, results = None, {}
    try:
        peer = training.Turn(peers[network](*peer_args))
    except ImportError as fault:
        report.add(peer_left_out=str(fault))
    flop = None
    for name, (compiled, graphs) in variants.items():
        if gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        trainer, steps = training.ours(
            args, folder / name, paths, graphs=graphs, compile=compiled, mixed_precision="bf16"
        )
        size = trainer.settings.batch_size
        flop = flop or training.step_flop(trainer)
        turns = {"ours": training.Turn(steps)} | ({} if peer is None else {"peer": peer})
        seconds = training.compete(turns, gpu=gpu, rounds=rounds, count=count)
        results[name] = {"compiled": trainer.compiled, "images_per_second": size / seconds["ours"]}
        if peer is not None:
            results[name] |= {
                "peer_images_per_second": size / seconds["peer"],
                "times_the_peer": seconds["peer"] / seconds["ours"],
            }
        if peak_of_card() is not None:
            results[name]["mfu"] = flop / seconds["ours"] / peak_of_card()
        if gpu:
            results[name]["peak_memory_gib"] = torch.cuda.max_memory_allocated() / 2**30
        report.add(batch_size=size, flop_per_step=flop, variants=results)
        del trainer, steps


def train_unet2d(report, folder, toy):
    train("unet2d", report, folder, toy)


def train_lucidrains(report, folder, toy):
    train("lucidrains", report, folder, toy)


def resume(report, folder, toy):
    """Whether a training that was stopped ends with the bits of one that was not."""
    from curadiff import runs
    from curadiff.config import TrainSettings
    from curadiff.diffusion import prepare
    from curadiff.diffusion.train import checkpoint
    from curadiff.diffusion.train.worker import train_run
    from safetensors.torch import load_file
    from training_peers import pictures

    (folder / "pictures").mkdir()
    paths = pictures(folder / "pictures", count=16, size=48)
    steps = 4 if toy else 40
    settings = TrainSettings(
        network="lucidrains",
        image_size=16 if toy else 64,
        base_channels=16 if toy else 64,
        multipliers="1-2" if toy else "1-2-4-8",
        steps=steps,
        batch_size=4 if toy else 16,
        timesteps=100,
        device="cpu" if toy else "cuda",
        mixed_precision="no" if toy else "bf16",
        compile="no",
        checkpoint_every=steps,
        grid_every=10**6,
    )

    def trained(name, stop_after):
        run = runs.create("train", settings.model_dump(), name=name)
        prepare(run, ids=[path.name for path in paths], paths=paths, settings=settings)
        calls = iter(range(10**6))
        if stop_after:
            train_run(run, lambda: next(calls) >= stop_after - 1)
        train_run(run, lambda: False)
        return checkpoint.path_of(run.path, steps)

    whole, parts = trained("whole", None), trained("parts", steps // 2)
    differences = {}
    for name in ("model", "ema", "optimizer"):
        one, other = (load_file(at / f"{name}.safetensors") for at in (whole, parts))
        differences[name] = max((one[key] - other[key]).abs().max().item() for key in one)
    report.add(largest_difference=differences, bit_exact=not any(differences.values()))


def gpu_tests(report, folder, toy):
    """tests/diffusion/test_gpu.py; its results as pytest counts them."""
    if importlib.util.find_spec("pytest") is None:
        report.add(left_out="pytest is not installed")
        return
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "tests/diffusion/test_gpu.py"]
    # Not the project's own configuration: it asks for plug-ins that may not be installed.
    command += ["-c", os.devnull, "--rootdir", str(ROOT), "--import-mode=importlib"]
    command += ["-p", "no:cacheprovider", "-m", "not slow", *(["--collect-only"] if toy else [])]
    Path(folder, "curadiff").symlink_to(ROOT)  # found by its name where it is not installed
    env = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    report.add(exit_status=done.returncode, output=done.stdout[-6000:])


BY_VALUES = ("top", "difficulty", "preview-harm")  # methods that choose by given values


def picks(report, folder, toy):
    """Whether a GPU chooses the images that the CPU chooses."""
    from curadiff import selectors

    rng = np.random.default_rng(0)
    x = rng.standard_normal((200 if toy else 20_000, 64), dtype=np.float32)
    x[1::2] = x[::2]  # ties in every second row
    device, agree = "cpu" if toy else "cuda", {}
    for method in selectors.METHODS:
        options = {"weights": rng.random(len(x))} if method in BY_VALUES else {}
        try:
            one, other = (
                selectors.select(x, 50, method=method, device=where, **options).indices
                for where in ("cpu", device)
            )
            agree[method] = bool(np.array_equal(one, other))
        except Exception as fault:
            agree[method] = f"{type(fault).__name__}: {fault}"
        report.add(agree=agree)


def sampling(report, folder, toy):
    """Seconds for 1,000 images of 128 px with DDIM and 50 evaluations, and DDIMPipeline's."""
    from curadiff.config import TrainSettings
    from curadiff.diffusion import schedules
    from curadiff.diffusion.networks import network
    from curadiff.diffusion.sampling.batch import sample_images
    from curadiff.diffusion.train import engine

    device = torch.device("cpu" if toy else "cuda")
    count, rows, evaluations = (4, 2, 2) if toy else (1000, 32, 50)
    size = {"image_size": 16, "base_channels": 16, "multipliers": "1-2"} if toy else {}
    for name in ("lucidrains", "unet2d"):
        settings = TrainSettings(**size, network=name)
        try:
            model = network.build(settings)
        except Exception as fault:  # diffusers is not installed
            report.add(**{name: {"left_out": str(fault)}})
            continue
        model = model.to(device, memory_format=torch.channels_last).requires_grad_(False)
        levels = schedules.alpha_bar(settings.schedule, settings.timesteps).tolist()
        called = engine.CudaGraphReplay(model) if not toy else model

        def draw(seeds, steps=evaluations, settings=settings, levels=levels, called=called):
            return sample_images(
                called,
                seeds,
                size=settings.image_size,
                alpha_bar=levels,
                prediction=settings.prediction,
                sampler="ddim",
                evaluations=steps,
                device=device,
                autocast=torch.bfloat16,
                rows=rows,
            )

        values = {}
        per_image = {
            "eager": seconds_of(lambda draw=draw: draw(range(2 * rows)), gpu=not toy, rounds=1)
        }
        if not toy:
            values["compiled"] = engine.compile_or_explain(
                network.unwrap(model),
                lambda draw=draw: draw(range(rows), 1),
                cache=folder / "compiled",
                graphs=True,
            )
            begin = time.perf_counter()
            for first in range(0, count, 2 * rows):
                draw(range(first, first + 2 * rows))
            synchronize(True)
            per_image["compiled"] = time.perf_counter() - begin
            drawn = -(-count // (2 * rows)) * 2 * rows
            values["compiled_images_per_second"] = drawn / per_image["compiled"]
        values["eager_images_per_second"] = 2 * rows / per_image["eager"]
        if name == "unet2d":
            values |= pipeline(model, settings, rows, evaluations, gpu=not toy)
        report.add(**{name: values})


def pipeline(model, settings, rows, evaluations, *, gpu):
    from curadiff.diffusion import schedules
    from curadiff.diffusion.networks import network
    from curadiff.diffusion.train import engine
    from diffusers import DDIMPipeline, DDIMScheduler

    scheduler = DDIMScheduler(
        trained_betas=schedules.betas(settings.schedule, settings.timesteps).tolist(),
        prediction_type=settings.prediction,
        timestep_spacing="trailing",
    )
    unet = network.unwrap(model)
    pipe = DDIMPipeline(unet, scheduler)
    pipe.set_progress_bar_config(disable=True)
    with engine.eager(unet):
        seconds = seconds_of(
            lambda: pipe(batch_size=rows, num_inference_steps=evaluations, output_type="np"),
            gpu=gpu,
            rounds=1,
        )
    return {"DDIMPipeline_images_per_second": rows / seconds}


def k_center(report, folder, toy):
    """Seconds to choose 1,000 of a million embeddings by k-center."""
    from curadiff import selectors

    rows, budget = (2_000, 20) if toy else (1_000_000, 1000)
    x = np.random.default_rng(0).standard_normal((rows, 512), dtype=np.float32)
    begin = time.perf_counter()
    selectors.select(x, budget, method="coreset", device="cpu" if toy else "cuda")
    report.add(rows=rows, features=512, budget=budget, seconds=time.perf_counter() - begin)


def analytic(report, folder, toy):
    """Images per second of the analytic network at 64 px from 1,000 training images."""
    from curadiff.diffusion import schedules
    from curadiff.diffusion.analytic.drawing import Model

    count, size, seeds = (20, 16, 2) if toy else (1000, 64, 64)
    pictures = np.random.default_rng(0).integers(0, 256, (count, 3, size, size), dtype=np.uint8)
    device = torch.device("cpu" if toy else "cuda")
    model = Model(pictures, side=size, mirrored=True, by="rule", device=device)
    levels = schedules.alpha_bar("karras", 1000).tolist()
    seconds = seconds_of(
        lambda: model.sample(range(seeds), alpha_bar=levels, sampler="ddim", evaluations=12),
        gpu=not toy,
        rounds=1,
    )
    report.add(training_images=count, size=size, images_per_second=seeds / seconds)


def embedding(report, folder, toy):
    """Images per second of CLIP's vision towers with random weights, files to vectors."""
    if importlib.util.find_spec("timm") is None:
        report.add(left_out="timm is not installed")
        return
    import timm
    from curadiff import encoders
    from safetensors.torch import save_file
    from training_peers import pictures

    (folder / "pictures").mkdir()
    paths = pictures(folder / "pictures", count=2 if toy else 1024, size=64 if toy else 512)
    names = ["test_vit"] if toy else ["vit_base_patch32_clip_224", "vit_large_patch14_clip_224"]
    for name in names:
        weights = folder / f"{name}.safetensors"
        state = timm.create_model(name, num_classes=0).state_dict()
        save_file({key: value.contiguous() for key, value in state.items()}, weights)
        encoder = encoders.load(
            f"timm:{name}", weights=str(weights), device="cpu" if toy else "cuda"
        )
        encoder.embed(paths[:2], cache=False)
        begin = time.perf_counter()
        encoder.embed(paths, cache=False)
        report.add(**{name: {"images_per_second": len(paths) / (time.perf_counter() - begin)}})


PARTS = {
    "train_unet2d": (train_unet2d, 150),
    "train_lucidrains": (train_lucidrains, 150),
    "resume": (resume, 60),
    "gpu_tests": (gpu_tests, 120),
    "picks": (picks, 60),
    "sampling": (sampling, 150),
    "k_center": (k_center, 90),
    "analytic": (analytic, 60),
    "embedding": (embedding, 90),
}
"""By name, in order of importance: the part, and the seconds that it may take."""


def run_part(name, path, toy):
    """Run one part in this process; whatever happens is in its report."""
    report = Report(path)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CURADIFF_HOME"] = str(Path(folder, "home"))
        try:
            PARTS[name][0](report, Path(folder), toy)
        except ImportError as fault:
            report.add(left_out=f"{fault}; the part needs it")
        except Exception:
            report.add(error=traceback.format_exc())
    report.add(part_seconds=round(time.perf_counter() - begin, 1))


def versions():
    known = {}
    for name in PACKAGES:
        try:
            known[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            known[name] = None
    return known


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("gpu-results.json"))
    parser.add_argument("--minutes", type=float, default=8, help="for all parts together")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--rehearse", action="store_true", help="toy size, on the CPU")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        run_part(args.part, args.out, toy=False)
        return
    if not args.rehearse and not torch.cuda.is_available():
        sys.exit("no CUDA device here; --rehearse runs every part at toy size on the CPU")
    deadline = time.monotonic() + 60 * args.minutes
    results = {
        "card": "CPU, toy size" if args.rehearse else torch.cuda.get_device_name(),
        "python": platform.python_version(),
        "packages": versions(),
        "parts": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name in args.only:
            path = Path(folder, f"{name}.json")
            outcome = {}
            if args.rehearse:
                run_part(name, path, toy=True)
            else:
                left = min(PARTS[name][1], deadline - time.monotonic())
                outcome = in_own_process(name, path, left)
            values = json.loads(path.read_text()) if path.exists() else {}
            results["parts"][name] = {**values, **outcome}
            args.out.write_text(json.dumps(results, indent=1))
            print(name, json.dumps(results["parts"][name], indent=1), flush=True)


def in_own_process(name, path, seconds):
    """Run a part in a process of its own; returns what to add to its report."""
    if seconds < 10:
        return {"left_out": "no time was left"}
    command = [sys.executable, __file__, "--part", name, "--out", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"error": f"took longer than {seconds:.0f} s; what it has measured is kept"}
    if done.returncode:
        return {"error": f"exit status {done.returncode}: {done.stderr[-3000:]}"}
    return {}


if __name__ == "__main__":
    main()
