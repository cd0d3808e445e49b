"""Everything random is a function of (seed, step)."""

import numpy as np
import torch
from curadiff.diffusion.train import randomness

CPU = torch.device("cpu")


def plan(**values):
    standard = {"seed": 3, "step": 7, "batch_size": 4, "images": 10, "timesteps": 100}
    return randomness.plan_step(**{**standard, "flip": True, "attempt": 0, **values})


def same(a, b):
    fields = ("index", "flip", "t", "noise")
    return [bool((getattr(a, f) == getattr(b, f)).all()) for f in fields]


def test_the_same_seed_and_step_plan_the_same_batch():
    assert all(same(plan(), plan()))


def test_another_seed_or_step_plans_another_batch():
    assert not all(same(plan(), plan(seed=4)))
    assert not all(same(plan(), plan(step=8)))


def test_another_attempt_keeps_the_images_and_draws_new_noise():
    index, _, _, noise = same(plan(), plan(attempt=1))
    assert index
    assert not noise


def test_every_image_is_used_once_per_epoch_even_where_batches_span_epochs():
    used = np.concatenate([plan(step=s, batch_size=4).index for s in range(15)])  # 60 = 6 epochs
    for epoch in used.reshape(6, 10):
        assert sorted(epoch) == list(range(10))
    assert len({tuple(epoch) for epoch in used.reshape(6, 10)}) == 6


def test_a_batch_may_be_larger_than_the_data_set():
    index = plan(step=1, batch_size=25).index
    together = np.concatenate([plan(step=0, batch_size=25).index, index])
    assert np.bincount(together).tolist() == [5] * 10


def test_parts_of_a_batch_are_those_of_the_whole():
    whole, part = plan(batch_size=8), plan(batch_size=8).part(slice(4, 8))
    assert (whole.t[4:] == part.t).all()
    assert len(part.index) == 4


def test_noise_of_an_image_depends_on_its_seed_alone():
    together = randomness.normal([5, 6, 7], (3, 8, 8), CPU)
    alone = randomness.normal([6], (3, 8, 8), CPU)
    assert torch.equal(together[1], alone[0])
    assert not torch.equal(together[0], together[1])


def test_noise_is_standard_normal_and_levels_and_flips_are_uniform():
    noise = randomness.normal(range(50), (3, 32, 32), CPU)
    assert abs(noise.mean().item()) < 0.01
    assert abs(noise.std().item() - 1) < 0.01
    big = plan(batch_size=20_000, images=20_000)
    assert 0.48 < big.flip.mean() < 0.52
    counts = np.bincount(big.t, minlength=100)
    assert counts.shape == (100,)
    assert (abs(counts - 200) < 6 * 200**0.5).all()


def test_flips_can_be_left_out():
    assert not plan(batch_size=100, flip=False).flip.any()
