"""Fused norms, computed by Triton's interpreter; test_gpu.py has the GPU."""

from operator import attrgetter

import pytest
import torch
from curadiff.config import TrainSettings
from curadiff.diffusion.networks import network, on_gpu

INTERPRETED = """
from curadiff.diffusion.networks import fused
from curadiff.diffusion.networks.triton_norm import group_norm
from diffusers.models.resnet import ResnetBlock2D

CASES = [  # pictures, channels, sides, modulated, activated, type
    (2, 32, 5, 7, False, True, torch.float32),
    (2, 96, 24, 24, True, True, torch.float32),  # more places than one program reads
    (3, 160, 8, 8, True, False, torch.float32),
    (1, 48, 1, 1, False, False, torch.float32),
    (2, 64, 6, 6, True, True, torch.bfloat16),
]
for b, c, h, w, modulated, activate, dtype in CASES:
    x = (2 * torch.randn(b, c, h, w) + 30).to(dtype).requires_grad_()
    weight, bias = (torch.randn(c).requires_grad_() for _ in range(2))
    modulation = torch.randn(2 * c, b).T.requires_grad_()  # not in the order of memory
    expected = F.group_norm(x.double(), 8, weight.double(), bias.double(), 1e-5)
    if modulated:
        scale, shift = modulation.double()[:, :, None, None].chunk(2, 1)
        expected = expected * (1 + scale) + shift
    expected = F.silu(expected) if activate else expected
    given = modulation if modulated else None
    ours = group_norm(x, weight, bias, groups=8, eps=1e-5, modulation=given, activate=activate)
    assert ours.dtype == dtype and ours.is_contiguous(memory_format=torch.channels_last)
    inputs = [x, weight, bias, *([modulation] if modulated else [])]
    compare(ours, expected, inputs, 0.03 if dtype == torch.bfloat16 else 1e-3)

fused.why_not, fused.can_fuse = lambda: "", lambda x: True
for kind in ("scale_shift", "default"):
    made = {"in_channels": 16, "out_channels": 32, "temb_channels": 24, "groups": 8}
    block = ResnetBlock2D(**made, time_embedding_norm=kind).double()
    x, code = torch.randn(2, 16, 6, 6).double().requires_grad_(), torch.randn(2, 24).double()
    plain = block(x, code)
    assert fused.fuse(torch.nn.Sequential(block)) and type(block) is fused.FusedResnetBlock2D
    compare(block(x, code), plain, [x, *block.parameters()], 1e-4)

from curadiff.config import TrainSettings
from curadiff.diffusion.networks import network

settings = TrainSettings(image_size=16, base_channels=16, multipliers="1-2", layers=1)
plain, other = network.build(settings), network.build(settings)
fused.can_fuse = lambda x: x.ndim == 4
fused.fuse(network.unwrap(other))
other.to(memory_format=torch.channels_last)
x, t = torch.randn(2, 3, 16, 16), torch.tensor([3, 700])
outputs, gradients = [], []
for one in (plain, other):
    outputs.append(one(x, t))
    gradients.append(torch.autograd.grad(outputs[-1].square().mean(), list(one.parameters())))
torch.testing.assert_close(*outputs, atol=1e-4, rtol=0)
for ours, expected in zip(*gradients):
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-3)
"""


@pytest.mark.slow  # the interpreter is
def test_fused_norms_have_the_values_and_gradients_of_pytorchs(interpreted):
    interpreted(INTERPRETED)


def test_without_a_gpu_a_network_stays_as_it_is(tiny):
    from curadiff.diffusion.networks import fused

    built = network.build(tiny(network="unet2d"))
    before = {name: type(module) for name, module in built.named_modules()}
    assert on_gpu.prepare(built, torch.device("cpu"), half=True) is built
    assert {name: type(module) for name, module in built.named_modules()} == before
    if not torch.cuda.is_available():
        assert fused.why_not()
        assert fused.fuse(built) == 0


