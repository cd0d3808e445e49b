"""The network of denoising-diffusion-pytorch trains and draws where diffusers is not installed."""

import subprocess
import sys

from curadiff import runs
from curadiff.diffusion import prepare

WITHOUT = """
import sys
for name in ("diffusers", "fiftyone", "plotly", "open_clip", "denoising_diffusion_pytorch"):
    sys.modules[name] = None
import torch
torch.set_num_threads(1)
from curadiff import runs
from curadiff.config import GenerateSettings
from curadiff.diffusion import generate, train_here
run = runs.open_run(sys.argv[1])
assert train_here(run) == "finished"
folder = generate(run, GenerateSettings(count=2, steps=3, device="cpu"))
print(len(list(folder.glob("*.png"))), flush=True)
train_here(runs.open_run(sys.argv[2]))
"""


def test_it_trains_and_draws_and_the_other_network_says_what_it_needs(pictures, tiny, prepared):
    settings = tiny(network="lucidrains", multipliers="1-2", layers=2, steps=2)
    run = runs.create("train", settings.model_dump(), name="alone")
    prepare(run, ids=[str(n) for n in range(10)], paths=pictures, settings=settings)
    words = [sys.executable, "-P", "-c", WITHOUT, str(run.path), str(prepared("needs").path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.split()[-1:] == ["2"], done.stderr
    assert (run.path / "grids").is_dir()
    assert not (run.path / "model_index.json").exists()
    assert done.returncode != 0
    assert "the network unet2d needs diffusers, which does not import here" in done.stderr
