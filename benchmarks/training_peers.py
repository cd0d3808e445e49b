"""Who is measured beside us in ``training.py``: the same network, their way to train it."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

SIZES = {
    "tiny": {"image_size": 32, "base_channels": 16, "batch_size": 16, "multipliers": "1-1.5-3"},
    "small": {"image_size": 64, "base_channels": 32, "batch_size": 16, "multipliers": "1-2-4-8"},
    "study": {"image_size": 128, "base_channels": 64, "batch_size": 32},
}


def pictures(folder, count=192, size=192):
    """Write portrait JPEG files, as a camera's are: smooth, with some noise.

    As many as fill whole batches: lucidrains' Trainer takes a last one of fewer images as a step.
    """
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        coarse = rng.integers(0, 256, (8, 6, 3), dtype=np.uint8)
        photo = Image.fromarray(coarse).resize((size * 3 // 4, size), Image.Resampling.BICUBIC)
        paths.append(folder / f"{number:04d}.jpg")
        photo.save(paths[-1], quality=90)
    return paths


def settings(args):
    from curadiff.config import TrainSettings

    size = dict(SIZES[args.size])
    if args.network == "lucidrains":
        size.pop("multipliers", None)
    return TrainSettings(
        **size,
        steps=10**6,
        network=args.network,
        mixed_precision=args.precision,
        device="cuda" if args.gpu else "cpu",
    )


def diffusers_script(args, paths):
    """What diffusers' unconditional training script does in a step, on our network."""
    from accelerate import Accelerator
    from curadiff.common.devices import choose_device
    from curadiff.diffusion import schedules
    from curadiff.diffusion.networks import network
    from curadiff.diffusion.train import engine
    from diffusers import DDPMScheduler, UNet2DModel
    from diffusers.training_utils import EMAModel
    from torchvision import transforms

    s = settings(args)
    engine.AcceleratorState._reset_state()
    precision = engine.precision_of(s.mixed_precision, choose_device(s.device))
    accelerator = Accelerator(mixed_precision=precision, cpu=not args.gpu)
    model = UNet2DModel(**network.unet2d_config(s))
    ema = EMAModel(model.parameters(), use_ema_warmup=True)
    ema.to(accelerator.device)
    scheduler = DDPMScheduler(trained_betas=schedules.betas(s.schedule, s.timesteps).tolist())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.95, 0.999))
    prepare_picture = transforms.Compose(
        [
            transforms.Resize(s.image_size),
            transforms.CenterCrop(s.image_size),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.5], [0.5]),
        ]
    )
    loader = loader_of(paths, prepare_picture, s.batch_size, workers=args.workers)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    batches = endless(loader)

    def steps(count):
        for _ in range(count):
            clean = next(batches)
            noise = torch.randn_like(clean)
            t = torch.randint(0, s.timesteps, (len(clean),), device=clean.device)
            answer = model(scheduler.add_noise(clean, noise, t), t).sample
            loss = torch.nn.functional.mse_loss(answer.float(), noise)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            ema.step(model.parameters())
            loss.detach().item()  # its progress bar shows every step

    return steps


def lucidrains_trainer(args, folder, paths):
    """Return steps of denoising-diffusion-pytorch's Trainer at its defaults."""
    from curadiff.diffusion.train import engine
    from denoising_diffusion_pytorch import GaussianDiffusion, Trainer, Unet

    s = settings(args)
    engine.AcceleratorState._reset_state()
    diffusion = GaussianDiffusion(Unet(s.base_channels), image_size=s.image_size)
    trainer = Trainer(
        diffusion,
        str(paths[0].parent),
        train_batch_size=s.batch_size,
        train_lr=1e-4,
        train_num_steps=0,
        save_and_sample_every=10**9,
        calculate_fid=False,
        results_folder=str(folder / "results"),
    )

    def steps(count):
        trainer.train_num_steps += count
        trainer.train()

    return steps


def loader_of(paths, transform, batch_size, workers):
    class Files(torch.utils.data.Dataset):
        def __len__(self):
            return len(paths)

        def __getitem__(self, place):
            return transform(Image.open(paths[place]).convert("RGB"))

    return torch.utils.data.DataLoader(
        Files(), batch_size, shuffle=True, drop_last=True, num_workers=workers
    )


def endless(loader):
    while True:
        yield from loader