def test_a_fused_network_has_the_state_dict_and_on_a_cpu_the_values_of_a_plain_one(monkeypatch):
    from curadiff.diffusion.networks import fused

    monkeypatch.setattr(fused, "why_not", lambda: "")
    settings = TrainSettings(image_size=16, base_channels=16, multipliers="1-2", layers=1)
    plain, other = network.build(settings), network.build(settings)
    # residual blocks: 2 down, 2 in the middle, 4 up; their norms, 3 of attention, the last one
    assert fused.fuse(other) == 8 + 2 * 8 + 3 + 1
    kinds = {type(module).__name__ for module in other.modules()}
    assert {"FusedResnetBlock2D", "FusedGroupNorm"} <= kinds
    assert list(plain.state_dict()) == list(other.state_dict())
    x, t = torch.randn(2, 3, 16, 16), torch.tensor([3, 500])
    assert (plain(x, t) == other(x, t)).all()


@pytest.mark.parametrize(
    ("settings", "kernels", "kind", "weight"),
    [
        ({}, "fused", "FusedResnetBlock2D", "inner.conv_out.weight"),
        ({"network": "lucidrains"}, "fused_lucidrains", "FusedResidual", "init_conv.weight"),
    ],
    ids=["unet2d", "lucidrains"],
)
@pytest.mark.parametrize(
    ("half", "compiled", "fused"),
    [(True, False, True), (False, False, False), (True, True, False), (False, True, False)],
)
def test_only_what_computes_in_half_precision_uncompiled_is_fused(
    monkeypatch, settings, kernels, kind, weight, half, compiled, fused
):
    """With a device that is called a GPU, and a network that stays where it is."""
    size = {"image_size": 16, "base_channels": 16, "multipliers": "1-2"}
    built = network.build(TrainSettings(**size, **settings))
    monkeypatch.setattr(f"curadiff.diffusion.networks.{kernels}.why_not", lambda: "")
    move = built.to
    monkeypatch.setattr(
        built, "to", lambda *where, **order: built if where else move(**order), raising=False
    )
    prepared = on_gpu.prepare(built, torch.device("cuda"), half=half, compiled=compiled)
    assert (kind in {type(module).__name__ for module in prepared.modules()}) == fused
    in_order = attrgetter(weight)(prepared).is_contiguous(memory_format=torch.channels_last)
    assert in_order == (fused or compiled)


def test_a_network_of_which_nothing_is_fused_stays_in_pytorchs_order(monkeypatch):
    from curadiff.diffusion.networks import fused

    built = network.build(TrainSettings(image_size=16, base_channels=16, multipliers="1-2"))
    monkeypatch.setattr(fused, "why_not", lambda: "")
    monkeypatch.setattr(fused, "is_plain", lambda block: False)
    monkeypatch.setattr(torch.nn, "GroupNorm", type(None))
    monkeypatch.setattr(built, "to", lambda *where, **order: built if where else 1 / 0)
    assert on_gpu.prepare(built, torch.device("cuda"), half=True) is built


@pytest.mark.parametrize(
    ("device", "half", "why_not", "calls", "compiled"),
    [
        ("cuda", True, "", 5000, False),  # fused kernels are for what is not compiled
        ("cuda", True, "no Triton", 5000, True),
        ("cuda", False, "", 5000, True),  # and for half precision
        ("cuda", False, "", 999, False),
        ("cpu", False, "no GPU", 5000, False),
    ],
)
def test_drawing_is_compiled_where_it_is_long_and_nothing_is_fused(
    monkeypatch, device, half, why_not, calls, compiled
):
    from curadiff.diffusion.networks import fused
    from curadiff.diffusion.sampling import generate

    monkeypatch.setattr(fused, "why_not", lambda: why_not)
    assert generate.is_compiled("unet2d", torch.device(device), half=half, calls=calls) is compiled
