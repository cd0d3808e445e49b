"""DINOv2 against the original module, written out here from its paper and published code."""

import math

import numpy as np
import pytest
import timm
import torch
from curadiff import encoders
from curadiff.common.errors import WeightsError
from curadiff.common.images import open_rgb
from curadiff.encoders.dinov2 import original_positions
from PIL import Image
from torch.nn import functional as F
from torchvision import transforms


def original(state, x, *, heads):
    """The original network's class token after the last norm, in plain functions."""
    width = state["cls_token"].shape[-1]
    side = x.shape[-1] // 14
    x = F.conv2d(x, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=14)
    x = x.flatten(2).mT  # (n, side * side, width)
    x = torch.cat([state["cls_token"].expand(len(x), -1, -1), x], dim=1)
    grid = state["pos_embed"][:, 1:].reshape(1, 37, 37, width).permute(0, 3, 1, 2)
    scale = (side + 0.1) / math.sqrt(37 * 37)
    grid = F.interpolate(grid, scale_factor=(scale, scale), mode="bicubic")
    assert grid.shape[-2:] == (side, side)
    positions = grid.permute(0, 2, 3, 1).reshape(1, -1, width)
    x = x + torch.cat([state["pos_embed"][:, :1], positions], dim=1)
    for i in range(sum(key.endswith("ls1.gamma") for key in state)):
        s = {k.removeprefix(f"blocks.{i}."): v for k, v in state.items() if f"blocks.{i}." in k}
        h = F.layer_norm(x, (width,), s["norm1.weight"], s["norm1.bias"], 1e-6)
        qkv = F.linear(h, s["attn.qkv.weight"], s["attn.qkv.bias"])
        q, k, v = qkv.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)  # (n, heads, t, w)
        weights = ((q / math.sqrt(q.shape[-1])) @ k.mT).softmax(dim=-1)
        h = (weights @ v).transpose(1, 2).flatten(2)
        x = x + s["ls1.gamma"] * F.linear(h, s["attn.proj.weight"], s["attn.proj.bias"])
        h = F.layer_norm(x, (width,), s["norm2.weight"], s["norm2.bias"], 1e-6)
        h = F.gelu(F.linear(h, s["mlp.fc1.weight"], s["mlp.fc1.bias"]))
        x = x + s["ls2.gamma"] * F.linear(h, s["mlp.fc2.weight"], s["mlp.fc2.bias"])
    return F.layer_norm(x, (width,), state["norm.weight"], state["norm.bias"], 1e-6)[:, 0]


PUBLISHED = transforms.Compose(
    [
        lambda image: image.resize((224, 224), Image.Resampling.BICUBIC),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)


def random_checkpoint(size):
    """Random weights in the original's layout, large enough that every part matters."""
    torch.manual_seed(0)
    network = timm.create_model(f"vit_{size}_patch14_dinov2.lvd142m", pretrained=False)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    for key, value in state.items():
        if key.endswith("gamma"):
            value.uniform_(0.3, 1.0)
        elif key.endswith(("bias", "pos_embed", "cls_token")):
            value.normal_(std=0.5)
    state["mask_token"] = torch.zeros(1, state["cls_token"].shape[-1])
    return state


@pytest.mark.parametrize(
    ("size", "heads"), [("small", 6), pytest.param("large", 16, marks=pytest.mark.slow)]
)
def test_features_are_the_originals(home, photographs, tmp_path, size, heads):
    state = random_checkpoint(size)
    torch.save(state, tmp_path / "w.pth")
    encoder = encoders.load(f"dinov2-vit-{size[0]}14", weights=str(tmp_path / "w.pth"))
    count = 6 if size == "small" else 2
    got = encoder.embed(photographs[:count]).features
    with torch.inference_mode():
        x = torch.stack([PUBLISHED(open_rgb(path)) for path in photographs[:count]])
        want = original(state, x, heads=heads).numpy()
    assert got.shape == want.shape == (count, encoder.dim)
    gap = np.linalg.norm(got - want, axis=1) / np.linalg.norm(want, axis=1)
    assert gap.max() <= 1e-5


def test_timms_own_resampling_would_not_pass(home, photographs, tmp_path):
    """What the position embedding costs when it is left to timm: the test above can fail."""
    state = random_checkpoint("small")
    network = timm.create_model(
        "vit_small_patch14_dinov2.lvd142m",
        img_size=224,
        pretrained=True,
        num_classes=0,
        pretrained_cfg_overlay={"state_dict": dict(state)},
    ).eval()
    with torch.inference_mode():
        x = torch.stack([PUBLISHED(open_rgb(path)) for path in photographs[:3]])
        want = original(state, x, heads=6)
        gap = (network(x) - want).norm(dim=1) / want.norm(dim=1)
    assert gap.min() > 1e-3


def test_positions_that_fit_stay(home):
    positions = torch.randn(1, 257, 8)
    assert original_positions(positions) is positions


def test_weights_of_another_size_are_refused(home, tmp_path):
    torch.save(random_checkpoint("small"), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="does not hold the weights of dinov2-vit-b14"):
        encoders.load("dinov2-vit-b14", weights=str(tmp_path / "w.pth"))
