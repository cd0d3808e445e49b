"""Noise schedules against their papers and against diffusers."""

import math

import pytest
import torch
from curadiff.diffusion import schedules


@pytest.mark.parametrize("name", schedules.SCHEDULES)
@pytest.mark.parametrize("timesteps", [50, 1000])
def test_noise_only_grows_and_the_picture_is_gone_at_the_end(name, timesteps):
    levels = schedules.alpha_bar(name, timesteps)
    assert levels.shape == (timesteps,)
    assert levels.dtype == torch.float64
    assert (levels.diff() < 0).all()
    assert levels[0] > 0.95
    assert levels[-1] < 1e-3


def test_linear_and_cosine_are_those_of_diffusers():
    from diffusers import DDPMScheduler

    for ours, theirs in [("linear", "linear"), ("cosine", "squaredcos_cap_v2")]:
        expected = DDPMScheduler(num_train_timesteps=1000, beta_schedule=theirs).betas
        torch.testing.assert_close(schedules.betas(ours, 1000).float(), expected, atol=1e-6, rtol=0)


def test_sigmoid_follows_its_formula_and_is_not_what_diffusers_calls_sigmoid():
    def gamma(t):
        def s(x):
            return 1 / (1 + math.exp(-x))

        return (s(3) - s(6 * t - 3)) / (s(3) - s(-3))

    levels = schedules.alpha_bar("sigmoid", 1000)
    for t, about in [(249, 0.85), (499, 0.5), (749, 0.15)]:
        assert levels[t].item() == pytest.approx(gamma((t + 1) / 1000), abs=1e-9)
        assert levels[t].item() == pytest.approx(about, abs=0.005)


def test_a_missing_schedule_is_refused_by_the_settings(tiny):
    from curadiff.common.errors import SettingsError

    with pytest.raises(SettingsError, match="schedule must be one of linear, cosine, sigmoid"):
        tiny(schedule="cosin")
