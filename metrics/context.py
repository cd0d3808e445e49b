"""The images of one comparison and what several metrics compute from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

from . import frechet
from .arrays import Array, Floats, embeddings, neighbors_fit
from .manifold import Manifold, Rule, manifold
from .memorization import Memorization, memorization

Influence = Callable[[], Floats]


class Statistic(NamedTuple):
    """A value, and how much each image moves it (mean 0), computed when asked for."""

    value: float
    per_real: Influence | None = None  # (n,)
    per_generated: Influence | None = None  # (m,)
    detail: dict[str, Any] = {}  # noqa: RUF012 - never changed


@dataclasses.dataclass
class Context:
    """The images of one comparison; what is computed from them is kept."""

    real: Array
    generated: Array
    train: Array | None = None
    train_mirrored: Array | None = None
    k: int = 3
    density_k: int = 5
    rule: Rule = "<="
    density_rule: Rule = "<"
    seed: int = 0
    device: str = "cpu"

    @cached_property
    def gaussians(self) -> tuple[frechet.Gaussian, frechet.Gaussian]:
        """The Gaussians fitted to both sets."""
        for name, rows in (("real", self.real), ("generated", self.generated)):
            embeddings(name, rows, at_least=2)
        return frechet.gaussian(self.real), frechet.gaussian(self.generated)

    @cached_property
    def fid_influence(self) -> Floats:
        """How much each generated image raises the Frechet distance."""
        r, g = self.gaussians
        return frechet.influence(r, g, self.generated)

    @cached_property
    def manifold(self) -> Manifold:
        """Who lies in whose balls; the wider balls shrink where there are too few images."""
        neighbors_fit("real", len(self.real), self.k)
        neighbors_fit("generated", len(self.generated), self.k)
        return manifold(
            real=self.real,
            generated=self.generated,
            k=self.k,
            density_k=min(self.density_k, len(self.real) - 1),
            rule=self.rule,
            density_rule=self.density_rule,
            device=self.device,
        )

    @cached_property
    def memory(self) -> Memorization:
        """The nearest training image of every generated one."""
        return memorization(
            generated=self.generated,
            train=self.train,
            train_mirrored=self.train_mirrored,
            device=self.device,
        )
