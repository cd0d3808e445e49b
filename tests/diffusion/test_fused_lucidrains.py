"""The fused network of denoising-diffusion-pytorch; test_gpu.py has the GPU."""

import pytest
import torch
from curadiff.config import TrainSettings
from curadiff.diffusion.networks import fused_lucidrains, lucidrains, network, on_gpu
from torch import nn

SMALL = {"network": "lucidrains", "image_size": 16, "base_channels": 16, "multipliers": "1-2"}

KERNELS = """
from curadiff.diffusion.networks.triton_attention import linear_attention
from curadiff.diffusion.networks.triton_norm import group_norm
from curadiff.diffusion.networks.triton_rms import rms_norm

def random(*shape):
    return torch.randn(shape).requires_grad_()

def beside(values, dtype):
    return values.detach().to(dtype).requires_grad_()

GROUP_NORMS = [  # pictures, channels, sides, modulated, with an offset, with a shortcut
    (2, 32, 5, 7, False, True, False),
    (2, 96, 24, 24, True, True, True),  # more places than one program reads
    (1, 160, 8, 8, True, False, True),
    (1, 48, 1, 1, False, True, False),
]
RMS_NORMS = [  # pictures, channels, sides, with an offset, with a shortcut
    (2, 32, 5, 7, False, False),
    (1, 96, 30, 30, True, True),
    (1, 48, 1, 1, True, False),
    (1, 3000, 2, 3, False, True),  # more channels than a program's usual tile
]
ATTENTIONS = [(2, 5, 7, 0), (1, 1, 1, 0), (2, 25, 25, 40)]  # pictures, sides, mean of the keys
for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 0.02)):
    for b, c, h, w, modulated, moved, added in GROUP_NORMS:
        x, shortcut = beside(2 * random(b, c, h, w) + 30, dtype), beside(random(b, c, h, w), dtype)
        weight, bias, offset, modulation = random(c), random(c), random(c), random(b, 2 * c)
        expected = x.double() + (offset.double()[:, None, None] if moved else 0)
        expected = F.group_norm(expected, 8, weight.double(), bias.double(), 1e-5)
        if modulated:
            scale, shift = modulation.double()[:, :, None, None].chunk(2, 1)
            expected = expected * (1 + scale) + shift
        expected = F.silu(expected) + (shortcut.double() if added else 0)
        given = {"modulation": modulation} if modulated else {}
        given |= ({"offset": offset} if moved else {}) | ({"shortcut": shortcut} if added else {})
        ours = group_norm(x, weight, bias, groups=8, eps=1e-5, activate=True, **given)
        assert ours.dtype == dtype and ours.is_contiguous(memory_format=torch.channels_last)
        compare(ours, expected, [x, weight, bias, *given.values()], tolerance)
    for b, c, h, w, moved, added in RMS_NORMS:
        x, shortcut = beside(2 * random(b, c, h, w) + 1, dtype), beside(random(b, c, h, w), dtype)
        gain, offset = random(1, c, 1, 1), random(c)
        expected = F.normalize(x.double() + (offset.double()[:, None, None] if moved else 0), dim=1)
        expected = expected * gain.double() * c**0.5 + (shortcut.double() if added else 0)
        given = ({"offset": offset} if moved else {}) | ({"shortcut": shortcut} if added else {})
        ours = rms_norm(x, gain, **given)
        assert ours.dtype == dtype and ours.is_contiguous(memory_format=torch.channels_last)
        compare(ours, expected, [x, gain, *given.values()], tolerance)
    for b, h, w, mean in ATTENTIONS:
        qkv = 2 * random(b, 384, h, w) + 3
        qkv = beside(qkv + torch.tensor([0, mean, 0]).repeat_interleave(128)[:, None, None], dtype)
        memory = beside(random(2, 4, 32, 4) + mean, torch.float32)
        q, k, v = qkv.double().view(b, 3, 4, 32, h * w).unbind(1)
        own = memory.double()[:, None].expand(-1, b, -1, -1, -1)
        k, v = torch.cat((own[0], k), -1), torch.cat((own[1], v), -1)
        context = k.softmax(-1) @ v.transpose(-1, -2)
        expected = context.transpose(-1, -2) @ (q.softmax(-2) / 32**0.5)
        ours = linear_attention(qkv, memory)
        assert ours.dtype == dtype and ours.is_contiguous(memory_format=torch.channels_last)
        compare(ours, expected.reshape(b, 128, h, w), [qkv, memory], tolerance)

zeros, gain = torch.zeros(2, 32, 4, 4).requires_grad_(), random(1, 32, 1, 1)
one, other = rms_norm(zeros, gain), F.normalize(zeros, dim=1) * gain * 32**0.5
assert (one == 0).all() and (other == 0).all()
towards = torch.randn_like(zeros)
torch.testing.assert_close(
    *(torch.autograd.grad(y, zeros, towards)[0] for y in (one, other)), atol=0, rtol=1e-5
)
"""
WHOLE = """
from curadiff.config import TrainSettings
from curadiff.diffusion.networks import fused_lucidrains, network

settings = TrainSettings(
    network="lucidrains", image_size=16, base_channels=16, multipliers="1-2"
)
plain, other = network.build(settings), network.build(settings)
fused_lucidrains.why_not, fused_lucidrains.can_fuse = lambda: "", lambda x: x.ndim == 4
assert fused_lucidrains.fuse(other)
other.to(memory_format=torch.channels_last)
x, t = torch.randn(2, 3, 16, 24), torch.tensor([3, 700])
outputs, gradients = [], []
for one in (plain, other):
    outputs.append(one(x, t))
    gradients.append(torch.autograd.grad(outputs[-1].square().mean(), list(one.parameters())))
torch.testing.assert_close(*outputs, atol=1e-4, rtol=0)
for ours, expected in zip(*gradients):
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-3)
fused_lucidrains._check(torch.device("cpu"))
"""


