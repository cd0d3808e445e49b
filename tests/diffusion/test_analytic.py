"""The closed-form denoiser against sums written out by hand, in float64."""

import numpy as np
import pytest
import torch
from curadiff.diffusion.analytic import denoiser, rendering, screening, windows
from curadiff.diffusion.analytic.sources import Source

SIDE = 6


def images(n, channels=3, side=SIDE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((n, channels, side, side), generator=generator).double() * 2 - 1


def noisy(x, sigma, seed=1):
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).double()
    return x + sigma * noise


def by_hand(x, y, sigma, radius):
    """Every pixel's window, image by image, from the definition."""
    n, _, height, width = x.shape
    x_0 = np.empty(y.shape)
    weights = np.empty((height, n, width))
    for row in range(height):
        for column in range(width):
            box = (
                slice(max(row - radius, 0), row + radius + 1),
                slice(max(column - radius, 0), column + radius + 1),
            )
            apart = np.array([((y[:, *box] - one[:, *box]) ** 2).sum() for one in x])
            e = apart / (2 * sigma**2)
            w = np.exp(e.min() - e)
            weights[row, :, column] = w / w.sum()
            x_0[:, row, column] = (w / w.sum()) @ x[:, :, row, column]
    return x_0, weights


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("radius", [0, 1, 2, SIDE])
def test_a_window_gives_the_posterior_mean_of_its_pixels(channels, radius):
    x = images(7, channels)
    y = noisy(x[2], 0.7)
    x_0, weights = denoiser.Denoiser(x, lambda sigma: radius).windowed(y, 0.7, radius)
    expected, by = by_hand(x.numpy(), y.numpy(), 0.7, radius)
    assert np.abs(x_0.numpy() - expected).max() < 1e-12
    assert np.abs(weights.numpy() - by).max() < 1e-12


def test_the_whole_picture_as_window_is_the_exact_posterior_mean():
    x = images(7)
    y = torch.stack([noisy(x[2], 1.5), noisy(x[5], 1.5, seed=3)])
    x_0, weights = denoiser.Denoiser(x, lambda sigma: None).whole(y, 1.5)
    for place in range(2):
        expected, by = by_hand(x.numpy(), y[place].numpy(), 1.5, SIDE)
        assert np.abs(x_0[place].numpy() - expected).max() < 1e-12
        assert np.abs(weights[place].numpy() - by[0, :, 0]).max() < 1e-12


def test_float32_answers_agree_at_little_noise():
    x = images(50, 3, 16)
    y = noisy(x[3], 0.05)
    x_0, _ = denoiser.Denoiser(x.float(), lambda sigma: 1).windowed(y.float(), 0.05, 1)
    expected, _ = by_hand(x.numpy(), y.numpy(), 0.05, 1)
    assert np.abs(x_0.numpy() - expected).max() < 1e-3


@pytest.mark.parametrize("radius", [None, 0, 2])
def test_one_training_image_is_all_that_can_be_drawn(radius):
    x = images(1)
    sampling = denoiser.Sampling(denoiser.Denoiser(x, lambda sigma: radius))
    assert torch.allclose(sampling.denoise(noisy(x, 3.0), 3.0), x, atol=1e-12)


@pytest.mark.parametrize("radius", [None, 1])
def test_equal_images_share_the_weight_equally(radius):
    x = images(1).repeat(5, 1, 1, 1)
    seen = []
    sampling = denoiser.Sampling(denoiser.Denoiser(x, lambda sigma: radius))
    x_0 = sampling.denoise(noisy(x[:1], 1.0), 1.0, lambda place, weights: seen.append(weights))
    assert torch.allclose(x_0, x[:1], atol=1e-12)
    assert torch.allclose(seen[0].share(), torch.full((5,), 0.2).double(), atol=1e-12)


@pytest.mark.parametrize("radius", [None, 0, 2])
def test_the_order_of_training_images_changes_nothing(radius):
    x = images(9)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(5))
    y = noisy(x[:2], 0.5)
    answers, shares = [], []
    for one in (x, x[order]):
        sampling = denoiser.Sampling(denoiser.Denoiser(one, lambda sigma: radius))
        found = []
        answers.append(sampling.denoise(y, 0.5, lambda place, w, to=found: to.append(w.share())))
        shares.append(torch.stack(found))
    assert torch.allclose(answers[0], answers[1], atol=1e-12)
    assert torch.allclose(shares[0][:, order], shares[1], atol=1e-12)
    assert torch.allclose(shares[0].sum(1), torch.ones(2).double(), atol=1e-12)


