"""Images per second: ``Encoder.embed`` against FiftyOne's ``compute_embeddings``.

    python benchmarks/embedding.py [--model resnet18] [--images 64] [--size 1024x768]

Both run the same network (timm, random weights), the same transform and the
same photographs, in one process on the CPU with one torch thread; rounds are
interleaved and medians compared. FiftyOne gets no worker processes, as it would
inside a running App; ``--workers 2`` gives it some.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import fiftyone as fo
import fiftyone.utils.torch as fout
import numpy as np
import timm
import torch
from curadiff import encoders
from PIL import Image
from safetensors.torch import save_file


def photographs(folder, count, size):
    """Draw JPEGs with coarse structure and fine noise, as photographs have."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 9, 3), dtype=np.uint8))
        image = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=float)
        image = np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
        paths.append(str(folder / f"{number:04}.jpg"))
        Image.fromarray(image).save(paths[-1], quality=92)
    return paths


def timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--model", default="resnet18")
    words.add_argument("--images", type=int, default=64)
    words.add_argument("--size", default="768x1024", help="WIDTHxHEIGHT of the photographs")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--workers", type=int, default=0, help="FiftyOne's worker processes")
    given = words.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        paths = photographs(Path(folder), given.images, tuple(map(int, given.size.split("x"))))
        network = timm.create_model(given.model)
        weights = str(Path(folder, "weights.safetensors"))
        save_file({k: v.contiguous() for k, v in network.state_dict().items()}, weights)
        network.reset_classifier(0)
        config = timm.data.resolve_data_config({}, model=network)
        theirs = fout.TorchImageModel(
            fout.TorchImageModelConfig(
                {
                    "model": network.eval(),
                    "transforms": timm.data.create_transform(**config),
                    "ragged_batches": False,
                    "raw_inputs": False,
                    "as_feature_extractor": True,
                    "device": "cpu",
                }
            )
        )
        ours = encoders.load(f"timm:{given.model}", weights=weights, device="cpu")
        data = fo.Dataset()
        data.add_samples([fo.Sample(filepath=path) for path in paths], progress=False)
        contenders = {
            "curadiff": lambda: ours.embed(paths, batch_size=32).features,
            "fiftyone": lambda: data.compute_embeddings(
                theirs, batch_size=32, num_workers=given.workers, progress=False
            ),
        }
        seconds = {name: [] for name in contenders}
        busy = {name: [] for name in contenders}
        features = {}
        for number in range(given.rounds + 1):
            for name, work in contenders.items():
                features[name], wall, cpu = timed(work)
                if number:  # the first round warms up
                    seconds[name].append(wall)
                    busy[name].append(cpu)
        data.delete()
    gap = np.abs(features["curadiff"] - features["fiftyone"]).max()
    print(f"{given.model}, {given.images} JPEGs of {given.size}, batches of 32, 1 torch thread")
    for name in contenders:
        wall, cpu = statistics.median(seconds[name]), statistics.median(busy[name])
        rate = given.images / wall
        print(f"{name}: {rate:6.1f} images/s, {1000 * cpu / given.images:5.1f} ms CPU per image")
    pairs = zip(seconds["fiftyone"], seconds["curadiff"], strict=True)
    ratio = statistics.median(theirs / ours for theirs, ours in pairs)
    print(f"ratio {ratio:.2f} (bar 1.20); largest difference of a feature {gap:.1e}")


if __name__ == "__main__":
    main()
