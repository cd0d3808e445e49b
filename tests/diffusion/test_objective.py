"""The loss against closed forms and against diffusers."""

import pytest
import torch
from curadiff.diffusion import schedules
from curadiff.diffusion.train.objective import Objective, to_picture, weights

CPU = torch.device("cpu")
KINDS = ("epsilon", "sample", "v_prediction")
LEVELS = schedules.alpha_bar("cosine", 100)


def batch(n=6):
    generator = torch.Generator().manual_seed(0)
    x_0 = torch.rand((n, 3, 4, 4), generator=generator) * 2 - 1
    noise = torch.randn((n, 3, 4, 4), generator=generator)
    t = torch.tensor([0, 10, 30, 50, 70, 95][:n])
    return x_0, noise, t


@pytest.mark.parametrize("prediction", KINDS)
def test_a_network_that_knows_the_answer_has_no_loss(prediction):
    x_0, noise, t = batch()
    loss = Objective(LEVELS, prediction=prediction, min_snr=None, device=CPU)
    answer = loss.target(x_0, t, noise)
    assert loss.losses(lambda x, at: answer, x_0, t, noise).abs().max() == 0


@pytest.mark.parametrize("prediction", KINDS)
def test_the_picture_can_be_solved_from_the_right_answer(prediction):
    x_0, noise, t = batch()
    loss = Objective(LEVELS, prediction=prediction, min_snr=None, device=CPU)
    x_t, answer = loss.noised(x_0, t, noise), loss.target(x_0, t, noise)
    for i in range(len(t)):
        a = LEVELS[t[i]].item()
        found = to_picture(answer[i], x_t[i], alpha_bar=a, prediction=prediction)
        torch.testing.assert_close(found, x_0[i], atol=1e-3 / a**0.5, rtol=0)


def test_noising_and_v_are_those_of_diffusers():
    from diffusers import DDPMScheduler

    x_0, noise, t = batch()
    theirs = DDPMScheduler(
        num_train_timesteps=100, trained_betas=schedules.betas("cosine", 100).tolist()
    )
    ours = Objective(LEVELS, prediction="v_prediction", min_snr=None, device=CPU)
    torch.testing.assert_close(ours.noised(x_0, t, noise), theirs.add_noise(x_0, noise, t))
    torch.testing.assert_close(ours.target(x_0, t, noise), theirs.get_velocity(x_0, noise, t))


@pytest.mark.parametrize("min_snr", [None, 5.0])
def test_the_three_predictions_of_one_error_weigh_the_same(min_snr):
    # One wrong x_0 estimate, told as noise, as picture and as v.
    x_0, noise, t = batch()
    wrong = x_0 + 0.1
    found = []
    for prediction in KINDS:
        loss = Objective(LEVELS, prediction=prediction, min_snr=min_snr, device=CPU)
        x_t = loss.noised(x_0, t, noise)
        a, s = loss.alpha[t].view(-1, 1, 1, 1), loss.sigma[t].view(-1, 1, 1, 1)
        eps = (x_t - a * wrong) / s
        answer = {"epsilon": eps, "sample": wrong, "v_prediction": a * eps - s * wrong}[prediction]
        found.append(loss.losses(lambda x, at, y=answer: y, x_0, t, noise))
    torch.testing.assert_close(found[0], found[1], rtol=2e-3, atol=1e-6)
    torch.testing.assert_close(found[0], found[2], rtol=2e-3, atol=1e-6)


def test_snr_plus_one_is_the_plain_loss_on_v():
    assert torch.equal(weights(LEVELS, "v_prediction", None, "snr+1"), torch.ones(len(LEVELS)))
    on_picture = weights(LEVELS, "sample", None, "snr+1")
    torch.testing.assert_close(on_picture, 1 / (1 - LEVELS))
    capped = weights(LEVELS, "sample", 5.0, "snr+1")
    assert capped.max() == 6
    assert torch.equal(capped[on_picture < 6], on_picture[on_picture < 6])


def test_min_snr_caps_the_weight_of_easy_levels_only():
    snr = LEVELS / (1 - LEVELS)
    plain, capped = weights(LEVELS, "sample", None), weights(LEVELS, "sample", 5.0)
    assert torch.equal(capped[snr < 5], plain[snr < 5])
    assert (capped[snr >= 5] == 5).all()
