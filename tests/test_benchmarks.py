"""Benchmarks still run; their figures are nobody's business here."""

import subprocess
import sys
from pathlib import Path

import pytest

TRAINING = Path(__file__).parents[1] / "benchmarks" / "training.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("train", "diffusers' script"),
        ("sample", "DDIMPipeline"),
        ("load", "decoding data loader"),
        ("overhead", "of a step"),
    ],
)
def test_training_is_compared_with_its_peers(verb, said):
    command = [sys.executable, str(TRAINING), verb, "--rounds", "1", "--count", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


@pytest.mark.slow
def test_without_a_gpu_the_gpu_benchmark_says_so():
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = subprocess.run([sys.executable, str(TRAINING), "gpu"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no CUDA device here" in done.stderr
