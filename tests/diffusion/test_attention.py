"""Attention on a CPU under bfloat16."""

import pytest
import torch
from curadiff.diffusion.networks import network


@pytest.fixture(params=["unet2d", "lucidrains"])
def built(request, tiny):
    settings = tiny(network=request.param, base_channels=16, multipliers="1-2", layers=2)
    return network.build(settings).eval()


@pytest.fixture
def seen(monkeypatch):
    """The number formats that attention computes in."""
    attend, formats = torch.nn.functional.scaled_dot_product_attention, []

    def watched(query, *args, **kwargs):
        formats.append(query.dtype)
        return attend(query, *args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
    return formats


def answer(net, autocast):
    generator = torch.Generator().manual_seed(0)
    x_t = torch.randn(2, 3, 16, 16, generator=generator)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        return net(x_t, torch.tensor([3, 700]))


def test_attention_stays_in_float32_and_the_rest_in_bfloat16(built, seen):
    exact, rounded = answer(built, False), answer(built, True)
    assert len(seen) >= 2
    assert set(seen) == {torch.float32}
    assert rounded.dtype == torch.bfloat16
    assert not torch.equal(exact, rounded.float())
    torch.testing.assert_close(rounded.float(), exact, atol=0.05, rtol=0.05)


def test_it_is_called_as_diffusers_expects(tiny, monkeypatch):
    from diffusers.models import attention_processor

    said = []
    monkeypatch.setattr(attention_processor.logger, "warning", said.append)
    answer(network.build(tiny(base_channels=16)), True)
    assert not said


def test_without_autocast_it_is_diffusers_own_attention(tiny):
    from diffusers import UNet2DModel

    settings = tiny(base_channels=16)
    ours = network.build(settings)
    theirs = UNet2DModel(**network.unet2d_config(settings))
    theirs.load_state_dict(network.unwrap(ours).state_dict())
    x_t, t = torch.randn(2, 3, 16, 16), torch.tensor([3, 700])
    with torch.no_grad():
        assert torch.equal(ours(x_t, t), theirs(x_t, t).sample)
