"""Loaders on random weights in the published formats, against the libraries themselves."""

import logging

import numpy as np
import open_clip
import pytest
import timm
import torch
from curadiff import encoders
from curadiff.common.errors import SettingsError, WeightsError
from curadiff.common.images import open_rgb
from safetensors.torch import save_file


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


def embedded_by(network, transform, paths):
    stack = torch.stack([transform(open_rgb(path)) for path in paths])
    with torch.inference_mode():
        return network(stack).numpy()


def save(network, path, **more):
    state = {k: v.contiguous().clone() for k, v in network.state_dict().items()} | more
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return str(path)


def check_clip(name, model, paths, file):
    theirs = open_clip.create_model(model, load_weights=False).eval()
    save(theirs, file)
    encoder = encoders.load(name, weights=str(file))
    got = encoder.embed(paths)
    record = theirs.visual.preprocess_cfg
    transform = open_clip.transform.image_transform(
        record["size"],
        is_train=False,
        mean=record["mean"],
        std=record["std"],
        resize_mode=record["resize_mode"],
        interpolation=record["interpolation"],
    )
    want = embedded_by(theirs.encode_image, transform, paths)
    assert got.features.shape == want.shape
    np.testing.assert_allclose(got.features, want, atol=1e-5 * np.abs(want).max())
    return encoder


def test_open_clip(home, photographs, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        check_clip(
            "open_clip:ViT-S-32-alt", "ViT-S-32-alt", photographs, tmp_path / "w.safetensors"
        )
    said = [r for r in caplog.records if "randomly" in r.getMessage()]
    assert len(said) == 1  # this test's own call, not the loader's


def test_the_tag_decides_the_activation(home, photographs, tmp_path, monkeypatch):
    # A file of weights says nothing about QuickGELU; the published record of its tag does.
    model, tags = "ViT-S-32-alt", {"quick": {"quick_gelu": True}, "plain": {}}
    published = {tag: {"url": "https://nowhere", **more} for tag, more in tags.items()}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda _, tag: published.get(tag, {}))
    monkeypatch.setattr(
        open_clip.pretrained, "list_pretrained_tags_by_model", lambda _: list(published)
    )
    theirs = open_clip.create_model(model, load_weights=False, force_quick_gelu=True).eval()
    file = save(theirs, tmp_path / "w.safetensors")
    encoder = encoders.load(f"open_clip:{model}:quick", weights=file)
    other = encoders.load(f"open_clip:{model}:plain", weights=file)
    stack = np.stack([encoder.preprocess(open_rgb(path)) for path in photographs[:3]])
    with torch.inference_mode():
        x = torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255
        record = open_clip.transform.PreprocessCfg()
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (record.mean, record.std))
        want = theirs.visual((x - mean) / std).numpy()
    np.testing.assert_allclose(encoder.forward(stack), want, atol=1e-5)
    assert np.abs(other.forward(stack) - want).max() > 1e-4
    assert encoder.key != other.key
    with pytest.raises(SettingsError, match=f"add its tag, such as open_clip:{model}:quick"):
        encoders.load(f"open_clip:{model}", weights=file)


@pytest.mark.slow
def test_clip_vit_b32(home, photographs, tmp_path):
    (home / "weights").mkdir(parents=True)
    file = home / "weights" / "clip-vit-b32.safetensors"
    encoder = check_clip("clip-vit-b32", "ViT-B-32-quickgelu", photographs[:3], file)
    assert encoder.dim == 512
    assert encoders.load("clip-vit-b32").key == encoder.key


def test_a_checkpoint_without_an_image_tower_is_refused(home, tmp_path):
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="no tensor's name begins with visual"):
        encoders.load("open_clip:ViT-S-32-alt", weights=str(tmp_path / "w.pt"))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("model", ["resnet18.a1_in1k", "vit_tiny_patch16_224.augreg_in21k"])
def test_timm(home, photographs, tmp_path, model, suffix):
    theirs = timm.create_model(model).eval()
    file = save(theirs, tmp_path / f"w{suffix}")
    got = encoders.load(f"timm:{model}", weights=file).embed(photographs)
    theirs.reset_classifier(0)
    config = timm.data.resolve_data_config({}, model=theirs)
    want = embedded_by(theirs, timm.data.create_transform(**config), photographs)
    assert got.features.shape == want.shape
    np.testing.assert_allclose(got.features, want, atol=1e-5 * np.abs(want).max())


def test_weights_of_another_timm_model_are_refused(home, tmp_path):
    file = save(timm.create_model("resnet18"), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"does not hold the weights of timm:resnet34"):
        encoders.load("timm:resnet34", weights=file)


def test_a_timm_model_nobody_published_needs_a_file(home):
    published = {tag.split(".")[0] for tag in timm.list_pretrained()}
    name = next(model for model in timm.list_models("vit_*") if model not in published)
    with pytest.raises(WeightsError, match=f"timm publishes no weights for {name}; name a file"):
        encoders.load(f"timm:{name}")


def test_inception_is_torch_fidelitys(home, photographs, tmp_path):
    fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    file = tmp_path / "w.pth"
    with pytest.MonkeyPatch.context() as patch:  # its constructor insists on a weights file
        patch.setattr(torch, "load", lambda *_, **__: None)
        blank = fidelity.FeatureExtractorInceptionV3
        patch.setattr(blank, "load_state_dict", lambda self, state: None)
        theirs = blank("inception", ["2048"], str(file))
    torch.save(theirs.state_dict(), file)
    encoder = encoders.load("inception", weights=str(file))
    assert encoder.dim == 2048
    got = encoder.embed(photographs[:3])
    for row, path in zip(got.features, photographs[:3], strict=True):
        picture = torch.from_numpy(np.array(open_rgb(path))).permute(2, 0, 1)[None]
        with torch.inference_mode():
            want = theirs(picture)[0][0].numpy()
        np.testing.assert_allclose(row, want, atol=1e-5 * np.abs(want).max())
    torch.save({"a": torch.zeros(1)}, file)
    with pytest.raises(WeightsError, match="does not hold the weights of inception"):
        encoders.load("inception", weights=str(file))
