"""What a perfect model would score: real images in place of the generated ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ..common.errors import DataError
from ..config.metrics import METRICS
from .arrays import Array
from .context import Context
from .registry import compute
from .statistic import Statistics


@dataclasses.dataclass(frozen=True)
class Null:
    """A metric between disjoint real images, and the value at the same counts."""

    value: float  # mean over the draws
    std: float | None  # over the draws; None for one
    counts: tuple[int, int]  # real images, images in the generated ones' place
    at_counts: float  # the generated images' value at these counts, same real images


def nulls(
    context: Context, names: list[str], *, spare: Array, splits: int, seed: int
) -> dict[str, Null]:
    """Score real images against disjoint real ones, at the counts of the comparison.

    Where there are as many spare real images as generated ones, they are drawn from
    the spare ones. Else the real images, spare ones included, are cut into two halves
    at random, and the generated images are thinned to the same count, so that the
    excess compares like with like.

    Args:
        context: The comparison.
        names: Metrics to do this for; those about training images are left out.
        spare: (s, d) real images that are not among ``context.real``; s may be 0.
        splits: Random draws, 0 for no nulls.
        seed: Seed of the draws.

    Returns:
        By value name; without the values that so few images cannot give.
    """
    pairs: dict[str, list[tuple[float, float]]] = {}  # (null, value), one pair per draw
    counts = (0, 0)
    metrics = [name for name in names if not METRICS[name].needs_train]
    known: dict[str, Statistics] = {}  # of the comparison itself, which all draws may share
    for real, stand_in, generated in _draws(context, spare, splits, seed):
        counts = (len(real), len(stand_in))
        perfect = dataclasses.replace(context, real=real, generated=stand_in)
        model = dataclasses.replace(context, real=real, generated=generated)
        if len(real) == len(context.real) and len(generated) == len(context.generated):
            model = context
        for name in metrics:
            try:
                null = compute(name, perfect)
                value = known.get(name) if model is context else None
                value = compute(name, model) if value is None else value
            except DataError:  # too few images for it; the value itself says so
                continue
            if model is context:
                known[name] = value
            for key in null:
                pairs.setdefault(key, []).append((null[key].value, value[key].value))
    return {key: _summary(of_draws, counts) for key, of_draws in pairs.items()}


def training_nulls(context: Context, names: list[str], *, unseen: Array) -> dict[str, Null]:
    """Score real images that were not trained on by the metrics about training images.

    Args:
        context: The comparison, with the training images.
        names: Metrics; those that need no training images are left out.
        unseen: (u, d) real images that are not among the training images, u >= 1.

    Returns:
        By value name.
    """
    if context.train is None or len(unseen) == 0:
        return {}
    perfect = dataclasses.replace(context, generated=unseen)
    counts = (len(context.train), len(unseen))
    nulls: dict[str, Null] = {}
    for name in names:
        if METRICS[name].needs_train:
            null, value = compute(name, perfect), compute(name, context)
            for key in null:
                nulls[key] = Null(null[key].value, None, counts, at_counts=value[key].value)
    return nulls


def are_disjoint(rows: Array, others: Array) -> bool:
    """Tell whether no row of one set is a row of the other."""
    known = {row.tobytes() for row in others.astype(rows.dtype)}
    return not any(row.tobytes() in known for row in rows)


def _draws(
    context: Context, spare: Array, splits: int, seed: int
) -> Iterator[tuple[Array, Array, Array]]:
    """Real images, real images in the generated ones' place, generated images."""
    generator = np.random.default_rng([seed, 1])
    real, generated = context.real, context.generated
    if len(spare) >= len(generated):
        for _ in range(min(splits, 1) if len(spare) == len(generated) else splits):
            yield real, spare[_random_rows(generator, len(spare), len(generated))], generated
        return
    pool = np.concatenate([real, spare]) if len(spare) else real
    half = min(len(pool) // 2, len(generated))
    for _ in range(splits if half else 0):
        order = generator.permutation(len(pool))
        yield (
            pool[np.sort(order[:half])],
            pool[np.sort(order[half : 2 * half])],
            generated[_random_rows(generator, len(generated), half)],
        )


def _random_rows(generator: np.random.Generator, count: int, size: int) -> Array:
    return np.sort(generator.choice(count, size, replace=False))


def _summary(pairs: list[tuple[float, float]], counts: tuple[int, int]) -> Null:
    null, value = np.array(pairs).T
    std = float(null.std(ddof=1)) if len(null) > 1 else None
    return Null(float(null.mean()), std, counts, float(value.mean()))
