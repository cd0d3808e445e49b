"""One place turns the setting ``device`` into a device, for every package alike."""

import pytest
import torch
from curadiff.common.devices import choose_device
from curadiff.common.errors import EnvironmentFault


@pytest.fixture
def machine(monkeypatch):
    def has(*, cuda=0, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    return has


@pytest.mark.parametrize(
    ("has", "chosen", "chosen_for_float64"),
    [
        ({"cuda": 2}, "cuda", "cuda"),
        ({"mps": True}, "mps", "cpu"),
        ({"cuda": 1, "mps": True}, "cuda", "cuda"),
        ({}, "cpu", "cpu"),
    ],
)
def test_auto_takes_the_fastest_device_that_can_do_it(machine, has, chosen, chosen_for_float64):
    machine(**has)
    assert choose_device("auto") == torch.device(chosen)
    assert choose_device("auto", float64=True) == torch.device(chosen_for_float64)


def test_auto_is_the_cpu_under_accelerate_launch_cpu(machine, monkeypatch):
    machine(cuda=1)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    assert choose_device("auto").type == "cpu"
    assert choose_device("cuda").type == "cuda"  # what was named is kept


def test_one_of_several_gpus_can_be_named(machine):
    machine(cuda=2)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    assert choose_device(torch.device("cuda", 1)) == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["cuda:2", "mps", "abacus", "cuda:", "cuda:one"])
def test_a_device_that_is_not_here_is_refused_with_those_that_are(machine, name):
    machine(cuda=2)
    sentence = rf"device is {name}, .* no such device here; choose one of auto, cpu, cuda, or"
    with pytest.raises(EnvironmentFault, match=sentence):
        choose_device(name)
