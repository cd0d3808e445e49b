"""How a network that trains on a CPU lies in memory, and that its values stay diffusers'."""

import pytest
import torch
from curadiff.config import TrainSettings
from curadiff.diffusion.networks import network, on_cpu
from torch import nn

CPU = torch.device("cpu")
LAST = torch.channels_last


def settings(**values):
    small = {"image_size": 16, "base_channels": 16, "multipliers": "1-2"}
    return TrainSettings(**{**small, **values})


def test_values_and_gradients_are_those_of_diffusers_blocks():
    plain, lean = network.build(settings()).double(), network.build(settings()).double()
    assert on_cpu.prepare(lean, CPU, half=False) is lean
    blocks = [module for module in lean.modules() if type(module).__name__ == "LeanResnetBlock2D"]
    usual = [module for module in plain.modules() if type(module).__name__ == "ResnetBlock2D"]
    assert len(blocks) == len(usual) > 0
    x, t = torch.randn(3, 3, 16, 16, dtype=torch.double), torch.tensor([0, 500, 999])
    towards = torch.randn_like(x)
    outputs = [one(x, t) for one in (plain, lean)]
    torch.testing.assert_close(*outputs)
    for output in outputs:
        output.backward(towards)
    for (name, one), other in zip(plain.named_parameters(), lean.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, msg=name)
    assert list(plain.state_dict()) == list(lean.state_dict())


def test_pictures_stay_channels_last_through_every_block():
    lean = on_cpu.prepare(network.build(settings()), CPU, half=False)
    left = []

    def note(module, inputs, output):
        order = [one.is_contiguous(memory_format=LAST) for one in (inputs[0], output)]
        if not all(order[1:] if inputs[0].shape[1] == 3 else order):
            left.append(module)

    for module in lean.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(note)
    lean(torch.randn(2, 3, 16, 16), torch.tensor([1, 2])).sum().backward()
    assert left == []


@pytest.mark.parametrize(
    ("device", "half", "name"),
    [("cpu", True, "unet2d"), ("cuda", False, "unet2d"), ("cpu", False, "lucidrains")],
)
def test_other_networks_stay_as_they_are(device, half, name):
    built = network.build(settings(network=name))
    on_cpu.prepare(built, torch.device(device), half=half)
    assert not any(type(module).__name__ == "LeanResnetBlock2D" for module in built.modules())
    wide = [weight for weight in built.parameters() if weight.ndim == 4 and weight.shape[2] > 1]
    assert all(weight.is_contiguous() for weight in wide)
