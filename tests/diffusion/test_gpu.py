"""What only a GPU can show; needs neither diffusers nor FiftyOne."""

import numpy as np
import pytest
import torch
from curadiff.config import GenerateSettings, TrainSettings
from curadiff.diffusion import generate, jobs, start, train_here
from curadiff.diffusion.train import checkpoint, engine, loop
from curadiff.runs import forking
from PIL import Image
from safetensors.torch import load_file

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
GPU = {
    "device": "cuda",
    "mixed_precision": "bf16",
    "network": "lucidrains",
    "multipliers": "1-2",
    "layers": 2,
}


def training(run):
    made = loop.Training(
        run, engine.accelerator(TrainSettings(**run.settings), run.path), lambda: False
    )
    made.speed_up()
    made._begin()
    return made


@pytest.mark.parametrize("choice", ["no", "graphs", pytest.param("yes", marks=pytest.mark.slow)])
def test_the_host_never_waits_between_two_logs(prepared, choice):
    made = training(prepared("one", **GPU, compile=choice))
    assert made.compiled == ("yes" if choice == "yes" else "no")
    assert made.cuda_graphs == ("yes" if choice == "graphs" else "no")
    for _ in range(3):
        made.train_step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            made.train_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_images_and_flips_live_on_the_gpu(prepared):
    assert training(prepared("one", **GPU)).batches.pictures.is_cuda


def weights_of(run):
    return load_file(checkpoint.path_of(run.path, 6) / "model.safetensors")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_resuming_is_exact(prepared, precision):
    from curadiff.diffusion.train.worker import train_run

    values = {**GPU, "mixed_precision": precision, "grid_every": 99}
    whole, parts = prepared("whole", **values), prepared("parts", **values)
    train_here(whole)
    asked = iter([False, False, False, True])
    train_run(parts, lambda: next(asked))
    train_here(parts)
    one, other = weights_of(whole), weights_of(parts)
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=1e-5, rtol=0)


def read(folder):
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))]


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_an_image_depends_on_its_seed_alone(prepared, tmp_path, sampler):
    run = prepared("one", **GPU)
    train_here(run)

    def drawn(name, **values):
        wanted = GenerateSettings(**{"count": 70, "steps": 10, "sampler": sampler, **values})
        return read(generate(run, wanted, folder=tmp_path / name))

    whole = drawn("whole")
    for one, other in zip(drawn("by three", batch_size=3), whole, strict=True):
        assert (one == other).all()
    for one, other in zip(drawn("later", count=40, seed=13), whole[13:53], strict=True):
        assert (one == other).all()


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_compiled_network_trains_like_the_plain_one(prepared, accumulate):
    values = {**GPU, "mixed_precision": "no", "accumulate": accumulate}
    plain = prepared("plain", **values, compile="no")
    compiled = prepared("compiled", **values, compile="yes")
    for run in (plain, compiled):
        assert train_here(run) == "finished"
    assert compiled.status["compiled"] == "yes"
    assert compiled.status["loss"] == pytest.approx(plain.status["loss"], rel=1e-3)


UNET2D = {**GPU, "network": "unet2d", "dropout": 0.1, "augment": 0.2}


@pytest.mark.parametrize("network", ["lucidrains", "unet2d"])
def test_a_replayed_training_has_the_weights_of_a_launched_one(prepared, network):
    if network == "unet2d":
        pytest.importorskip("diffusers")
    values = UNET2D if network == "unet2d" else GPU
    launched = prepared("launched", **values, compile="no")
    replayed = prepared("replayed", **values, compile="graphs")
    for run in (launched, replayed):
        train_here(run)
    assert (launched.status["cuda_graphs"], replayed.status["cuda_graphs"]) == ("no", "yes")
    one, other = weights_of(launched), weights_of(replayed)
    assert all((one[name] == other[name]).all() for name in one)


@pytest.mark.parametrize("channels", [32, 96, 160])
@pytest.mark.parametrize("modulated", [True, False])
@pytest.mark.parametrize("side", [6, 40])
def test_fused_norms_have_the_values_and_gradients_of_pytorchs(channels, modulated, side):
    from curadiff.diffusion.networks.triton_norm import group_norm

    torch.manual_seed(0)
    shape = (3, channels, side, side)
    x = (2 * torch.randn(shape, device="cuda") + 5).requires_grad_()
    weight, bias = torch.randn((2, channels), device="cuda").requires_grad_().unbind()
    modulation = torch.randn((3, 2 * channels), device="cuda").requires_grad_()
    plain = torch.nn.functional.group_norm(x.double(), 8, weight.double(), bias.double())
    scale, shift = modulation.double()[:, :, None, None].chunk(2, 1)
    if modulated:
        plain = plain * (1 + scale) + shift
    plain = torch.nn.functional.silu(plain)
    told = modulation if modulated else None
    fused = group_norm(x, weight, bias, groups=8, eps=1e-5, modulation=told, activate=True)
    torch.testing.assert_close(fused.double(), plain, atol=1e-4, rtol=1e-4)
    inputs = [x, weight, bias, *([modulation] if modulated else [])]
    towards = torch.randn(shape, device="cuda")
    ours = torch.autograd.grad(fused, inputs, towards)
    expected = torch.autograd.grad(plain, inputs, towards.double())
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, atol=2e-4 * other.abs().max().item(), rtol=1e-3)


def agree(ours, expected, inputs):
    """Compare values and gradients of what is in float32 with those in float64."""
    torch.testing.assert_close(ours.double(), expected, atol=1e-4, rtol=1e-4)
    towards = torch.randn(ours.shape, device="cuda")
    for one, other in zip(
        torch.autograd.grad(ours, inputs, towards),
        torch.autograd.grad(expected, inputs, towards.double()),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=2e-4 * other.abs().max().item(), rtol=1e-3)


