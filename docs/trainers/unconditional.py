"""Train with diffusers' ``train_unconditional.py``, then draw: a program for ``trainer: command``.

    trainer: command
    command: [python, unconditional.py, train_unconditional.py,
              "{images}", "{out}", "{seed}", "{steps}", "--resolution=64", "--train_batch_size=16"]

The script counts epochs, knows no seed and saves a pipeline. So steps are turned into epochs, the
random numbers are seeded before it starts, and images are drawn from what it saved. Other options,
each written ``--name=value``, are the script's own. It needs ``pip install datasets tensorboard``.
"""

from __future__ import annotations

import math
import runpy
import sys
from pathlib import Path

import torch
from accelerate.utils import set_seed
from diffusers import DDIMScheduler, DDPMPipeline

COUNT, STEPS, AT_ONCE = 1000, 50, 50
"""Images that are drawn, DDIM steps of each, and how many are drawn at once."""


def train(script: str, images: Path, model: Path, *, seed: int, steps: int, own: list[str]) -> None:
    """Run the script in this process, so that the seed holds for it."""
    batch = int(option(own, "train_batch_size") or 16)
    count = len((images / "metadata.jsonl").read_text(encoding="utf-8").splitlines())
    epochs = math.ceil(steps / math.ceil(count / batch))
    words = [f"--train_data_dir={images}", f"--output_dir={model}", f"--num_epochs={epochs}"]
    sys.argv = [script, *words, *own]
    set_seed(seed)
    runpy.run_path(script, run_name="__main__")


def option(words: list[str], name: str) -> str | None:
    """Return the value of ``--name=value`` among some words, None where it is not there."""
    values = [word.partition("=")[2] for word in words if word.startswith(f"--{name}=")]
    return values[-1] if values else None


def draw(model: Path, out: Path, *, seed: int, count: int) -> None:
    """Draw images, the same noise for the same seed whatever the model."""
    pipeline = DDPMPipeline.from_pretrained(model)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.to("cuda" if torch.cuda.is_available() else "cpu")
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        noise = [torch.Generator().manual_seed(seed * count + number) for number in numbers]
        drawn = pipeline(batch_size=len(noise), generator=noise, num_inference_steps=STEPS).images
        for number, image in zip(numbers, drawn, strict=True):
            image.save(out / f"{number:06d}.png")


def main(words: list[str]) -> None:
    """Train and draw: ``SCRIPT IMAGES OUT SEED STEPS [--count=N] [options of the script]``."""
    script, images, out, seed, steps, *options = words
    count = int(option(options, "count") or COUNT)
    own = [word for word in options if not word.startswith("--count=")]
    model = Path(out).parent / "model"
    if not (model / "model_index.json").exists():  # a second start only draws
        train(script, Path(images), model, seed=int(seed), steps=int(steps), own=own)
    draw(model, Path(out), seed=int(seed), count=count)


if __name__ == "__main__":
    main(sys.argv[1:])
