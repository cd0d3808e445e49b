"""Replaying recorded steps, with a recorder that needs no GPU; test_gpu.py has the real one."""

import pytest
import torch
from curadiff.diffusion.train import graphs
from torch import nn


@pytest.fixture
def recorder(monkeypatch):
    """As PyTorch's: warm up, then record what is launched; a replay launches that."""
    recordings = []

    def record(function, inputs, **_):
        function(*inputs)
        recordings.append(inputs)
        function(*inputs)
        return lambda *later: function(*later)

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", record)
    return recordings


class Sum(nn.Module):
    """a x + b, where b may be None."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, x, b=None):
        return self.weight * x + (0 if b is None else b)


def test_each_kind_of_inputs_is_recorded_once_and_has_the_values_of_the_function(recorder):
    replay = graphs.Replay(Sum())
    one, two = torch.ones(3), torch.full((3,), 2.0)
    for _ in range(2):
        assert replay(one, None).tolist() == [2, 2, 2]
        assert replay(two, one).tolist() == [5, 5, 5]
        assert replay(torch.ones(4), None).tolist() == [2, 2, 2, 2]
    assert [len(inputs) for inputs in recorder] == [1, 2, 1]
    assert replay.fault == ""


def test_what_is_recorded_is_computed_on_copies_of_the_first_inputs(recorder):
    x = torch.ones(3)
    graphs.Replay(Sum())(x)
    assert recorder[0][0].data_ptr() != x.data_ptr()


def test_more_kinds_than_a_few_are_launched(recorder):
    replay = graphs.Replay(Sum())
    for size in range(1, 10):
        assert replay(torch.ones(size)).tolist() == [2.0] * size
    assert len(recorder) == graphs.MOST


def test_an_output_is_kept_when_the_next_is_computed(monkeypatch):
    static = torch.zeros(3)
    monkeypatch.setattr(
        torch.cuda, "make_graphed_callables", lambda f, i, **_: lambda x: static.copy_(2 * x)
    )
    replay = graphs.Replay(Sum())
    first = replay(torch.ones(3))
    replay(torch.full((3,), 5.0))
    assert first.tolist() == [2, 2, 2]


def test_what_cannot_be_recorded_is_launched_and_the_reason_kept(monkeypatch):
    def refused(*_, **__):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", refused)
    replay = graphs.Replay(Sum())
    assert replay(torch.ones(2)).tolist() == [2, 2]
    assert replay.fault == "RuntimeError: operation not permitted when stream is capturing"


class Casted(nn.Module):
    """A layer under an autocast of its own, as accelerate makes them."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4, bias=False)

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return self.layer(x)


def test_weights_that_learn_are_casted_within_what_is_recorded(monkeypatch):
    """A cast that was kept from the warm-up would be replayed for ever."""

    def record(function, inputs, **_):
        function(*inputs)
        with torch.no_grad():
            function.function.layer.weight.fill_(0)
        recorded = function(*inputs)
        return lambda *_: recorded

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", record)
    assert graphs.Replay(Casted())(torch.ones(2, 4)).tolist() == [[0] * 4] * 2


def test_weights_that_learn_are_not_recorded_where_another_casts_them(recorder, monkeypatch):
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: device == "cuda")
    replay = graphs.Replay(Sum())
    assert replay(torch.ones(2)).tolist() == [2, 2]
    assert "outside of what is recorded" in replay.fault
    assert not recorder


def test_a_drawing_casts_as_its_caller_does_and_keeps_nothing(monkeypatch):
    kept = []
    monkeypatch.setattr(
        torch.cuda,
        "make_graphed_callables",
        lambda f, i, **_: kept.append(torch.is_autocast_cache_enabled()) or f,
    )
    network = Sum().requires_grad_(False)
    with torch.autocast("cpu", torch.bfloat16):
        graphs.Replay(network)(torch.ones(2))
        assert torch.is_autocast_cache_enabled()
    assert kept == [False]
