"""``select``: choose samples by a method, and keep what explains the choice."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..common.errors import SettingsError
from ..common.errors import nearest as nearest_name
from ..common.knn import nearest
from ..config import SelectSettings
from .core.coverage import coverage_of
from .core.density import Density, measure_density
from .core.likeness import leaning_weights, likeness
from .core.method_result import MethodResult
from .core.pool import Pool, chosen_rows, make_pool, positive_weights
from .core.rows import Array, FileRows, chunks, take
from .core.units import select_units, unit_labels
from .registry import BY_VALUES, FROM_FILE, METHODS, WITHOUT_WEIGHTS


@dataclass
class Selection:
    """An ordered choice of samples; every prefix is itself a selection.

    Everything below ``settings`` is computed when it is first asked for. Arrays of
    length n are in the order of the rows that were given.
    """

    indices: Array  # (k,) int64 chosen rows, in the order they were chosen
    scores: Array  # (k,) what the method maximized when it chose them
    stop_reason: str  # why it ended, and what was not as asked
    shortfall: int  # how many fewer than the budget
    settings: dict[str, Any]  # method, budget, seed and options as used
    _pool: Pool = field(repr=False)
    _order: Array = field(repr=False)  # pool row -> given row
    _known: Density | None = field(repr=False, default=None)

    @cached_property
    def density(self) -> Array:
        """(n,) rho: mean distance to the nearest distinct samples; small where it is crowded."""
        return self._in_given_order(self._density.rho)

    @cached_property
    def outlier_score(self) -> Array:
        """(n,) how far a sample stands apart; above 1 it is flagged."""
        return self._in_given_order(self._density.outlier_score)

    @cached_property
    def flagged(self) -> Array:
        """(n,) bool: is it an outlier?"""
        return self._in_given_order(self._density.flagged)

    @cached_property
    def representative(self) -> Array:
        """(n,) the row that stands for a sample and its near-duplicates."""
        return self._in_given_order(self._order[self._density.representative])

    @cached_property
    def nearest_pick(self) -> Array:
        """(n,) the chosen or preselected row that is nearest."""
        return self._in_given_order(self._order[self._picks[self._nearest[1][:, 0]]])

    @cached_property
    def nearest_pick_distance(self) -> Array:
        """(n,) Euclidean distance to `nearest_pick`, between rows of length 1."""
        return self._in_given_order(self._nearest[0][:, 0])

    @cached_property
    def coverage_radius(self) -> Array:
        """(k,) after each pick, the largest distance of any sample to its nearest pick."""
        return coverage_of(self._pool.x, self._picks, len(self._pool.preselected))

    @property
    def density_neighbors(self) -> int:
        """How many distinct neighbours `density` averages over: the method's number, or 20."""
        return self._density.neighbors

    @cached_property
    def preselected(self) -> Array:
        """(p,) the rows that were chosen already, which `indices` does not repeat."""
        return self._order[self._pool.preselected]

    @property
    def near_radius(self) -> float:
        """Distance within which samples are near-duplicates."""
        return self._density.min_distance

    @cached_property
    def embedding_hash(self) -> str:
        """Short hash of the embeddings that were selected from, whatever their order."""
        digest = hashlib.sha256()
        for _, part in chunks(self._pool.x, 4096):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()[:16]

    @cached_property
    def _density(self) -> Density:
        return self._known or measure_density(self._pool.x, device=self._pool.device)

    @cached_property
    def _picks(self) -> Array:
        back = np.empty(len(self._pool), np.int64)
        back[self._order] = np.arange(len(self._pool))
        return np.concatenate([self._pool.preselected, back[self.indices]])

    @cached_property
    def _nearest(self) -> tuple[Array, Array]:
        pool, picks = self._pool, take(self._pool.x, self._picks)
        parts = [nearest(part, picks, 1, device=pool.device) for _, part in chunks(pool.x, 2**16)]
        return np.concatenate([d for d, _ in parts]), np.concatenate([rows for _, rows in parts])

    def _in_given_order(self, values: Array) -> Array:
        """Put values of pool rows in the order of the given rows."""
        out = np.empty_like(values)
        out[self._order] = values
        return out


