"""Fine-tuning a published diffusers pipeline, whatever its shape."""

import pytest
import torch
from curadiff import runs
from curadiff.common.errors import DataError, RunError
from curadiff.config import GenerateSettings
from curadiff.diffusion import generate, prepare, train_here
from curadiff.diffusion.train import checkpoint
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel


@pytest.fixture
def published(tmp_path):
    """A pipeline of a shape that no settings make."""

    def make(name="published", *, channels=3, **scheduler):
        torch.manual_seed(3)
        unet = UNet2DModel(
            sample_size=16,
            in_channels=channels,
            out_channels=channels,
            block_out_channels=(16, 48),
            down_block_types=("AttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "AttnUpBlock2D"),
            layers_per_block=1,
            norm_num_groups=4,
            time_embedding_type="fourier",
        )
        values = {"num_train_timesteps": 50, "prediction_type": "epsilon", **scheduler}
        DDPMPipeline(unet, DDPMScheduler(**values)).save_pretrained(tmp_path / name)
        return tmp_path / name, unet

    return make


def started(pictures, settings, name):
    run = runs.create("train", settings.model_dump(), name=name)
    prepare(run, ids=[str(i) for i in range(10)], paths=pictures, settings=settings)
    train_here(run)
    return run


def test_a_published_model_is_trained_on_drawn_from_and_published_again(
    published, pictures, tiny, tmp_path
):
    folder, unet = published()
    values = {"prediction": "epsilon", "learning_rate": 1e-60, "steps": 1}
    run = started(pictures, tiny(start_from=str(folder), **values), "one")
    averaged = checkpoint.load(run.path, 1, "ema")[0]["ema"]
    assert averaged.keys() == unet.state_dict().keys()
    for key, value in unet.state_dict().items():
        assert torch.equal(value, averaged[key])
    again = UNet2DModel.from_pretrained(run.path / "unet")
    assert again.config.block_out_channels == [16, 48]
    x, t = torch.randn(1, 3, 16, 16), torch.tensor([7])
    with torch.no_grad():
        assert torch.equal(again(x, t).sample, unet.eval()(x, t).sample)
    drawn = generate(run, GenerateSettings(count=1, steps=2), folder=tmp_path / "drawn")
    assert (drawn / "000000.png").exists()
    next_one = started(pictures, tiny(start_from="one", augment=0.1, **values), "two")
    after = checkpoint.load(next_one.path, 1, "ema")[0]["ema"]
    assert all(torch.equal(value, after[key]) for key, value in averaged.items())


def test_one_message_names_all_that_does_not_fit(published, pictures, tiny):
    folder, _ = published(channels=1)
    with pytest.raises(RunError) as fault:
        started(pictures, tiny(start_from=str(folder), timesteps=60), "one")
    for words in (
        "in_channels 1",
        "out_channels 1",
        "prediction epsilon, and here it is v_prediction",
        "timesteps 50, and here it is 60",
    ):
        assert words in str(fault.value)


def test_another_folder_is_refused(pictures, tiny, tmp_path):
    with pytest.raises(DataError, match=r"is no run, no model-N\.pt file and no folder"):
        started(pictures, tiny(start_from=str(tmp_path)), "one")


def test_damaged_weights_are_refused(published, pictures, tiny):
    folder, _ = published()
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"no")
    with pytest.raises(DataError, match="cannot be read as a UNet2DModel"):
        started(pictures, tiny(start_from=str(folder), prediction="epsilon"), "one")


def test_plans_and_measurements_have_the_shape_of_the_pipeline(published, tiny):
    from curadiff.diffusion.networks import network
    from curadiff.studies.study_plan import forward_flops
    from curadiff.workflows import measuring

    folder, unet = published()
    settings = tiny(start_from=str(folder), prediction="epsilon")
    count = sum(weight.numel() for weight in unet.parameters())
    assert sum(weight.numel() for weight in network.build(settings).parameters()) == count
    plain = tiny(prediction="epsilon")
    assert forward_flops(settings) != forward_flops(plain)
    run = measuring.prepare(settings)
    built = network.build(settings, run.path)
    assert sum(weight.numel() for weight in built.parameters()) == count
    assert measuring.prepare(plain).path != run.path
