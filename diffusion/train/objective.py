"""The training loss of a batch at its noise levels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Network = Callable[..., Tensor]  # (x_t (b, 3, h, w), t (b,), labels, classes) -> (b, 3, h, w)


class Objective:
    """Denoising loss, weighted by noise level.

    Args:
        alpha_bar: (T,) float64 from `schedules.alpha_bar`.
        prediction: ``epsilon`` the noise, ``sample`` the picture x_0, or
            ``v_prediction`` sqrt(alpha_bar) * noise - sqrt(1 - alpha_bar) * x_0
            (Salimans and Ho 2022, arXiv:2202.00512).
        min_snr: Clip the signal-to-noise ratio in the weights at this value
            (Hang et al. 2023, arXiv:2303.09556); None: no clipping.
        weighting: ``snr`` or ``snr+1``, see `weights`.
        device: Where the images are.
    """

    def __init__(
        self,
        alpha_bar: Tensor,
        *,
        prediction: str,
        min_snr: float | None,
        weighting: str = "snr",
        device: torch.device,
    ) -> None:
        self.prediction, self.alpha_bar = prediction, alpha_bar
        self.alpha = alpha_bar.sqrt().float().to(device)  # (T,)
        self.sigma = (1 - alpha_bar).sqrt().float().to(device)  # (T,)
        weight = weights(alpha_bar, prediction, min_snr, weighting)  # (T,)
        self.weight = weight.float().to(device)

    def noised(self, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Return x_t: images and noise mixed at levels t."""
        return _at(self.alpha, t) * x_0 + _at(self.sigma, t) * noise

    def target(self, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Return the output that the network should give for `noised`."""
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "sample":
            return x_0
        return _at(self.alpha, t) * noise - _at(self.sigma, t) * x_0

    def losses(
        self,
        network: Network,
        x_0: Tensor,
        t: Tensor,
        noise: Tensor,
        *condition: Tensor | None,
    ) -> Tensor:
        """Return the weighted squared error of each image, (b,) float32.

        Args:
            network: Predicts, see the class.
            x_0: (b, 3, h, w) clean images.
            t: (b,) their noise levels.
            noise: (b, 3, h, w) standard normal.
            *condition: What else the network is told: (b, k) labels and (b,) classes, if any.
        """
        output = network(self.noised(x_0, t, noise), t, *condition).float()
        error = (output - self.target(x_0, t, noise)).square().flatten(1).mean(1)  # (b,)
        return error * self.weight[t]


class BatchLoss(nn.Module):
    """The mean loss of a batch, with the network that it is computed by as a submodule."""

    def __init__(self, network: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.network, self.objective = network, objective

    def forward(self, x_0: Tensor, t: Tensor, noise: Tensor, *condition: Tensor | None) -> Tensor:
        """Return the loss, a scalar; see `Objective.losses`."""
        return self.objective.losses(self.network, x_0, t, noise, *condition).mean()


def weights(
    alpha_bar: Tensor, prediction: str, min_snr: float | None, weighting: str = "snr"
) -> Tensor:
    """Return the weight of each noise level in the loss, (T,) in the type of alpha_bar.

    An error of the picture x_0 weighs as much as its level's SNR, whatever is predicted: then
    the loss is the plain one on the noise, and levels that are nearly all noise count little.
    ``snr+1`` adds 1: the plain loss on v (Salimans and Ho 2022, table 2), in which those
    levels, where the coarse shape is decided, count as much as the others.
    """
    snr = alpha_bar / (1 - alpha_bar)
    clipped = snr if min_snr is None else snr.clamp(max=min_snr)
    on_picture = clipped + 1 if weighting == "snr+1" else clipped
    if prediction == "epsilon":
        return on_picture / snr
    if prediction == "sample":
        return on_picture
    return on_picture / (snr + 1)


def to_picture(output: Tensor, x_t: Tensor, *, alpha_bar: float, prediction: str) -> Tensor:
    """Return the x_0 that a network's output stands for."""
    alpha, sigma = alpha_bar**0.5, (1 - alpha_bar) ** 0.5
    if prediction == "epsilon":
        return (x_t - sigma * output) / alpha
    if prediction == "sample":
        return output
    return alpha * x_t - sigma * output


def _at(values: Tensor, t: Tensor) -> Tensor:
    return values[t].view(-1, 1, 1, 1)
