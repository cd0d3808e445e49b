"""A training with classes as diffusers opens it."""

import numpy as np
import pytest
import torch
from curadiff import runs
from curadiff.diffusion import prepare, train_here
from diffusers import DDIMScheduler, DDPMPipeline, DiffusionPipeline, UNet2DModel

LABELS = ["shoe", "bag", None, "shoe", "bag", "shoe", "bag", "shoe", None, "shoe"]


@pytest.fixture
def trained(pictures, tiny, tmp_path, monkeypatch):
    from diffusers.utils import dynamic_modules_utils

    monkeypatch.setattr(dynamic_modules_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    settings = tiny(classes="kind", grid_every=99, learning_rate=5e-2)
    run = runs.create("train", settings.model_dump(), name="one")
    prepare(run, ids=list("abcdefghij"), paths=pictures, settings=settings, labels=LABELS)
    train_here(run)
    return run


def by_hand(run, numbers, guidance, steps):
    """The loop of the diffusers documentation, with classes."""
    unet = UNet2DModel.from_pretrained(run.path / "unet").eval()
    scheduler = DDIMScheduler.from_pretrained(run.path / "scheduler")
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(len(numbers), 3, 16, 16, generator=generator)
    for t in scheduler.timesteps:
        with torch.no_grad():
            told = unet(x, t, class_labels=torch.tensor(numbers)).sample
            untold = unet(x, t, class_labels=torch.tensor([2] * len(numbers))).sample
        x = scheduler.step((1 - guidance) * untold + guidance * told, t, x).prev_sample
    return (x / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()


def test_diffusers_draws_by_class_with_guidance(trained):
    pipe = DiffusionPipeline.from_pretrained(trained.path, trust_remote_code=True)
    assert pipe.labels == {"bag": 0, "shoe": 1}
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)

    def drawn(*classes, **options):
        generator = torch.Generator().manual_seed(0)
        given = {"generator": generator, "num_inference_steps": 3, "output_type": "np", **options}
        return pipe(*classes, **given).images

    for guidance in (1, 2.5):
        expected = by_hand(trained, [1, 0, 2], guidance, 3)
        found = drawn(["shoe", 0, None], guidance_scale=guidance)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(by_hand(trained, [1], 1, 3) - by_hand(trained, [0], 1, 3)).max() > 1e-3
    np.testing.assert_array_equal(drawn("bag", batch_size=2), drawn([0, 0]))
    np.testing.assert_array_equal(drawn(batch_size=2), drawn([2, 2]))
    with pytest.raises(ValueError, match="no class 'coat'; give one of bag, shoe"):
        pipe("coat")
    with pytest.raises(ValueError, match="class_labels must be 0 to 2, got 3"):
        pipe([3])


def test_it_is_saved_and_opened_again_and_draws_pictures_with_noise(trained, tmp_path):
    pipe = DiffusionPipeline.from_pretrained(trained.path, trust_remote_code=True)
    pipe.set_progress_bar_config(disable=True)
    pipe.save_pretrained(tmp_path / "saved")
    code = str(trained.path / "pipeline.py")
    again = DiffusionPipeline.from_pretrained(
        tmp_path / "saved", custom_pipeline=code, trust_remote_code=True
    )
    assert again.labels == pipe.labels
    pictures = pipe(["shoe"], num_inference_steps=2).images
    assert pictures[0].size == (16, 16)


def test_a_pipeline_without_classes_is_not_opened_by_mistake(trained):
    with pytest.raises(ValueError, match="trust_remote_code=True"):
        DDPMPipeline.from_pretrained(trained.path)
