"""In which number format a network is trained and drawn from, on devices that are not here."""

from contextlib import nullcontext

import pytest
import torch
from curadiff.common.errors import EnvironmentFault
from curadiff.config import GenerateSettings
from curadiff.diffusion import generate, train_here
from curadiff.diffusion.sampling import batch
from curadiff.diffusion.train import engine

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.fixture
def gpu(monkeypatch):
    """Pretend that there is a GPU of a compute capability."""

    def make(major):
        class Properties:
            pass

        Properties.major = major
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: Properties)
        monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda _: True)

    return make


@pytest.mark.parametrize(
    ("major", "want"),
    [(7, "no"), (8, "bf16"), (9, "bf16")],  # V100 and T4, A100, H100
)
def test_auto_is_bf16_only_where_the_gpu_computes_in_it(gpu, major, want):
    gpu(major)
    assert torch.cuda.is_bf16_supported(), "the older GPU emulates it, and counts as having it"
    assert engine.precision_of("auto", CUDA) == want
    assert engine.precision_of("bf16", CUDA) == "bf16"  # asked for, emulated or not


def test_drawing_takes_the_format_of_the_training(gpu):
    gpu(8)
    formats = {"no": None, "bf16": torch.bfloat16, "fp16": torch.float16, "auto": torch.bfloat16}
    for name, want in formats.items():
        assert engine.drawing_precision(name, CUDA) == want
    assert engine.drawing_precision("auto", CPU) is None
    assert engine.drawing_precision("bf16", CPU) == torch.bfloat16
    assert engine.drawing_precision("fp16", CPU) is None
    with pytest.raises(EnvironmentFault, match="fp16 needs a GPU"):
        engine.precision_of("fp16", CPU)


@pytest.mark.parametrize(("given", "want"), [("no", None), ("bf16", torch.bfloat16)])
def test_images_are_drawn_in_the_runs_format(prepared, monkeypatch, given, want):
    run = prepared("one", mixed_precision=given, steps=1, checkpoint_every=1)
    train_here(run)
    seen = []
    real = batch.sample_images

    def watched(*args, **options):
        seen.append(options["autocast"])
        return real(*args, **options)

    monkeypatch.setattr(batch, "sample_images", watched)
    generate(run, GenerateSettings(count=2, steps=1, device="cpu"))
    assert seen == [want]