def random(*shape):
    return torch.randn(shape, device="cuda").requires_grad_()


@pytest.mark.parametrize("channels", [32, 96, 160])
@pytest.mark.parametrize("side", [6, 40])
def test_fused_norms_add_an_offset_and_a_shortcut(channels, side):
    from curadiff.diffusion.networks.triton_norm import group_norm
    from curadiff.diffusion.networks.triton_rms import rms_norm

    torch.manual_seed(0)
    x, shortcut = random(3, channels, side, side), random(3, channels, side, side)
    weight, bias, offset = random(channels), random(channels), random(channels)
    rest = {"offset": offset, "shortcut": shortcut}
    moved = x.double() + offset.double()[:, None, None]
    norm = torch.nn.functional.group_norm(moved, 8, weight.double(), bias.double())
    expected = torch.nn.functional.silu(norm) + shortcut.double()
    fused = group_norm(x, weight, bias, groups=8, eps=1e-5, activate=True, **rest)
    agree(fused, expected, [x, weight, bias, *rest.values()])
    norm = torch.nn.functional.normalize(moved, dim=1) * weight.double()[:, None, None]
    agree(
        rms_norm(x, weight, **rest),
        norm * channels**0.5 + shortcut.double(),
        [x, weight, *rest.values()],
    )


@pytest.mark.parametrize("side", [1, 6, 40])
@pytest.mark.parametrize("mean", [0, 40])
def test_fused_linear_attention_has_the_values_and_gradients_of_pytorchs(side, mean):
    from curadiff.diffusion.networks.triton_attention import linear_attention

    torch.manual_seed(0)
    qkv = torch.randn((3, 384, side, side), device="cuda") + 1
    qkv[:, 128:256] += mean  # of the keys
    qkv.requires_grad_()
    memory = random(2, 4, 32, 4)
    q, k, v = qkv.double().view(3, 3, 4, 32, side * side).unbind(1)
    own = memory.double()[:, None].expand(-1, 3, -1, -1, -1)
    k, v = torch.cat((own[0], k), -1), torch.cat((own[1], v), -1)
    context = k.softmax(-1) @ v.transpose(-1, -2)
    expected = context.transpose(-1, -2) @ (q.softmax(-2) / 32**0.5)
    agree(linear_attention(qkv, memory), expected.reshape(3, 128, side, side), [qkv, memory])


def test_the_fused_network_is_as_near_to_float32_as_the_plain_one():
    from curadiff.diffusion.networks import network, on_gpu

    assert not on_gpu.why_not("lucidrains")
    settings = TrainSettings(network="lucidrains", image_size=64, base_channels=32)
    x, t = torch.randn((4, 3, 64, 64), device="cuda"), torch.tensor([3, 200, 700, 990]).cuda()

    def outputs(half, *, fused=False):
        built = on_gpu.prepare(network.build(settings), torch.device("cuda"), half=fused)
        assert ("FusedResidual" in {type(module).__name__ for module in built.modules()}) == fused
        with torch.autocast("cuda", torch.bfloat16, enabled=half):
            y = built(x, t)
        gradients = torch.autograd.grad((y.float() - x).square().mean(), list(built.parameters()))
        return [y.float(), torch.cat([gradient.flatten() for gradient in gradients])]

    exact, plain, fused = outputs(False), outputs(True), outputs(True, fused=True)
    for one, other, right in zip(plain, fused, exact, strict=True):
        errors = [((value - right).norm() / right.norm()).item() for value in (one, other)]
        assert errors[1] < 1.5 * errors[0] + 1e-3, errors


def test_a_training_in_half_precision_is_fused(prepared):
    for precision, fused in (("bf16", True), ("fp16", True), ("no", False)):
        made = training(prepared(precision, **{**GPU, "mixed_precision": precision}))
        kinds = {type(module).__name__ for module in made.state.network.modules()}
        assert ("FusedLinearAttention" in kinds) == fused


@pytest.mark.parametrize("sampler", ["heun", "ddim"])
def test_replayed_drawings_are_those_that_are_launched(prepared, tmp_path, monkeypatch, sampler):
    from curadiff.diffusion.train import graphs

    run = prepared("one", **GPU)
    train_here(run)
    wanted = GenerateSettings(count=40, steps=20, sampler=sampler)
    replayed = read(generate(run, wanted, folder=tmp_path / "replayed"))
    monkeypatch.setattr(graphs, "MOST", 0)
    launched = read(generate(run, wanted, folder=tmp_path / "launched"))
    for one, other in zip(launched, replayed, strict=True):
        assert (one == other).all()


@pytest.mark.slow
def test_a_compiled_network_draws_like_the_plain_one(prepared, tmp_path, monkeypatch):
    run = prepared("one", **GPU)
    train_here(run)
    wanted = GenerateSettings(count=40, steps=20, sampler="heun")
    plain = read(generate(run, wanted, folder=tmp_path / "plain"))
    monkeypatch.setattr(engine, "COMPILE_PAYS", 0)
    replayed = read(generate(run, wanted, folder=tmp_path / "replayed"))
    for one, other in zip(plain, replayed, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).mean() < 1  # bf16, fused otherwise


def test_a_forked_training_has_the_gpu(prepared):
    with forking.kept(jobs.IMPORTS["lucidrains"]):
        run = prepared("one", **GPU)
        child = start(run)
        assert child.wait(200) == 0, (run.path / "output.log").read_text()
    assert isinstance(child, forking.Forked)
    assert run.status["device"].startswith("cuda")
