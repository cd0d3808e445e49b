"""The averaged weights against a plain loop."""

import itertools

import torch
from curadiff.diffusion.train import ema


def test_early_updates_copy_then_the_decay_grows_to_its_limit():
    kept = [ema.ema_decay_at(step, decay=0.9, every=1, warmup=3) for step in range(1, 200)]
    assert kept[:4] == [0.0] * 4
    assert 0 < kept[4] < kept[5] < kept[6]
    assert kept[-1] == 0.9
    assert all(a <= b for a, b in itertools.pairwise(kept))


def test_updates_come_every_so_many_steps_beginning_with_the_first():
    found = [
        s for s in range(1, 31) if ema.ema_decay_at(s, decay=0.9, every=10, warmup=0) is not None
    ]
    assert found == [1, 11, 21]


def test_an_update_mixes_average_and_weights():
    means = [torch.tensor([1.0, 2.0]), torch.tensor([[4.0]])]
    ema.ema_update(means, [torch.tensor([3.0, 2.0]), torch.tensor([[0.0]])], 0.75)
    assert torch.allclose(means[0], torch.tensor([1.5, 2.0]))
    assert torch.allclose(means[1], torch.tensor([[3.0]]))
