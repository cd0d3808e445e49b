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
    if made.settings.compile == "yes":
        made.compiled = made._compile()
    made._begin()
    return made


@pytest.mark.parametrize("choice", ["no", pytest.param("yes", marks=pytest.mark.slow)])
def test_the_host_never_waits_between_two_logs(prepared, choice):
    made = training(prepared("one", **GPU, compile=choice))
    assert made.compiled == ("no" if choice == "no" else engine.AS_GRAPHS)
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
@pytest.mark.parametrize(("accumulate", "said"), [(1, engine.AS_GRAPHS), (2, "yes")])
def test_a_compiled_network_trains_like_the_plain_one(prepared, accumulate, said):
    values = {**GPU, "mixed_precision": "no", "accumulate": accumulate}
    plain = prepared("plain", **values, compile="no")
    compiled = prepared("compiled", **values, compile="yes")
    for run in (plain, compiled):
        assert train_here(run) == "finished"
    assert compiled.status["compiled"] == said
    assert compiled.status["loss"] == pytest.approx(plain.status["loss"], rel=1e-3)


@pytest.mark.slow
def test_a_network_that_replays_graphs_draws_like_the_plain_one(prepared, tmp_path, monkeypatch):
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
