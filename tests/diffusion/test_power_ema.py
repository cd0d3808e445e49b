"""Averages of any length, against weighted sums of a recorded trajectory."""

import numpy as np
import pytest
import torch
from curadiff.common.errors import RunError, SettingsError
from curadiff.config import GenerateSettings
from curadiff.diffusion import generate, train_here
from curadiff.diffusion.sampling import generate as drawing
from curadiff.diffusion.train import checkpoint, power_ema
from curadiff.diffusion.train.worker import train_run
from safetensors.torch import load_file


def test_exponents_are_those_of_the_paper():
    assert power_ema.gamma_of(0.05) == pytest.approx(16.97, abs=0.01)
    assert power_ema.gamma_of(0.10) == pytest.approx(6.94, abs=0.01)
    for gamma in (0.5, 3.0, 20.0):
        s = (np.arange(200_000) + 0.5) / 200_000
        p = s**gamma / (s**gamma).sum()
        deviation = np.sqrt((p * s**2).sum() - (p * s).sum() ** 2)
        assert power_ema.gamma_of(deviation) == pytest.approx(gamma, rel=1e-3)


def shares(steps, gamma):
    """The share of each step's weights in the average: (i^(g+1) - (i-1)^(g+1)) / T^(g+1)."""
    i = np.arange(1, steps + 1)
    return (i ** (gamma + 1) - (i - 1.0) ** (gamma + 1)) / steps ** (gamma + 1)


def test_updates_make_the_weighted_average_of_the_trajectory():
    trajectory = torch.randn(60, 7, dtype=torch.float64)
    averages = {group: {"w": torch.zeros(7, dtype=torch.float64)} for group in power_ema.GROUPS}
    for step, weights in enumerate(trajectory, 1):
        power_ema.update(averages, {"w": weights}, step)
    for length, group in zip(power_ema.LENGTHS, power_ema.GROUPS, strict=True):
        expected = shares(60, power_ema.gamma_of(length)) @ trajectory.numpy()
        np.testing.assert_allclose(averages[group]["w"], expected, rtol=1e-10, atol=1e-12)


def test_inner_products_are_integrals():
    s = (np.arange(400_000) + 0.5) / 400_000 * 3

    def profile(t, gamma):
        return np.where(s < t, (gamma + 1) * s**gamma / t ** (gamma + 1), 0)

    for a, b in (((1.0, 2.0), (3.0, 6.9)), ((2.0, 17.0), (1.5, 0.3)), ((2.0, 1.0), (2.0, 4.0))):
        expected = (profile(*a) * profile(*b)).sum() * 3 / 400_000
        assert power_ema.inner_product(*map(np.float64, (*a, *b))) == pytest.approx(
            expected, rel=1e-3
        )


@pytest.mark.parametrize("length", [0.05, 0.08, 0.10, 0.15])
def test_other_lengths_are_put_together_from_snapshots(tmp_path, length):
    # a trajectory that moves as weights do: a trend, and noise that averages out
    rng = np.random.default_rng(0)
    steps, every = 400, 20
    trend = np.log(np.arange(1, steps + 1))[:, None] * rng.standard_normal(50)
    trajectory = torch.from_numpy(trend + rng.standard_normal((steps, 50)).cumsum(0) * 0.05)
    averages = {group: {"w": torch.zeros(50, dtype=torch.float64)} for group in power_ema.GROUPS}
    for step, weights in enumerate(trajectory, 1):
        power_ema.update(averages, {"w": weights}, step)
        if step % every == 0:
            power_ema.save(tmp_path, step, averages)
    for at in (400, 300):
        expected = shares(at, power_ema.gamma_of(length)) @ trajectory[:at].numpy()
        made = power_ema.reconstruct(tmp_path, at, length)["w"].double().numpy()
        scale = np.abs(trajectory[at - 1].numpy() - expected).mean()  # what averaging changes
        assert np.abs(made - expected).mean() < 0.03 * scale


def test_too_few_snapshots_are_said_and_a_damaged_one_refused(tmp_path):
    averages = {group: {"w": torch.ones(3)} for group in power_ema.GROUPS}
    with pytest.raises(RunError, match="has no snapshots of averages up to step 9"):
        power_ema.reconstruct(tmp_path, 9, 0.1)
    power_ema.save(tmp_path, 9, averages)
    with pytest.warns(UserWarning, match="length 0.02 at step 9 differs by"):
        made = power_ema.reconstruct(tmp_path, 9, 0.02)["w"]
    torch.testing.assert_close(made, torch.ones(3))  # weights sum to 1
    power_ema.path_of(tmp_path, 9).write_bytes(b"else")
    with pytest.raises(RunError, match="is damaged"):
        power_ema.reconstruct(tmp_path, 9, 0.1)


def test_a_training_keeps_them_resumes_to_the_bit_and_draws(prepared, weights):
    values = {"power_ema_every": 2, "grid_every": 99}
    whole, parts = prepared("whole", **values), prepared("parts", **values)
    train_here(whole)
    calls = iter([False, False, False, True])
    assert train_run(parts, lambda: next(calls)) == "stopped"
    train_here(parts)
    assert weights(whole) == weights(parts)
    assert power_ema.saved_steps(whole.path) == [2, 4, 6]
    for step in (2, 4, 6):
        one, other = (power_ema.path_of(run.path, step).read_bytes() for run in (whole, parts))
        assert one == other
    kept = load_file(checkpoint.path_of(whole.path, 6) / f"{power_ema.group_of(0.1)}.safetensors")
    made = power_ema.reconstruct(whole.path, 6, 0.10)
    for name, tensor in kept.items():
        torch.testing.assert_close(made[name], tensor, atol=2e-3, rtol=2e-3)
    settings = {"count": 2, "steps": 2, "device": "cpu"}
    of_length = generate(whole, GenerateSettings(ema=0.08, **settings))
    plain = generate(whole, GenerateSettings(**settings))
    assert of_length != plain
    with pytest.raises(SettingsError, match="ema is a length of averaged weights"):
        GenerateSettings(ema=0.1, weights="raw")
    without = prepared("without", steps=1)
    train_here(without)
    with pytest.raises(RunError, match="train with power_ema_every"):
        generate(without, GenerateSettings(ema=0.1, **settings))
    assert not (without.path / "generated").exists()
    assert drawing.WEIGHTS["ema"] == "ema"  # the ordinary average stays the default
