"""Random: every sample is as likely as any other."""

from __future__ import annotations

import hashlib

import numpy as np

from .core.method_result import MethodResult
from .core.pool import Pool, positive_weights
from .core.rows import Array


def random_subset(pool: Pool, budget: int) -> MethodResult:
    """Choose uniformly without replacement, by sample id and seed.

    Every id is turned into a number with the seed, and the smallest numbers win.
    So neither the order of rows nor samples that are added later change how two
    samples compare. With weights w the chance of being next is proportional to w.

    Source: weights as in Efraimidis & Spirakis 2006, doi:10.1016/j.ipl.2005.11.003.
    """
    weight = positive_weights(pool, "random")
    wait = -np.log(random_numbers(pool.ids, pool.seed)) / weight
    order = pool.first(np.argsort(wait, kind="stable"), budget)
    return MethodResult(order, -wait[order])


def random_numbers(ids: Array, seed: int) -> Array:
    """Return a number in (0, 1) for each id that depends on the id and the seed alone."""
    key = str(seed).encode()
    words = [
        hashlib.blake2b(str(name).encode(), key=key, digest_size=8).digest()
        for name in ids.tolist()
    ]
    numbers = np.frombuffer(b"".join(words), dtype=">u8") >> np.uint64(11)  # 53 bits
    return (numbers.astype(np.float64) + 0.5) / 2.0**53