@pytest.mark.slow  # the interpreter is
@pytest.mark.parametrize("program", [KERNELS, WHOLE], ids=["kernels", "whole"])
def test_fused_kernels_have_the_values_and_gradients_of_plain_ones(interpreted, program):
    interpreted(program)


def test_without_a_gpu_the_network_stays_as_it_is(tiny):
    built = network.build(tiny(network="lucidrains", layers=2))
    before = {name: type(module) for name, module in built.named_modules()}
    assert on_gpu.prepare(built, torch.device("cpu"), half=True) is built
    assert {name: type(module) for name, module in built.named_modules()} == before
    if not torch.cuda.is_available():
        assert fused_lucidrains.why_not()
        assert fused_lucidrains.fuse(built) == 0


def test_a_fused_network_has_the_state_dict_and_on_a_cpu_the_values_of_a_plain_one(monkeypatch):
    monkeypatch.setattr(fused_lucidrains, "why_not", lambda: "")
    plain, other = (network.build(TrainSettings(**SMALL)) for _ in range(2))
    assert fused_lucidrains.fuse(other)
    kinds = {type(module) for module in other.modules()}
    assert {*fused_lucidrains.FUSED.values(), fused_lucidrains.FusedHalving} <= kinds
    assert not kinds & {*fused_lucidrains.FUSED}
    assert list(plain.state_dict()) == list(other.state_dict())
    x, t = torch.randn(2, 3, 16, 16), torch.tensor([3, 500])
    assert (plain(x, t) == other(x, t)).all()


def test_halving_by_a_convolution_of_2x2_pixels_is_that_of_unshuffled_ones(monkeypatch):
    monkeypatch.setattr(fused_lucidrains, "can_fuse", lambda x: True)
    plain = nn.Sequential(lucidrains.halve(6, 10)).double()
    x = torch.randn(2, 6, 8, 12, dtype=torch.float64, requires_grad=True)
    inputs, results = [x, *plain.parameters()], []
    for fused in (False, True):
        if fused:
            fused_lucidrains._replace(plain)
        y = plain(x)
        results.append((y, *torch.autograd.grad(y.square().sum(), inputs)))
    assert isinstance(plain[0], fused_lucidrains.FusedHalving)
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kind", [*fused_lucidrains.FUSED.values(), fused_lucidrains.FusedHalving])
def test_a_card_with_a_wrong_kernel_is_noticed(monkeypatch, kind):
    """Values right and gradients not; on a CPU, where everything is computed plain."""
    fused_lucidrains._check(torch.device("cpu"))
    right = kind.forward

    def wrong(self, x, *rest):
        y = right(self, x, *rest)
        return y.detach() + 0.8 * (y - y.detach())

    monkeypatch.setattr(kind, "forward", wrong)
    with pytest.raises(AssertionError, match="from what is not fused"):
        fused_lucidrains._check(torch.device("cpu"))
