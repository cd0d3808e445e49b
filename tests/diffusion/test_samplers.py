"""Samplers against the exact answer: for Gaussian data the best estimate of x_0 is known."""

import math

import numpy as np
import pytest
import torch
from curadiff.diffusion import schedules
from curadiff.diffusion.sampling import samplers

MEAN, STD = 0.3, 0.5


def knowing(alpha_bar):
    """Return the mean of x_0 given x_t, for data drawn from N(MEAN, STD^2)."""

    def picture(x_t, t):
        a = alpha_bar[t]
        gain = math.sqrt(a) * STD**2 / (a * STD**2 + 1 - a)
        return MEAN + gain * (x_t - math.sqrt(a) * MEAN)

    return picture


def start(n=20_000):
    return torch.randn(n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def sample_named(name, evaluations, x, schedule="cosine", timesteps=1000):
    levels = schedules.alpha_bar(schedule, timesteps).tolist()
    generator = torch.Generator().manual_seed(1)
    return samplers.sample(
        name,
        knowing(levels),
        x,
        alpha_bar=levels,
        evaluations=evaluations,
        noise_sampler=lambda t: torch.randn(x.shape, generator=generator, dtype=x.dtype),
    )


@pytest.mark.parametrize("schedule", schedules.SCHEDULES)
@pytest.mark.parametrize("name", samplers.SAMPLERS)
def test_every_sampler_draws_the_distribution_of_the_data(name, schedule):
    found = sample_named(name, 1000, start(), schedule)
    assert found.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert found.std().item() == pytest.approx(STD, abs=0.02)


@pytest.mark.parametrize("name", ["ddim", "dpm-solver++", "heun"])
def test_deterministic_samplers_follow_the_probability_flow(name):
    # For Gaussian data the flow maps noise z at level T to MEAN + STD * z, up to what
    # little picture is left at T - 1.
    x = start(1000)
    a = schedules.alpha_bar("cosine", 1000)[-1].item()
    spread = math.sqrt(a * STD**2 + 1 - a)
    expected = MEAN + STD * (x - math.sqrt(a) * MEAN) / spread
    torch.testing.assert_close(sample_named(name, 1000, x), expected, atol=0.01, rtol=0)


def error(name, evaluations):
    x = start(1000)
    return (sample_named(name, evaluations, x) - (MEAN + STD * x)).abs().max().item()


def test_second_order_samplers_need_fewer_evaluations():
    assert error("dpm-solver++", 20) < error("ddim", 20) / 2
    assert error("heun", 40) < error("ddim", 40) / 2


@pytest.mark.parametrize("name", samplers.SAMPLERS)
def test_more_evaluations_come_closer(name):
    if name != "ddpm":
        assert error(name, 200) < error(name, 20)


def test_ddim_is_that_of_diffusers():
    from diffusers import DDIMScheduler

    levels = schedules.alpha_bar("sigmoid", 1000).tolist()
    theirs = DDIMScheduler(
        num_train_timesteps=1000,
        trained_betas=schedules.betas("sigmoid", 1000).tolist(),
        prediction_type="sample",
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="trailing",
    )
    theirs.set_timesteps(50)
    assert theirs.timesteps.tolist() == samplers.levels(1000, 50)
    x = torch.randn((4, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    ours = samplers.sample("ddim", knowing(levels), x, alpha_bar=levels, evaluations=50)
    for t in theirs.timesteps:
        x = theirs.step(knowing(levels)(x, int(t)), t, x).prev_sample
    torch.testing.assert_close(ours, x, atol=1e-4, rtol=0)


def test_ddpm_over_all_levels_is_that_of_diffusers():
    from diffusers import DDPMScheduler

    levels = schedules.alpha_bar("cosine", 100).tolist()
    theirs = DDPMScheduler(
        num_train_timesteps=100,
        trained_betas=schedules.betas("cosine", 100).tolist(),
        prediction_type="sample",
        clip_sample=False,
        variance_type="fixed_small",
    )
    theirs.set_timesteps(100)
    x = torch.randn((4, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    ours_from, theirs_from = (torch.Generator().manual_seed(5) for _ in range(2))
    ours = samplers.sample(
        "ddpm",
        knowing(levels),
        x,
        alpha_bar=levels,
        evaluations=100,
        noise_sampler=lambda t: torch.randn(x.shape, generator=ours_from),
    )
    for t in theirs.timesteps:
        x = theirs.step(knowing(levels)(x, int(t)), t, x, generator=theirs_from).prev_sample
    torch.testing.assert_close(ours, x, atol=1e-4, rtol=0)


def test_dpm_solver_is_that_of_diffusers():
    from diffusers import DPMSolverMultistepScheduler

    levels = schedules.alpha_bar("linear", 1000).tolist()
    theirs = DPMSolverMultistepScheduler(
        num_train_timesteps=1000,
        trained_betas=schedules.betas("linear", 1000).tolist(),
        prediction_type="sample",
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        timestep_spacing="trailing",
        final_sigmas_type="zero",
        lower_order_final=True,
    )
    theirs.set_timesteps(20)
    assert theirs.timesteps.tolist() == samplers.levels(1000, 20)
    x = torch.randn((4, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    ours = samplers.sample("dpm-solver++", knowing(levels), x, alpha_bar=levels, evaluations=20)
    for t in theirs.timesteps:
        x = theirs.step(knowing(levels)(x, int(t)), t, x).prev_sample
    torch.testing.assert_close(ours, x, atol=1e-3, rtol=0)


@pytest.mark.parametrize("evaluations", [1, 7, 250, 999, 1000])
def test_levels_begin_at_pure_noise_and_never_repeat(evaluations):
    ts = samplers.levels(1000, evaluations)
    assert len(ts) == evaluations
    assert ts[0] == 999
    assert ts[-1] >= 0
    assert (np.diff(ts) < 0).all()


def test_heun_counts_network_evaluations():
    asked = []
    levels = schedules.alpha_bar("cosine", 100).tolist()

    def picture(x, t):
        asked.append(t)
        return x * 0

    samplers.sample("heun", picture, torch.ones(2), alpha_bar=levels, evaluations=19)
    assert len(asked) == 19


def test_a_deterministic_sampler_has_no_use_for_fresh_noise():
    levels = schedules.alpha_bar("cosine", 10).tolist()
    with pytest.raises(AssertionError, match="asked for noise"):
        samplers.sample("ddpm", lambda x, t: x, torch.ones(2), alpha_bar=levels, evaluations=10)
