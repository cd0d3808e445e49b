"""What a perfect model would score: real images in place of the generated ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ..common.errors import DataError
from .arrays import Array
from .context import Context
from .statistics import METRICS, Values


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
    found: dict[str, list[tuple[float, float]]] = {}
    counts = (0, 0)
    metrics = [name for name in names if name != "memorization"]
    known: dict[str, Values] = {}  # of the comparison itself, which all draws may share
    for real, stand_in, generated in _draws(context, spare, splits, seed):
        counts = (len(real), len(stand_in))
        perfect = dataclasses.replace(context, real=real, generated=stand_in)
        model = dataclasses.replace(context, real=real, generated=generated)
        if len(real) == len(context.real) and len(generated) == len(context.generated):
            model = context
        for name in metrics:
            try:
                null = METRICS[name](perfect)
                value = known.get(name) if model is context else None
                value = METRICS[name](model) if value is None else value
            except DataError:  # too few images for it; the value itself says so
                continue
            if model is context:
                known[name] = value
            for key in null:
                found.setdefault(key, []).append((null[key].value, value[key].value))
    return {key: _summary(pairs, counts) for key, pairs in found.items()}


def memorization_nulls(context: Context, fresh: Array | None) -> dict[str, Null]:
    """Score real images that were not trained on against the training images."""
    if fresh is None or context.train is None or len(fresh) == 0:
        return {}
    perfect = dataclasses.replace(context, generated=fresh)
    null, value = METRICS["memorization"](perfect), METRICS["memorization"](context)
    counts = (len(context.train), len(fresh))
    return {key: Null(null[key].value, None, counts, at_counts=value[key].value) for key in null}


def not_in(rows: Array, train: Array) -> bool:
    """Tell whether no row of one set is a row of the other."""
    known = {row.tobytes() for row in train.astype(rows.dtype)}
    return not any(row.tobytes() in known for row in rows)


def _draws(
    context: Context, spare: Array, splits: int, seed: int
) -> Iterator[tuple[Array, Array, Array]]:
    """Real images, real images in the generated ones' place, generated images."""
    generator = np.random.default_rng([seed, 1])
    real, generated = context.real, context.generated
    if len(spare) >= len(generated):
        for _ in range(min(splits, 1) if len(spare) == len(generated) else splits):
            yield real, spare[_some(generator, len(spare), len(generated))], generated
        return
    pool = np.concatenate([real, spare]) if len(spare) else real
    half = min(len(pool) // 2, len(generated))
    for _ in range(splits if half else 0):
        drawn = generator.permutation(len(pool))
        yield (
            pool[np.sort(drawn[:half])],
            pool[np.sort(drawn[half : 2 * half])],
            generated[_some(generator, len(generated), half)],
        )


def _some(generator: np.random.Generator, count: int, wanted: int) -> Array:
    return np.sort(generator.choice(count, wanted, replace=False))


def _summary(pairs: list[tuple[float, float]], counts: tuple[int, int]) -> Null:
    null, value = np.array(pairs).T
    std = float(null.std(ddof=1)) if len(null) > 1 else None
    return Null(float(null.mean()), std, counts, float(value.mean()))