def select(
    x: Array,
    budget: int,
    *,
    method: str = "typicality",
    ids: Sequence[Any] | Array | None = None,
    preselected: Sequence[int] | Array | None = None,
    exclude: Sequence[int] | Array | None = None,
    groups: Sequence[Any] | Array | None = None,
    quotas: Mapping[Any, int] | str | None = None,
    weights: Sequence[float] | Array | None = None,
    toward: Sequence[int] | Array | None = None,
    away: Sequence[int] | Array | None = None,
    pull: float = 1.0,
    together: Sequence[Any] | Array | None = None,
    seed: int = 0,
    device: str = "auto",
    memory_budget: int | None = None,
    **options: Any,
) -> Selection:
    """Choose ``budget`` samples by their embeddings.

    Args:
        x: (n, d) embeddings, any float dtype; rows are compared by direction.
        budget: How many to choose, not counting the preselected.
        method: A name in `METHODS`.
        ids: (n,) what the samples are called. With ids the order of rows does not
            matter: equal samples are told apart by id, and seeds act on ids.
        preselected: Rows, or a mask, that are chosen already.
        exclude: Rows, or a mask, that may not be chosen.
        groups: (n,) the slice each sample belongs to; needs ``quotas``.
        quotas: How many to choose from each group: a dictionary (groups that it does
            not name share the rest), ``"balanced"`` or ``"proportional"``.
        weights: (n,) how much each sample is worth; what that means stands in each method.
        toward: Rows, or a mask, of examples that picks should be like; see
            `likeness.likeness`. Weights are multiplied by what follows from the score.
        away: Rows, or a mask, of examples that picks should not be like.
        pull: How strongly: e^pull times the weight per standard deviation of the score.
        together: (n,) samples with equal labels are chosen together or not at all.
        seed: Of whatever is random in the method.
        device: ``auto``, ``cpu``, ``cuda``...; picks do not depend on it.
        memory_budget: Bytes of memory that the selection may take, besides what the
            process holds already. Where the embeddings do not fit they are kept in a
            temporary file, from which coreset, random and top can choose.
        **options: The method's own keywords.

    Returns:
        The selection.

    Raises:
        DataError: Embeddings, ids, groups or weights cannot be used.
        SettingsError: A setting is unknown or cannot be met.
    """
    if method not in METHODS:
        known = ", ".join(METHODS)
        raise SettingsError(
            f"method must be one of {known}, got {method!r}{nearest_name(method, METHODS)}."
        )
    _check_options(method, options)
    pool, order = make_pool(
        x,
        budget,
        ids=ids,
        preselected=preselected,
        exclude=exclude,
        groups=groups,
        quotas=quotas,
        weights=weights,
        seed=seed,
        device=device,
        memory_budget=memory_budget,
    )
    if isinstance(pool.x, FileRows) and (method not in FROM_FILE or together is not None):
        what = method if together is None else "together"
        raise SettingsError(
            f"{what} needs the embeddings in memory, and memory_budget={memory_budget:,} does "
            f"not hold {pool.x.nbytes:,} bytes of them; raise it, take "
            f"{', '.join(FROM_FILE)}, or curadiff.selectors.core.rounds.two_rounds."
        )
    pool, leaning = _leaning(pool, order, method, toward, away, pull)
    choose = partial(METHODS[method], **options)
    if together is None:
        result: MethodResult = choose(pool, int(budget))
    else:
        result = select_units(pool, int(budget), unit_labels(together, len(pool))[order], choose)
    shortfall = int(budget) - len(result.order)
    reason = "" if shortfall else "The budget was reached."
    used = {"method": method, "budget": int(budget), "seed": int(seed)}
    return Selection(
        indices=order[result.order],
        scores=result.scores,
        stop_reason=" ".join(part for part in (reason, result.note) if part),
        shortfall=shortfall,
        settings={**used, **_defaults(method), **options, **leaning, **(result.settings or {})},
        _pool=pool,
        _order=order,
        _known=result.density,
    )


def _leaning(
    pool: Pool,
    order: Array,
    method: str,
    toward: Sequence[int] | Array | None,
    away: Sequence[int] | Array | None,
    pull: float,
) -> tuple[Pool, dict[str, Any]]:
    """Return the pool with weights that lean toward some rows and away from others.

    Raises:
        SettingsError: The method has no use for such weights.
    """
    if toward is None and away is None:
        return pool, {}
    if method in WITHOUT_WEIGHTS:
        raise SettingsError(
            f"{method} takes no weights, which toward and away become; take another method."
        )
    if method in BY_VALUES:
        raise SettingsError(
            f"{method} has another use for weights, which toward and away become; take another "
            "method."
        )
    if method == "top" and pool.weights is not None:
        raise SettingsError("top ranks by weights or by toward and away; give one of the two.")
    back = np.argsort(order)
    near, far = (
        back[chosen_rows(rows, len(pool), name)]
        for rows, name in ((toward, "toward"), (away, "away"))
    )
    weights = leaning_weights(likeness(pool.x, near, far, device=pool.device), pull)
    if pool.weights is not None:
        weights = positive_weights(pool, method) * weights
    counts = {"toward": len(near), "away": len(far), "pull": float(pull)}
    return replace(pool, weights=weights), counts


def options_of(settings: SelectSettings) -> dict[str, Any]:
    """Return the settings that the chosen method has a keyword for.

    ``select(x, settings.budget, method=settings.method, **options_of(settings))``
    """
    return {name: getattr(settings, name) for name in _defaults(settings.method)}


def _defaults(method: str) -> dict[str, Any]:
    """Keywords of a method and their defaults."""
    parameters = inspect.signature(METHODS[method]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _check_options(method: str, options: dict[str, Any]) -> None:
    known = _defaults(method)
    for name in options:
        if name not in known:
            listed = f"options: {', '.join(known)}" if known else "it has no options"
            raise SettingsError(
                f"{name} is not an option of {method}{nearest_name(name, known)} ({listed})."
            )
