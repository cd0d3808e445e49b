"""The manifolds of two sets, as unions of balls: who lies in whose, in one pass.

A ball around every image, as wide as the distance to its k-th nearest other
image of the same set, covers that set's manifold (Kynkaanniemi et al. 2019).
Precision, recall, density, coverage, realism and rarity all read the same
distances, so they are computed together, block by block, in memory linear in
the number of images.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch

from ..common.arrays import Array, Booleans, Floats, Integers
from ..common.knn import (
    SPARE,
    Points,
    RunningTopK,
    blocks,
    lower_bounds,
    nearest_within,
    pair_square_distances,
    prepare,
    settle,
)

Rule = Literal["<=", "<"]
MOST_REALISM = 1000.0  # a copy of a real image, whose ratio has no end


class Manifold(NamedTuple):
    """What one pass over real x generated found, image by image."""

    # for every generated image
    in_manifold: Booleans  # lies in a real ball of k neighbours
    realism: Floats  # largest radius / distance, narrower half of the real balls; at most 1000
    rarity: Floats  # smallest radius of the real balls it lies in; NaN outside all
    density_count: Integers  # real balls of density_k neighbours that it lies in
    nearest: Integers  # row of the nearest real image
    nearest_distance: Floats
    # for every real image
    knn_radius: Floats  # distance to its k-th nearest other real image
    recalled: Booleans  # lies in a generated ball of k neighbours
    covered: Booleans  # a generated image lies in its ball of density_k neighbours
    n_generated_in_ball: Integers  # how many do
    nearest_generated: Integers  # row of the nearest generated image
    nearest_generated_distance: Floats


def manifold(
    *,
    real: Array,
    generated: Array,
    k: int = 3,
    density_k: int = 5,
    rule: Rule = "<=",
    density_rule: Rule = "<",
    device: str = "cpu",
) -> Manifold:
    """Compare every real with every generated image once.

    Args:
        real: (n, d) checked embeddings, n > k and n > density_k.
        generated: (m, d) checked embeddings, m > k.
        k: Neighbours that span the balls of precision and recall.
        density_k: Neighbours that span the balls of density and coverage.
        rule: Whether a point at exactly the radius is inside (``<=``) for precision and recall.
        density_rule: The same for density and coverage.
        device: Where distances are computed.
    """
    r, g = prepare(real, generated, device=device)
    squared, _ = nearest_within(r, max(k, density_k))
    real_balls, wide_balls = squared[:, k - 1], squared[:, density_k - 1]
    generated_balls = nearest_within(g, k)[0][:, k - 1]

    balls = _Balls(r, g, real_balls, wide_balls, rule, density_rule)
    recall = _Recall(r, g, generated_balls, rule)
    realism = _Realism(r, g, real_balls)
    near_real = RunningTopK(len(g), min(1 + SPARE, len(r)), g.device)
    near_generated = RunningTopK(len(r), min(1 + SPARE, len(g)), r.device)
    for left in blocks(len(r)):
        for right in blocks(len(g)):
            bound = lower_bounds(r, left, g, right)  # (left, right)
            near_generated.update(left, bound, right.start)
            balls.update(left, right, bound)
            recall.update(left, right, bound)
            near_real.update(right, bound, left.start, transposed=True)
            realism.update(right, left, bound)
    to_real, nearest = settle(g, r, near_real, 1)
    to_generated, nearest_generated = settle(r, g, near_generated, 1)
    return Manifold(
        in_manifold=balls.narrow_count > 0,
        realism=np.minimum(realism.finish(nearest[:, 0]), MOST_REALISM),
        rarity=np.where(balls.narrow_count > 0, np.sqrt(balls.smallest), np.nan),
        density_count=balls.wide_count,
        nearest=nearest[:, 0],
        nearest_distance=np.sqrt(to_real[:, 0]),
        knn_radius=np.sqrt(real_balls),
        recalled=recall.in_ball,
        covered=balls.held > 0,
        n_generated_in_ball=balls.held,
        nearest_generated=nearest_generated[:, 0],
        nearest_generated_distance=np.sqrt(to_generated[:, 0]),
    )


def count_containing(
    real: Points, generated: Points, squared_radius: Floats, rule: Rule
) -> Integers:
    """Count the real balls of the given squared radii (n,) that hold each generated image: (m,)."""
    balls = _Balls(real, generated, squared_radius, squared_radius, rule, rule)
    for left in blocks(len(real)):
        for right in blocks(len(generated)):
            balls.update(left, right, lower_bounds(real, left, generated, right))
    return balls.narrow_count


def _inside(squared: Floats, ball: Floats, rule: Rule) -> Booleans:
    return squared <= ball if rule == "<=" else squared < ball


def _just_above(squared: Floats, device: torch.device) -> torch.Tensor:
    """Round to float32 so that no value becomes smaller."""
    single = squared.astype(np.float32)
    up = np.nextafter(single, np.float32(np.inf))
    return torch.from_numpy(np.where(single < squared, up, single)).to(device)


def _where(mask: torch.Tensor) -> tuple[Integers, Integers]:
    """Return rows and columns of the true entries."""
    if mask.device.type == "cpu":  # numpy counts and lists bytes faster
        return np.divmod(np.flatnonzero(mask.numpy()), mask.shape[1])
    rows, columns = mask.nonzero(as_tuple=True)
    return rows.cpu().numpy(), columns.cpu().numpy()


class _Balls:
    """Which generated images lie in which real balls, of both widths."""

    def __init__(
        self, r: Points, g: Points, narrow: Floats, wide: Floats, rule: Rule, wide_rule: Rule
    ) -> None:
        self.r, self.g, self.narrow, self.wide = r, g, narrow, wide
        self.rule: Rule = rule
        self.wide_rule: Rule = wide_rule
        self.reach = _just_above(np.maximum(narrow, wide), r.device)  # (n,)
        self.narrow_count = np.zeros(len(g), np.int64)
        self.wide_count = np.zeros(len(g), np.int64)
        self.held = np.zeros(len(r), np.int64)
        self.smallest = np.full(len(g), np.inf)  # squared radius

    def update(self, left: slice, right: slice, bound: torch.Tensor) -> None:
        i, j = _where(bound <= self.reach[left, None])
        if not len(i):
            return
        squared = bound.numpy(force=True)[i, j].astype(np.float64)
        i, j = i + left.start, j + right.start
        above = squared + self.r.doubt[i] + self.g.doubt[j]
        narrow, wide = self.narrow[i], self.wide[i]
        unsure = (squared <= narrow) & (above >= narrow) | (squared <= wide) & (above >= wide)
        squared[unsure] = pair_square_distances(self.r, i[unsure], self.g, j[unsure])
        within = _inside(squared, narrow, self.rule)
        self.narrow_count += np.bincount(j[within], minlength=len(self.g))
        np.minimum.at(self.smallest, j[within], narrow[within])
        within = _inside(squared, wide, self.wide_rule)
        self.wide_count += np.bincount(j[within], minlength=len(self.g))
        self.held += np.bincount(i[within], minlength=len(self.r))


class _Recall:
    """Which real images lie in a generated ball."""

    def __init__(self, r: Points, g: Points, balls: Floats, rule: Rule) -> None:
        self.r, self.g, self.balls = r, g, balls
        self.rule: Rule = rule
        self.reach = _just_above(balls, r.device)  # (m,)
        self.in_ball = np.zeros(len(r), np.bool_)

    def update(self, left: slice, right: slice, bound: torch.Tensor) -> None:
        near = (bound <= self.reach[None, right]).any(dim=1).numpy(force=True)
        rows = np.flatnonzero(near & ~self.in_ball[left])
        if not len(rows):
            return
        part = bound[torch.from_numpy(rows).to(bound.device)]
        i, j = _where(part <= self.reach[None, right])
        squared = part.numpy(force=True)[i, j].astype(np.float64)
        i, j = rows[i] + left.start, j + right.start
        above = squared + self.r.doubt[i] + self.g.doubt[j]
        sure = above < self.balls[j]
        self.in_ball[i[sure]] = True
        unsure = ~sure & ~self.in_ball[i]
        i, j = i[unsure], j[unsure]
        hit = _inside(pair_square_distances(self.r, i, self.g, j), self.balls[j], self.rule)
        self.in_ball[i[hit]] = True


class _Realism:
    """max over real images, radius at most the median, of radius / distance."""

    def __init__(self, r: Points, g: Points, balls: Floats) -> None:
        self.r, self.g, self.balls = r, g, balls
        self.used = (balls <= np.median(balls)) & (balls > 0)  # a radius of 0 adds nothing
        weight = np.zeros(len(r), np.float32)
        weight[self.used] = 1 / balls[self.used]
        self.weight = torch.from_numpy(weight).to(r.device)
        barred = np.where(self.used, 0, np.inf).astype(np.float32)
        self.barred = torch.from_numpy(barred).to(r.device)
        self.best = torch.full((len(g),), torch.inf, device=g.device)
        self.at = np.zeros(len(g), np.int64)

    def update(self, right: slice, left: slice, bound: torch.Tensor) -> None:
        scaled = torch.addcmul(self.barred[left, None], bound, self.weight[left, None])
        least = scaled.amin(dim=0)
        better = torch.where(least < self.best[right], least, -torch.inf)
        i, j = _where(scaled <= better)  # a few per column; amin with places costs ten times this
        self.at[right.start + j] = left.start + i
        self.best[right] = torch.minimum(self.best[right], least)

    def finish(self, nearest: Integers) -> Floats:
        """Return the ratios (m,), to five parts in 10,000.

        The image of the best bound is settled exactly, and the nearest one too: very
        close images are beyond what bounds can order. Where the bound was far below
        the exact value, all real images are compared in float64.
        """
        result = np.zeros(len(self.g))
        every = np.arange(len(self.g))
        for candidate in (self.at, nearest):
            squared = pair_square_distances(self.g, every, self.r, candidate)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.sqrt(self.balls[candidate] / squared)  # infinite for a copy
            result = np.maximum(result, np.where(self.used[candidate], ratio, 0.0))
        bound = self.best.numpy(force=True).astype(np.float64)
        with np.errstate(divide="ignore"):
            doubtful = np.flatnonzero(np.isfinite(bound) & (1 / result**2 > 1.001 * bound))
        used = np.flatnonzero(self.used)
        for row in doubtful:
            squared = pair_square_distances(self.g, np.full(len(used), row), self.r, used)
            with np.errstate(divide="ignore"):
                result[row] = np.sqrt((self.balls[used] / squared).max())
        return result
