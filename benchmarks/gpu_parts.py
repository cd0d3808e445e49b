"""What ``gpu.py`` measures and checks: a function for each part.

Every part takes the report that it adds to, a folder of its own, and ``toy``: True for toy size
on the CPU.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
# Dense bf16 peaks, FLOP per second, from NVIDIA's data sheets.
PEAK_BF16 = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L4": 121e12}


NOT_FUSED = "CUDA graphs, not fused"


@contextmanager
def not_fused():
    """Build networks without fused kernels, to compare."""
    from curadiff.diffusion.networks import on_gpu

    with mock.patch.object(on_gpu, "fuses", return_value=False):
        yield


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


def arguments(network, toy):
    """Arguments of `training.ours` and of the peers for a training of the study's size, or tiny."""
    size, workers = ("tiny", 0) if toy else ("study", 8)
    return SimpleNamespace(
        gpu=not toy, size=size, network=network, precision="bf16", workers=workers
    )


def training_pictures(folder, toy):
    """Write pictures to train on into a folder; return their paths."""
    from training_peers import pictures

    (folder / "pictures").mkdir()
    return pictures(folder / "pictures", count=112 if toy else 192, size=48 if toy else 192)


def train(network, report, folder, toy, *, compile_only=False, compiling=True):
    """Images per second of the variants of our training, and of the peer."""
    import training
    from training_peers import diffusers_script, lucidrains_trainer

    gpu = not toy
    args, paths = arguments(network, toy), training_pictures(folder, toy)
    rounds, count = (1, 1) if toy or compile_only else (3, 20)
    variants = {"launched": "no"}
    if gpu:  # the most important first
        variants = {"CUDA graphs": "graphs", **variants, NOT_FUSED: "graphs", "compiled": "yes"}
    peers = {"unet2d": diffusers_script, "lucidrains": lucidrains_trainer}
    peer_args = (args, paths) if network == "unet2d" else (args, folder, paths)
    if compile_only:
        variants = {"compiled": "yes"}
    elif not compiling:
        variants.pop("compiled", None)
    peer, results = None, {}
    try:
        peer = None if compile_only else training.Turn(peers[network](*peer_args))
    except ImportError as fault:
        report.add(peer_left_out=str(fault))
    if gpu:
        from curadiff.diffusion.networks import on_gpu

        report.add(fused_norms=on_gpu.why_not(network) or "yes")
    flop = None
    for name, compiled in variants.items():
        if gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        with not_fused() if name == NOT_FUSED else nullcontext():
            trainer, steps = training.ours(
                args, folder / name, paths, compile=compiled, mixed_precision="bf16"
            )
        size = trainer.settings.batch_size
        flop = flop or training.step_flop(trainer)
        turns = {"ours": training.Turn(steps)} | ({} if peer is None else {"peer": peer})
        seconds = training.compete(turns, gpu=gpu, rounds=rounds, count=count)
        results[name] = {
            "compiled": trainer.compiled,
            "cuda_graphs": trainer.cuda_graphs,
            "images_per_second": size / seconds["ours"],
        }
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


def train_unet2d(report, folder, toy, **options):
    train("unet2d", report, folder, toy, **options)


def train_lucidrains(report, folder, toy, **options):
    train("lucidrains", report, folder, toy, **options)


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


def gpu_tests(report, folder, toy, marked="not slow"):
    """tests/diffusion/test_gpu.py; its results as pytest counts them."""
    if importlib.util.find_spec("pytest") is None:
        report.add(left_out="pytest is not installed")
        return
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "tests/diffusion/test_gpu.py"]
    # Not the project's own configuration: it asks for plug-ins that may not be installed.
    command += ["-c", os.devnull, "--rootdir", str(ROOT), "--import-mode=importlib"]
    command += ["-p", "no:cacheprovider", "--disable-warnings", "-m", marked]
    command += ["--collect-only"] if toy else []
    Path(folder, "curadiff").symlink_to(ROOT)  # found by its name where it is not installed
    paths = filter(None, (str(folder), os.environ.get("PYTHONPATH")))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    report.add(exit_status=done.returncode, output=(done.stdout + done.stderr)[-6000:])


