"""Difficulty of images: the closed form for a network that predicts zero, and a trained run."""

import numpy as np
import pytest
import torch
from curadiff.common.errors import RunError
from curadiff.diffusion import manifest, schedules, train_here
from curadiff.diffusion.train.difficulty import denoising_losses, image_difficulty
from curadiff.diffusion.train.objective import Objective

CPU = torch.device("cpu")


def zero(x, t):
    return torch.zeros_like(x)


def test_predicting_the_zero_picture_costs_each_images_own_mean_square():
    alpha_bar = schedules.alpha_bar("cosine", 100)
    objective = Objective(alpha_bar, prediction="sample", min_snr=None, device=CPU)
    pictures = torch.rand(5, 3, 8, 8) * torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9]).view(5, 1, 1, 1)
    snr = (alpha_bar / (1 - alpha_bar))[[10, 30, 50, 70, 90]].mean().item()
    expected = snr * pictures.square().mean((1, 2, 3)).double().numpy()
    losses = denoising_losses(zero, objective, pictures, levels=5)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_predicting_no_noise_costs_every_image_the_same():
    objective = Objective(
        schedules.alpha_bar("cosine", 100), prediction="epsilon", min_snr=None, device=CPU
    )
    losses = denoising_losses(zero, objective, torch.rand(6, 3, 16, 16) * 2 - 1)
    assert losses == pytest.approx(1, abs=0.05)  # the variance of the noise
    assert np.ptp(losses) == 0  # which is the same noise for all


def test_a_run_gives_the_same_values_again_and_for_any_images(prepared, pictures):
    run = prepared("hard")
    with pytest.raises(RunError, match="no checkpoint yet"):
        image_difficulty(run, device="cpu")
    train_here(run)
    values = image_difficulty(run, device="cpu")
    assert values.shape == (10,)
    assert np.isfinite(values).all()
    assert len(set(values.tolist())) == 10
    np.testing.assert_array_equal(image_difficulty(run, device="cpu"), values)
    some = pictures[7:2:-2]
    listed = manifest.make(["a", "b", "c"], some, manifest.hashes(some))
    np.testing.assert_allclose(
        image_difficulty(run, listed, device="cpu"), values[7:2:-2], rtol=1e-4
    )
