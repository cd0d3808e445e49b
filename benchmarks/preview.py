"""What a preview costs and finds, on Fashion-MNIST's idx files.

    python benchmarks/preview.py arms IMAGES LABELS      seven arms of 1,000, 200 drawings each
    python benchmarks/preview.py speed IMAGES LABELS     CPU seconds a picture
    python benchmarks/preview.py screening IMAGES LABELS deviation from the exact mean
    python benchmarks/preview.py planted IMAGES LABELS   planted images found by harm, and dropped
    python benchmarks/preview.py windows IMAGES LABELS   windows by rule and by covariance

IMAGES and LABELS are the official training files, packed or not. 3,000 images are held out,
11,647 are the pool, and the judge, a small network, is trained on the 45,000 others. Values are
comparable with each other only. For ``speed`` IMAGES may be a folder of photographs, without
LABELS. Windows are the product's default; ``--windows`` says others. ``--json FILE`` writes what
was measured.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from curadiff import metrics, selectors
from curadiff.config import PreviewSettings
from curadiff.diffusion import schedules
from curadiff.diffusion.analytic import denoiser, harm
from curadiff.diffusion.analytic.drawing import Model
from curadiff.diffusion.sampling import samplers
from curadiff.studies.preview.copies import COPY
from PIL import Image, ImageFilter
from torch import nn

HELD_OUT, POOL, BUDGET, PLANTED = 3000, 11_647, 1000, 35
LEVELS = schedules.alpha_bar("karras", 1000).tolist()
DRAW = {"alpha_bar": LEVELS, "sampler": "ddim", "evaluations": 12}
PART = 16
WINDOWS = PreviewSettings.model_fields["windows"].default


class Judge(nn.Module):
    """Three strided convolutions and 64 features."""

    def __init__(self):
        super().__init__()
        layers = []
        for before, after in ((1, 24), (24, 48), (48, 96)):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.ReLU()]
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(1536, 64), nn.ReLU())
        self.classes = nn.Linear(64, 10)

    @torch.no_grad()
    def see(self, pictures):
        """Return features (n, 64) of (n, 32, 32) uint8."""
        return self.features(_unit(pictures)).numpy().astype(np.float64)


def _unit(pictures):
    return torch.from_numpy(np.array(pictures)).float()[:, None] / 127.5 - 1


def train_judge(pictures, labels, epochs=4):
    torch.manual_seed(0)
    judge = Judge()
    optimizer = torch.optim.AdamW(judge.parameters(), 2e-3)
    classes = torch.from_numpy(labels.astype(np.int64))
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - epoch / (epochs + 0.5))
        for rows in torch.randperm(len(labels)).split(128):
            logits = judge.classes(judge.features(_unit(pictures[rows.numpy()])))
            loss = F.cross_entropy(logits, classes[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return judge


def idx(path):
    data = Path(path).read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    dimensions = data[3]
    shape = np.frombuffer(data, ">u4", dimensions, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def read(given):
    pictures = np.pad(idx(given.images), ((0, 0), (2, 2), (2, 2)))
    labels = idx(given.labels)
    order = np.random.default_rng(0).permutation(len(pictures))
    held_out, pool = order[:HELD_OUT], order[HELD_OUT : HELD_OUT + POOL]
    rest = order[HELD_OUT + POOL :]
    return pictures[held_out], pictures[pool], (pictures[rest], labels[rest])


def model(pictures, size=32, windows=None):
    """Make a model of gray pictures (n, 32, 32), or of color ones (n, 3, side, side)."""
    if pictures.ndim == 3:
        pictures = np.repeat(pictures[:, None], 3, 1)
    if size > pictures.shape[-1]:
        scale = size // pictures.shape[-1]
        pictures = pictures.repeat(scale, 2).repeat(scale, 3)
    by = windows or WINDOWS
    return Model(pictures, side=32, mirrored=False, by=by, device=torch.device("cpu"))


def draw(drawer, count):
    made = [drawer.sample(range(at, at + PART), **DRAW) for at in range(0, count, PART)]
    pictures = np.concatenate([one.pictures[..., 0] for one in made])[:count]
    return pictures, [source for one in made for source in one.sources][:count]


def frechet(real, drawn):
    return metrics.frechet_distance(real=real, generated=drawn)


def arms(given):
    held_out, pool, others = read(given)
    judge = train_judge(*others)
    real = judge.see(held_out)
    flat = pool.reshape(len(pool), -1) / 255.0
    flat = flat - flat.mean(0)
    axes = np.linalg.eigh(flat.T @ flat)[1][:, -64:]
    x = (flat @ axes).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    chosen = [("random", seed) for seed in range(given.draws)] + [("coreset", 0), ("typicality", 0)]
    begun, used = time.perf_counter(), time.process_time()
    rows_of = []
    print("arm, forecast Frechet (the chosen images), Frechet of the drawings")
    for method, seed in chosen:
        rows = selectors.select(x, BUDGET, method=method, seed=seed).indices
        pictures, _ = draw(model(pool[rows], given.size, given.windows), given.count)
        if given.size > 32:
            pictures = reduced(pictures)
        forecast = frechet(real, judge.see(pool[rows]))
        drawn = frechet(real, judge.see(pictures))
        rows_of.append({"arm": method, "seed": seed, "forecast": forecast, "drawn": drawn})
        print(f"  {method:12} {forecast:7.2f} {drawn:7.2f}", flush=True)
    return {"arms": rows_of, **report(begun, used)}


def reduced(pictures):
    """Bring pictures back to 32 px, which the judge was trained on."""
    images = [Image.fromarray(one).resize((32, 32), Image.Resampling.BOX) for one in pictures]
    return np.stack([np.asarray(one) for one in images])


def windows(given):
    """Compare the two ways to find windows, by drawings of random arms against held-out images."""
    held_out, pool, others = read(given)
    judge = train_judge(*others)
    real = judge.see(held_out)
    found = []
    print("seed, and by windows: Frechet, coverage, share of copies, median of the largest share")
    for seed in range(given.first, given.first + given.seeds):
        rows = np.random.default_rng(200 + seed).choice(len(pool), BUDGET, replace=False)
        values = {}
        for by in ("rule", "covariance"):
            used = time.process_time()
            pictures, sources = draw(model(pool[rows], windows=by), given.count)
            seen = judge.see(pictures)
            largest = np.array([source.largest(1)[1][0] for source in sources])
            covered = metrics.density_coverage(real=real, generated=seen)["coverage"]
            values[by] = {
                "frechet": frechet(real, seen),
                "coverage": float(covered),
                "copied": float((largest >= COPY).mean()),
                "largest_share": float(np.median(largest)),
                "cpu_seconds": time.process_time() - used,
            }
        found.append({"seed": seed, **values})
        print(f"  {seed} {values}", flush=True)
    return {"seeds": found}


def speed(given):
    if Path(given.images).is_dir():
        large = photographs(Path(given.images), 128)
        small = F.interpolate(torch.from_numpy(large).float(), (32, 32), mode="area").byte().numpy()
        cases = [(small, 32), (large, 128)]
    else:
        _, pool, _ = read(given)
        cases = [(pool[:BUDGET], 32), (pool[:BUDGET], 128), (pool, 32)]
    rows = []
    for pictures, size in cases:
        drawer = model(pictures, size, given.windows)
        draw(drawer, PART)  # what is done once is not counted
        used = time.process_time()
        draw(drawer, given.count)
        seconds = (time.process_time() - used) / given.count
        rows.append({"images": len(pictures), "size": size, "cpu_seconds": seconds})
        print(
            f"  {len(pictures):6} images, {size:3} px: {seconds:.3f} CPU-s a picture, "
            f"{seconds / rows[0]['cpu_seconds']:.2f} times",
            flush=True,
        )
    return {"rows": rows, **report()}


def photographs(folder, side):
    """Read the pictures of a folder as (n, 3, side, side) uint8."""
    images = [
        Image.open(path).convert("RGB").resize((side, side))
        for path in sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png"))
    ]
    return np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])


def screening(given):
    _, pool, _ = read(given)
    drawer = model(pool)
    visited = samplers.visited_levels("ddim", len(LEVELS), 12)
    x = torch.cat(
        [torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(n)) for n in range(4)]
    )
    fast = denoiser.Sampling(drawer.denoiser)
    exact = denoiser.Sampling(drawer.denoiser, screen=False)
    print("sigma, root mean squared deviation in gray levels of 255")
    levels = []
    for t, after in zip(visited, [*visited[1:], None], strict=True):
        a = LEVELS[t]
        sigma = ((1 - a) / a) ** 0.5
        found, full = (one.denoise(x / a**0.5, sigma) for one in (fast, exact))
        off = (found - full).square().mean().sqrt().item() * 127.5
        print(f"  {sigma:7.2f} {off:6.2f}", flush=True)
        levels.append({"sigma": sigma, "deviation": off})
        b = 1.0 if after is None else LEVELS[after]
        noise = (x - a**0.5 * full) / (1 - a) ** 0.5
        x = b**0.5 * full + (1 - b) ** 0.5 * noise
    return {"levels": levels}


def damaged(pool, rng):
    """Make 15 foreign images, noise of several grains, and 20 blurred, negative or cut ones."""
    foreign = []
    for number in range(15):
        grain = (4, 8, 16)[number % 3]
        small = Image.fromarray(rng.integers(0, 256, (grain, grain), dtype=np.uint8))
        foreign.append(np.asarray(small.resize((32, 32), Image.Resampling.BICUBIC)))
    spoiled = []
    for number, picture in enumerate(pool[rng.choice(len(pool), 20, replace=False)]):
        if number < 7:
            blurred = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(3))
            spoiled.append(np.asarray(blurred))
        elif number < 14:
            spoiled.append(255 - picture)
        else:
            cut = picture.copy()
            cut[:, 16:] = 0
            spoiled.append(cut if number % 2 else cut.T)
    return np.stack([*foreign, *spoiled])


def planted(given):
    held_out, pool, others = read(given)
    judge = train_judge(*others)
    real = judge.see(held_out)
    print("seed, AUC, Frechet with all, without the worst 5 %, without 5 % by chance")
    results = []
    for seed in range(given.first, given.first + given.seeds):
        rng = np.random.default_rng(100 + seed)
        pictures = pool[rng.choice(len(pool), BUDGET, replace=False)]
        pictures = np.concatenate([pictures, damaged(pool, rng)])
        n, drawer = len(pictures), model(pictures, windows=given.windows)
        made = [drawer.vary(range(at, min(at + PART, n)), **DRAW) for at in range(0, n, PART)]
        seen = judge.see(np.concatenate([one.pictures[..., 0] for one in made]))
        bad = harm.outside(real=real, drawn=seen)
        made_of = [source for one in made for source in one.sources]
        found = harm.influence(made_of, outside=bad, n=n)
        rank = np.empty(n)
        rank[found.worst()[::-1]] = np.arange(1, n + 1)
        auc = (rank[-PLANTED:].sum() - PLANTED * (PLANTED + 1) / 2) / (PLANTED * BUDGET)
        dropped = round(0.05 * n)
        kept = [np.arange(n), found.worst()[dropped:], rng.permutation(n)[dropped:]]
        values = [
            frechet(
                real,
                judge.see(
                    draw(model(pictures[np.sort(rows)], windows=given.windows), given.count)[0]
                ),
            )
            for rows in kept
        ]
        print(f"  {seed} {auc:.3f} " + " ".join(f"{value:.2f}" for value in values), flush=True)
        names = ("all", "without_worst", "without_as_many_by_chance")
        frechets = dict(zip(names, values, strict=True))
        results.append({"seed": seed, "auc": auc, "frechet": frechets})
    return {"seeds": results}


def report(begun=None, used=None):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if begun is not None:
        wall, busy = time.perf_counter() - begun, time.process_time() - used
        print(f"  {wall:.0f} s, {busy:.0f} CPU-s", end=", ")
    print(f"  peak memory {peak:.0f} MB on {torch.get_num_threads()} threads")
    measured = {"peak_megabytes": round(peak), "threads": torch.get_num_threads()}
    if begun is not None:
        measured |= {"seconds": round(wall, 1), "cpu_seconds": round(busy, 1)}
    return measured


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=tuple(PARTS))
    parser.add_argument("images")
    parser.add_argument("labels", nargs="?")
    parser.add_argument("--count", type=int, default=200, help="drawings per arm")
    parser.add_argument("--draws", type=int, default=5, help="random arms")
    parser.add_argument("--seeds", type=int, default=3, help="pools with planted images")
    parser.add_argument("--first", type=int, default=0, help="the first of these seeds")
    parser.add_argument("--size", type=int, default=32, help="side of the drawings of arms")
    parser.add_argument("--windows", choices=("rule", "covariance"), default=WINDOWS)
    parser.add_argument("--json", type=Path, help="file for what was measured")
    given = parser.parse_args()
    measured = PARTS[given.what](given)
    if given.json:
        settings = {name: str(value) for name, value in vars(given).items() if name != "json"}
        settings |= {"images": Path(given.images).name, "labels": Path(given.labels or "none").name}
        text = json.dumps({"settings": settings, **(measured or {})}, indent=1)
        given.json.write_text(text + "\n")


PARTS = {
    "arms": arms,
    "speed": speed,
    "screening": screening,
    "planted": planted,
    "windows": windows,
}


if __name__ == "__main__":
    main()