def gpu_tests_compiled(report, folder, toy):
    """Those of its tests that compile."""
    gpu_tests(report, folder, toy, marked="slow")


BY_VALUES = ("top", "difficulty", "preview-harm")  # methods that choose by given values


def picks(report, folder, toy):
    """Whether a GPU chooses the images that the CPU chooses."""
    from curadiff import selectors

    rng = np.random.default_rng(0)
    x = rng.standard_normal((200 if toy else 4_000, 64), dtype=np.float32)
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


def sampling(report, folder, toy, *, compile_only=False, compiling=True):
    """Images per second of 128 px with DDIM and 50 evaluations, and DDIMPipeline's."""
    from curadiff.config import TrainSettings
    from curadiff.diffusion import schedules
    from curadiff.diffusion.networks import network, on_gpu
    from curadiff.diffusion.sampling.batch import sample_images
    from curadiff.diffusion.train import engine, graphs

    device = torch.device("cpu" if toy else "cuda")
    count, rows, evaluations = (4, 2, 2) if toy else (1000, 32, 50)
    size = {"image_size": 16, "base_channels": 16, "multipliers": "1-2"} if toy else {}
    for name in ("unet2d", "lucidrains"):
        settings = TrainSettings(**size, network=name)
        values = {"batch_size": rows, "evaluations": evaluations}

        def add(images, seconds, label, name=name, values=values):
            values[f"{label}_images_per_second"] = images / seconds
            report.add(**{name: values})

        try:
            if name == "unet2d" and not compile_only:
                plain = network.build(settings).to(device, memory_format=torch.channels_last)
                for label, autocast in (("bf16", torch.bfloat16), ("fp32", None)):
                    seconds = pipeline(plain, settings, rows, evaluations, autocast, gpu=not toy)
                    add(rows, seconds, f"DDIMPipeline_{label}")
            model = on_gpu.prepare(network.build(settings), device, half=True)
            model.requires_grad_(False)
        except ImportError as fault:  # diffusers is not installed
            report.add(**{name: {"left_out": str(fault)}})
            continue
        levels = schedules.alpha_bar(settings.schedule, settings.timesteps).tolist()

        def draw(called, seeds, steps=evaluations, settings=settings, levels=levels):
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

        ways = {"launched": model}
        if not toy:
            values["fused_norms"] = on_gpu.why_not(name) or "yes"
            plain = on_gpu.prepare(network.build(settings), device, half=False)
            plain.requires_grad_(False)
            ways = {"CUDA graphs": graphs.Replay(model), **ways}
            ways[NOT_FUSED] = graphs.Replay(plain)
        if compiling and not toy:
            built = on_gpu.prepare(network.build(settings), device, half=True, compiled=True)
            replayed = engine.CudaGraphReplay(built.requires_grad_(False))
            values["compiled"] = engine.compile_or_explain(
                network.unwrap(built),
                lambda draw=draw, replayed=replayed: draw(replayed, range(rows), 1),
                cache=folder / "compiled",
                graphs=True,
            )
            ways = {"compiled": replayed, **({} if compile_only else ways)}
        for label, called in ways.items():
            draw(called, range(rows))
            drawn = rows if toy or compile_only else 4 * rows
            if label == "compiled" and name == "unet2d" and not compile_only:
                drawn = -(-count // rows) * rows
            synchronize(not toy)
            begin = time.perf_counter()
            for first in range(0, drawn, rows):
                draw(called, range(first, first + rows))
            synchronize(not toy)
            add(drawn, time.perf_counter() - begin, label)


def pipeline(model, settings, rows, evaluations, autocast, *, gpu):
    """Seconds of DDIMPipeline for a batch on the same network, eager as it comes."""
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
    kind = "cuda" if gpu else "cpu"
    with engine.eager(unet), torch.autocast(kind, autocast, enabled=autocast is not None):
        return seconds_of(
            lambda: pipe(batch_size=rows, num_inference_steps=evaluations, output_type="np"),
            gpu=gpu,
            rounds=1,
        )


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
