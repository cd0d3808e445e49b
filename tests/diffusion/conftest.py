from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from curadiff import runs
from curadiff.config import TrainSettings
from curadiff.diffusion import prepare, train_here
from curadiff.diffusion.sampling import grid
from PIL import Image

TINY = {
    "image_size": 16,
    "base_channels": 16,
    "multipliers": "0.5-1",
    "layers": 1,
    "steps": 6,
    "batch_size": 4,
    "timesteps": 50,
    "learning_rate": 1e-3,
    "checkpoint_every": 3,
    "ema_every": 1,
    "ema_warmup": 2,
    "device": "cpu",
    "mixed_precision": "no",
}


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """Give every test its own home, one thread, and sample grids of few steps, not of most work."""
    monkeypatch.setenv("CURADIFF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(grid, "EVALUATIONS", 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pictures(tmp_path):
    """Ten small portrait pictures of one color each with a darker square."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = []
    for number in range(10):
        picture = np.empty((30, 20, 3), np.uint8)
        picture[:] = rng.integers(80, 256, 3)
        picture[10:20, 5:15] //= 2
        path = folder / f"{number}.png"
        Image.fromarray(picture).save(path)
        paths.append(path)
    return paths


@pytest.fixture
def tiny():
    """Settings of a training that takes a second; values can be replaced."""

    def make(**values):
        return TrainSettings(**{**TINY, **values})

    return make


@pytest.fixture
def prepared(pictures, tiny):
    """Make a prepared run with tiny settings; values can be replaced."""

    def make(name, **values):
        settings = tiny(**values)
        run = runs.create("train", settings.model_dump(), name=name)
        prepare(run, ids=[f"id{i}" for i in range(10)], paths=pictures, settings=settings)
        return run

    return make


@pytest.fixture(scope="session")
def templates() -> dict[str, Path]:
    """Folders of finished trainings, to be copied, by what was trained."""
    return {}


@pytest.fixture
def finished(prepared, templates, tmp_path_factory):
    """Give a finished training with tiny settings, of its own: trained once and copied."""

    def make(name, **values):
        run, trained = prepared(name, **values), repr((name, *sorted(values.items())))
        if trained in templates:
            shutil.copytree(templates[trained], run.path, dirs_exist_ok=True)
        else:
            train_here(run)
            template = tmp_path_factory.mktemp("finished") / "run"
            shutil.copytree(run.path, template, ignore=shutil.ignore_patterns("manifest.json"))
            templates[trained] = template  # only what was copied whole is copied again
        return run

    return make


@pytest.fixture
def weights():
    """Read the last checkpoint's files as bytes, by name."""
    from curadiff.diffusion.train import checkpoint

    def read(run):
        folder = checkpoint.path_of(run.path, checkpoint.saved_steps(run.path)[-1])
        return {file.name: file.read_bytes() for file in folder.glob("*.safetensors")}

    return read


COMPARING = """
import kernel_accesses
import torch
import torch.nn.functional as F

kernel_accesses.watch()

torch.manual_seed(0)
torch.set_num_threads(1)

def compare(ours, expected, inputs, tolerance):
    towards = torch.randn_like(expected)
    error = [(ours.double() - expected).abs().max() / expected.abs().max()]
    for one, other in zip(
        torch.autograd.grad(ours, inputs, towards.to(ours.dtype)),
        torch.autograd.grad(expected, inputs, towards),
    ):
        error.append((one.double() - other).abs().max() / other.abs().max())
    assert max(error) < tolerance, error
"""


@pytest.fixture
def interpreted():
    """Run a program whose Triton kernels are interpreted and watched; it has ``compare``."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("torch is here without Triton")

    def run(program):
        done = subprocess.run(
            [sys.executable, "-c", COMPARING + program + "print('all alike')"],
            env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.strip() == "all alike", done.stderr[-3000:]

    return run
