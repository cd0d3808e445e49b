"""Where the images of a batch are taken from."""

import numpy as np
import pytest
import torch
from curadiff.diffusion.train.batches import Batches


@pytest.mark.parametrize("name", ["cpu", "cpu:0"])
def test_images_that_are_on_the_device_are_chosen_there(tiny, name, monkeypatch):
    """Its name with and without a number is one device; choosing on the host would wait for it."""
    pictures = np.random.default_rng(0).integers(0, 256, (10, 3, 16, 16), dtype=np.uint8)
    settings = tiny(batch_size=8, horizontal_flip=False)
    batches = Batches(pictures, settings, device=torch.device(name))
    plan = batches.plan(0, 0)
    expected = torch.from_numpy(pictures[plan.index]).float() / 127.5 - 1
    torch.testing.assert_close(batches.take(plan).images, expected)
    assert batches.resident


def test_images_that_did_not_fit_are_chosen_on_the_host(tiny):
    pictures = np.zeros((10, 3, 16, 16), np.uint8)
    batches = Batches(pictures, tiny(batch_size=8), device=torch.device("meta"))
    assert not batches.resident
