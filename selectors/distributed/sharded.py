"""Exact selection over several processes, each holding a part of the rows.

Every rank has its own consecutive rows, for example a slice of a memory-mapped file. All ranks
return the same picks, the ones that a single process would make with all rows. The command
``accelerate launch -m curadiff.selectors.distributed.command`` does so for files.

Per lazy round, ranks exchange blocks of candidates instead of one vector per pick: every rank
brings its best rows up to date, the blocks are gathered, and each rank then runs the same
greedy steps on the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from ...common.devices import choose_device
from ...common.equal_rows import digests
from ...common.errors import EnvironmentFault, SettingsError
from ...common.knn import full_precision
from ..core.density import measure_density_by
from ..core.greedy import Block, Greedy
from ..core.pool import (
    Pool,
    check_budget,
    chosen_rows,
    positive_weights,
    quota_groups,
)
from ..core.rows import Array, unit_rows
from ..typicality import representatives_first, safe_rho, usual_neighbors
from .collectives import (
    Shards,
    all_gather,
    distributed_search,
    gather_arrays,
    most_central,
    rows_of,
)

METHODS = ("coreset", "typicality")


def select_sharded(
    x: Array,
    budget: int,
    *,
    method: str = "coreset",
    preselected: Sequence[int] | Array | None = None,
    exclude: Sequence[int] | Array | None = None,
    groups: Sequence[Any] | Array | None = None,
    quotas: Mapping[Any, int] | str | None = None,
    alpha: float = 1.0,
    neighbors: int | None = None,
    min_distance: float | None = None,
    outlier_rate: float | None = None,
    device: str = "cpu",
    memory_budget: int | None = None,
) -> tuple[Array, Array]:
    """Choose from the rows of all ranks; call it on every rank with equal settings.

    Args:
        x: (n, d) this rank's embeddings; rank 0 holds the first rows, and so on.
        budget: How many to choose from all ranks together.
        method: ``coreset`` or ``typicality``, as in `select`.
        preselected: Rows of the whole pool that are chosen already.
        exclude: Rows of the whole pool that may not be chosen.
        groups: (n,) the slice that each of this rank's rows belongs to; needs ``quotas``.
        quotas: How many to choose from each group over all ranks, as in `select`.
        alpha: Of typicality.
        neighbors: Of typicality.
        min_distance: Of typicality.
        outlier_rate: Of typicality.
        device: Where products are computed. Ranks communicate by the process group's backend.
        memory_budget: Bytes that this rank's part may take, as in `select`; coreset only.

    Returns:
        Rows of the whole pool in the order they were chosen, and their scores.

    Raises:
        EnvironmentFault: No process group was started.
        SettingsError: A setting cannot be met, or the method is not one of these.
    """
    if not dist.is_initialized():
        raise EnvironmentFault(
            "select_sharded needs a process group; start the ranks with torchrun or accelerate "
            "launch and call torch.distributed.init_process_group() first, or use select."
        )
    if method not in METHODS:
        raise SettingsError(
            f"method must be one of {', '.join(METHODS)} when sharded, got {method!r}."
        )
    if isinstance(alpha, str):
        raise SettingsError(f"alpha must be a number when sharded, got {alpha!r}.")
    if memory_budget is not None and method != "coreset":
        raise SettingsError(f"{method} needs its rows in memory; leave memory_budget out.")
    unit = unit_rows(np.asanyarray(x), memory_budget=memory_budget)
    shards = Shards(dist.get_rank(), all_gather(len(unit)))
    pool = _part(unit, shards, budget, preselected, exclude, groups, quotas, device)
    allowed, start = pool.candidate, None
    if method == "coreset":
        scale = positive_weights(pool, method)
        start = most_central(unit, shards, _open(pool))
    else:
        candidate = gather_arrays(allowed)
        k = neighbors or usual_neighbors(int(candidate.sum()), budget)
        given = {} if outlier_rate is None else {"outlier_rate": outlier_rate}
        density = measure_density_by(
            distributed_search(unit, shards),
            gather_arrays(digests(unit)),
            neighbors=k,
            min_distance=min_distance,
            order=representatives_first(candidate, pool.preselected),
            **given,
        )
        whole = (density.representative == np.arange(shards.total)) & ~density.flagged
        scale, allowed = safe_rho(density.rho)[shards.mine] ** -alpha, allowed & whole[shards.mine]
        if alpha == 0:
            start = most_central(unit, shards, _open(pool) & allowed)
    with full_precision():
        return _ShardedGreedy(pool, budget, scale, allowed, shards).run(start)


def _part(
    unit: Array,
    shards: Shards,
    budget: int,
    preselected: Sequence[int] | Array | None,
    exclude: Sequence[int] | Array | None,
    groups: Sequence[Any] | Array | None,
    quotas: Mapping[Any, int] | str | None,
    device: str,
) -> Pool:
    """This rank's pool, with what is asked of all ranks together."""
    n = shards.total
    chosen = chosen_rows(preselected, n, "preselected")
    candidate = np.ones(n, bool)
    candidate[chosen] = False
    candidate[chosen_rows(exclude, n, "exclude")] = False
    check_budget(budget, int(candidate.sum()), n)
    labels = None if groups is None else gather_arrays(np.asarray(groups))
    quota_group, quota_left = quota_groups(labels, quotas, candidate, budget)
    return Pool(
        x=unit,
        ids=np.arange(shards.mine.start, shards.mine.stop),
        candidate=candidate[shards.mine],
        preselected=chosen,
        quota_group=quota_group[shards.mine],
        quota_left=quota_left,
        weights=None,
        seed=0,
        device=choose_device(device, float64=True),
    )


def _open(pool: Pool) -> Array:
    return pool.candidate & (pool.quota_left[pool.quota_group] > 0)


class _ShardedGreedy(Greedy):
    """The same traversal; a round's block is gathered from all ranks."""

    def __init__(
        self, pool: Pool, budget: int, scale: Array, allowed: Array, shards: Shards
    ) -> None:
        self.shards = shards
        super().__init__(pool, budget, scale, allowed)
        self.offset = shards.mine.start

    def preselected_points(self) -> Array:
        return rows_of(self.pool.x, self.shards, self.pool.preselected)

    def run(self, start: int | None) -> tuple[Array, Array]:
        if start is not None and not len(self.pool.preselected):
            own = start - self.offset
            is_own = 0 <= own < len(self.pool)
            gathered = all_gather(
                (float(self.scale2[own]), int(self.pool.quota_group[own])) if is_own else None
            )
            scale2, quota_group = next(one for one in gathered if one is not None)
            point = rows_of(self.pool.x, self.shards, np.array([start]))[0]
            self._take(start, point, scale2, quota_group)
        return super().run(None)

    def agree(self, best: float, stale: float) -> tuple[float, float]:
        pairs = all_gather((best, stale))
        return max(b for b, _ in pairs), max(s for _, s in pairs)

    def block(self, width: int) -> Block:
        own = super().block(width)
        x, near = own.x.cpu().numpy(), own.near.cpu().numpy()
        parts = all_gather((own.rows, x, near, own.scale2, own.quota_group, own.outside))
        rows, x, near, scale2, quota_group = (
            np.concatenate([p[i] for p in parts]) for i in range(5)
        )
        return Block(
            rows,  # ascending, for ranks hold consecutive rows
            torch.from_numpy(x).to(own.x.device),
            torch.from_numpy(near).to(own.x.device),
            scale2,
            quota_group,
            max(p[5] for p in parts),
        )
