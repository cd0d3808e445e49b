"""What only a GPU can show."""

import pytest
import torch
from curadiff.config import GenerateSettings, TrainSettings
from curadiff.diffusion import checkpoint, engine, generate, loop, train_here
from safetensors.torch import load_file

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
GPU = {"device": "cuda", "mixed_precision": "bf16", "multipliers": "1-2"}


def training(run):
    made = loop.Training(
        run, engine.accelerator(TrainSettings(**run.settings), run.path), lambda: False
    )
    made._begin()
    return made


def test_the_host_never_waits_between_two_logs(prepared):
    made = training(prepared("one", **GPU))
    made.train_step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            made.train_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_images_and_flips_live_on_the_gpu(prepared):
    assert training(prepared("one", **GPU)).pictures.is_cuda


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_resuming_is_exact(prepared, precision):
    from curadiff.diffusion.worker import work

    values = {**GPU, "mixed_precision": precision, "grid_every": 99}
    whole, parts = prepared("whole", **values), prepared("parts", **values)
    train_here(whole)
    asked = iter([False, False, False, True])
    work(parts, lambda: next(asked))
    train_here(parts)
    one, other = (
        load_file(checkpoint.path_of(run.path, 6) / "model.safetensors") for run in (whole, parts)
    )
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=1e-5, rtol=0)


@pytest.mark.slow
def test_a_compiled_network_trains_and_draws(prepared):
    run = prepared("one", **GPU, compile="yes")
    assert train_here(run) == "finished"
    assert run.status["compiled"] == "yes"
    folder = generate(run, GenerateSettings(count=4, steps=4, device="cuda"))
    assert len(list(folder.glob("*.png"))) == 4