def test_many_images_are_screened_and_the_answer_hardly_moves():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((3 * screening.EXACT, 1, 4, 4), generator=generator) * 2 - 1
    x = torch.nn.functional.interpolate(coarse, (8, 8), mode="bilinear")
    looks = denoiser.Denoiser(x, lambda sigma: None if sigma > 2 else 2)
    answers = {}
    for screen in (True, False):
        sampling = denoiser.Sampling(looks, screen=screen)
        seen = []
        for sigma in (0.6, 0.45, 0.3, 0.2):  # 4 times that as stated for 32 px
            y = noisy(x[:4].double(), sigma).float()
            answers[screen] = sampling.denoise(y, sigma, lambda _, w, to=seen: to.append(w))
        m = screening.keep(0.8) if screen else len(x)
        assert {one.values.shape[1] for one in seen[-4:]} == {m}
    rows = torch.randperm(len(x), generator=generator)[: screening.keep(0.8)]
    chance = torch.stack([looks.windowed(one, 0.2, 2, rows)[0] for one in y])
    off, by_chance = (
        (one - answers[False]).square().mean().sqrt() for one in (answers[True], chance)
    )
    assert off < 0.02
    assert off < 0.2 * by_chance


def test_small_sets_are_never_screened():
    x = images(30).float()
    looks = denoiser.Denoiser(x, lambda sigma: None if sigma > 2 else 2)
    y = noisy(x[:1].double(), 0.3).float()
    sampling = denoiser.Sampling(looks)
    sampling.denoise(y, 1.0)
    assert torch.equal(sampling.denoise(y, 0.1)[0], looks.windowed(y[0], 0.1, 2)[0])


@pytest.mark.parametrize(("sigma", "window"), [(0.05, 3), (0.5, 7), (1.0, 11), (2.0, 17), (4, 27)])
def test_windows_by_the_rule(sigma, window):
    assert windows.by_rule(32)(sigma) == (window - 1) // 2
    assert windows.by_rule(64)(sigma) == window - 1
    assert windows.by_rule(32)(11.0) is None
    assert windows.by_rule(16)(0.1) == 1


def test_windows_by_covariance_are_as_wide_as_pixels_have_to_do_with_each_other():
    generator = torch.Generator().manual_seed(0)
    alone = torch.randn((4000, 1, 8, 8), generator=generator)
    assert windows.by_covariance(alone)(1.0) == 1
    alike = torch.randn((50, 1, 1, 1), generator=generator).expand(-1, 1, 8, 8)
    shared = windows.by_covariance(alike)(1.0)
    assert shared is None or shared >= 5
    blurred = torch.nn.functional.avg_pool2d(alone, 5, 1, 2)
    assert 1 < windows.by_covariance(blurred)(1.0) < 7


def test_a_source_sums_an_image_and_its_mirror_image():
    values = torch.tensor([[[0.5, 0.5]], [[0.25, 0.0]], [[0.25, 0.5]]]).permute(1, 0, 2).double()
    source = Source.from_weights(denoiser.Weights(torch.tensor([0, 4, 3]), values), 3)
    assert source.rows.tolist() == [0, 1]
    assert np.allclose(source.shares, [0.5 + 0.375, 0.125])
    assert source.largest(1)[0].tolist() == [0]


def test_weight_of_one_image_alone_renders_that_image():
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (4, 3, 16, 16), dtype=np.uint8)
    values = torch.zeros((4, 3, 4))
    values[:, 1] = 1
    for rows, expected in ((torch.tensor([0, 2, 3]), large[2]), (None, large[1])):
        picture, weights = rendering.render(denoiser.Weights(rows, values), large)
        assert np.allclose((picture.numpy() + 1) * 127.5, expected, atol=1e-3)
        assert torch.equal(weights.values, values)
    mirrored, _ = rendering.render(denoiser.Weights(torch.tensor([0, 6, 3]), values), large)
    assert np.allclose((mirrored.numpy() + 1) * 127.5, large[2][..., ::-1], atol=1e-3)


def test_a_large_picture_mixes_by_interpolated_weights():
    large = np.stack([np.full((1, 8, 8), 255, np.uint8), np.zeros((1, 8, 8), np.uint8)])
    values = torch.tensor([[1.0, 0.0], [1.0, 0.0]])[:, None, :].repeat(1, 2, 1)
    values[:, 1] = 1 - values[:, 0]  # white to the left, black to the right
    picture, _ = rendering.render(denoiser.Weights(None, values), large)
    share = (picture[0, 0].numpy() + 1) / 2
    assert np.allclose(share, [1, 1, 0.875, 0.625, 0.375, 0.125, 0, 0], atol=1e-6)
    assert (picture[0] == picture[0, :1]).all()


def test_at_most_so_many_images_are_rendered_and_their_weights_sum_to_one():
    n = rendering.AT_MOST + 40
    large = np.random.default_rng(0).integers(0, 256, (n, 1, 8, 8), dtype=np.uint8)
    values = torch.rand((4, n, 4), generator=torch.Generator().manual_seed(0))
    values /= values.sum(1, keepdim=True)
    picture, weights = rendering.render(denoiser.Weights(None, values), large)
    assert weights.values.shape == (4, rendering.AT_MOST, 4)
    assert torch.allclose(weights.values.sum(1), torch.ones(4, 4), atol=1e-5)
    assert weights.share().sum().item() == pytest.approx(1, abs=1e-5)
    assert picture.abs().max() <= 1
