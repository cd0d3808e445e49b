"""The images of one comparison and what several metrics compute from them."""

from __future__ import annotations

import dataclasses
from functools import cached_property

from ..common.gaussians import Gaussian, fit_gaussian
from .arrays import Array, Floats, embeddings, neighbors_fit
from .frechet_distance import influence
from .manifold import Manifold, Rule, manifold
from .memorization import Memorization, memorization
from .reference_geometry import ReferenceGeometry, reference_geometry


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
    def gaussians(self) -> tuple[Gaussian, Gaussian]:
        """The Gaussians fitted to both sets."""
        for name, rows in (("real", self.real), ("generated", self.generated)):
            embeddings(name, rows, at_least=2)
        return fit_gaussian(self.real), fit_gaussian(self.generated)

    @cached_property
    def fid_influence(self) -> Floats:
        """How much each generated image raises the Frechet distance."""
        of_real, of_generated = self.gaussians
        return influence(of_real, of_generated, self.generated)

    @cached_property
    def reference_geometry(self) -> ReferenceGeometry:
        """How spread out and how many-sided the real images are."""
        k = min(self.density_k, len(self.real) - 1)
        return reference_geometry(real=self.real, k=k, device=self.device)

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
    def manifold_fields(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Fields of the generated and of the real images; none where there are too few."""
        if min(len(self.real), len(self.generated)) <= self.k:
            return {}, {}
        wide = len(self.real) > self.density_k
        generated = ["in_manifold", "realism", "rarity", "nearest", "nearest_distance"]
        generated += ["density_count"] * wide
        real = ["knn_radius", "recalled", "nearest_generated", "nearest_generated_distance"]
        real += ["covered", "n_generated_in_ball"] * wide
        of = self.manifold._asdict()
        return {name: of[name] for name in generated}, {name: of[name] for name in real}

    @cached_property
    def repeated_notes(self) -> list[str]:
        """Sentences about images with so many exact copies that their balls are points."""
        notes = []
        for name, rows in (("real", self.real), ("generated", self.generated)):
            repeated = _rows_repeated(rows, self.k)
            if repeated:
                notes.append(
                    f"{repeated} {name} images occur more than k = {self.k} times, so their balls "
                    "have radius 0; drop the copies."
                )
        return notes

    @cached_property
    def memory(self) -> Memorization:
        """The nearest training image of every generated one."""
        return memorization(
            generated=self.generated,
            train=self.train,
            train_mirrored=self.train_mirrored,
            device=self.device,
        )


def _rows_repeated(rows: Array, k: int) -> int:
    """Count the rows that have at least k exact copies besides themselves."""
    copies: dict[bytes, int] = {}
    for row in rows:
        key = row.tobytes()
        copies[key] = copies.get(key, 0) + 1
    return sum(count for count in copies.values() if count > k)
