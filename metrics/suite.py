"""All metrics of one comparison at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from ..common.devices import choose_device
from ..common.errors import DataError, SettingsError, nearest
from ..common.threads import suited_threads
from ..config.metrics import METRICS, on_request
from . import registry
from .arrays import Array, Integers, pair
from .bootstrap import interval
from .context import Context
from .evaluation import Evaluation, Record
from .manifold import Rule
from .null import Null, are_disjoint, nulls, training_nulls
from .statistic import Influences

Counts = Literal["refuse", "subsample", "unequal"]


def evaluate(
    *,
    real: Any,
    generated: Any,
    train: Any = None,
    train_mirrored: Any = None,
    stand_in: Any = None,
    held_out: Any = None,
    metrics: Iterable[str] | None = None,
    k: int = 3,
    density_k: int = 5,
    rule: Rule = "<=",
    density_rule: Rule = "<",
    counts: Counts = "refuse",
    null_draws: int = 3,
    bootstrap: int = 1000,
    seed: int = 0,
    device: str = "cpu",
) -> Evaluation:
    """Compare generated images with real ones by every metric asked for.

    Args:
        real: (n, d) embeddings of the reference images.
        generated: (m, d) embeddings from the same encoder.
        train: (t, d) embeddings of the images that the model was trained on; without
            them, memorization is left out.
        train_mirrored: (t, d) the same images mirrored, for a model trained with flips.
        stand_in: (s, d) embeddings of real images that are not in ``real``, though they
            may be trained on; what they score in place of the generated images is the
            null. Without them those of ``held_out`` do it, then rows of ``real`` that
            ``counts=subsample`` leaves over, else two halves of ``real``.
        held_out: (h, d) embeddings of real images that are neither in ``real`` nor in
            ``train``; the null of memorization is theirs. Without them it is that of
            ``real``, if none of it was trained on.
        metrics: Names from `METRICS`; by default all that the data allow except those that
            are computed on request only, such as frechet_extrapolated.
        k: Neighbours that span the balls of precision and recall.
        density_k: Neighbours that span the balls of density and coverage.
        rule: Whether a point at exactly the radius is inside, for precision and recall.
        density_rule: The same for density and coverage.
        counts: What to do when n and m differ: ``refuse``, ``subsample`` the larger set
            by the seed, or compare ``unequal`` sets as they are.
        null_draws: Random draws behind each null; 0 for no nulls.
        bootstrap: Resamples behind each interval; 0 for none.
        seed: Seed of subsampling, nulls, projections and bootstrap.
        device: ``cpu``, ``cuda`` or ``auto``; for distances.

    Returns:
        Values with counts, nulls, intervals and reasons, and fields per image. A value
        that the data cannot give (too few images) is None with its reason.

    Raises:
        DataError: The sets do not fit together, or their counts differ under ``refuse``.
        SettingsError: A metric is unknown.
    """
    r, g = pair("real", real, "generated", generated)
    t = None if train is None else pair("generated", g, "train", train)[1]
    h = None if held_out is None else pair("real", r, "held_out", held_out)[1]
    s = h if stand_in is None else pair("real", r, "stand_in", stand_in)[1]
    chosen = _chosen(metrics, t is not None)
    real_rows, generated_rows = _rows(len(r), len(g), counts, np.random.default_rng(seed))
    choose_device(device, float64=True)
    context = Context(
        real=r[real_rows],
        generated=g[generated_rows],
        train=t,
        train_mirrored=train_mirrored,
        k=k,
        density_k=density_k,
        rule=rule,
        density_rule=density_rule,
        seed=seed,
        device=device,
    )
    notes = _notes(context, chosen, len(r), len(g))
    with suited_threads(len(real_rows) * len(generated_rows)):
        spare = np.delete(r, real_rows, axis=0) if s is None else s
        null = _nulls(context, chosen, spare, h, null_draws, notes)
        records, influences = _records(context, chosen, null, bootstrap)
        generated_fields, real_fields = registry.fields(chosen, context)
    return Evaluation(
        records=records,
        generated=generated_fields,
        real=real_fields,
        influences=influences,
        generated_rows=generated_rows,
        real_rows=real_rows,
        settings={
            "metrics": chosen,
            "k": k,
            "density_k": density_k,
            "rule": rule,
            "density_rule": density_rule,
            "counts": counts,
            "null_draws": null_draws,
            "bootstrap": bootstrap,
            "seed": seed,
        },
        notes=notes,
    )


def _chosen(metrics: Iterable[str] | None, trained: bool) -> list[str]:
    if metrics is None:
        left_out = on_request()
        return [
            name
            for name, metric in METRICS.items()
            if name not in left_out and (trained or not metric.needs_train)
        ]
    chosen = list(dict.fromkeys(metrics))
    for name in chosen:
        if name not in METRICS:
            raise SettingsError(
                f"metrics has no {name!r}{nearest(name, METRICS)} (choices: {', '.join(METRICS)})."
            )
        if METRICS[name].needs_train and not trained:
            raise DataError(
                f"{name} needs the embeddings of the training images; give train= or leave it out."
            )
    return chosen


def _rows(
    n: int, m: int, counts: Counts, generator: np.random.Generator
) -> tuple[Integers, Integers]:
    """Choose the rows that are compared."""
    every = np.arange(n), np.arange(m)
    if n != m and counts == "subsample":
        least = min(n, m)
        real, generated = (np.sort(generator.choice(rows, least, replace=False)) for rows in every)
        return real, generated
    check_counts(real=n, generated=m, counts=counts)
    return every


def check_counts(*, real: int, generated: int, counts: Counts) -> None:
    """Refuse unequal counts of images, unless `evaluate` is told what to do with them.

    Raises:
        DataError: They differ under ``refuse``.
    """
    if counts == "refuse" and real != generated:
        raise DataError(
            f"real has {real} images and generated has {generated}, and most metrics depend on the "
            "counts; give equal counts, or say counts=subsample to draw as many from the larger "
            "set, or counts=unequal to compare them as they are."
        )


def _nulls(
    c: Context,
    chosen: list[str],
    spare: Array,
    held_out: Array | None,
    draws: int,
    notes: list[str],
) -> dict[str, Null]:
    """The null of every value; what cannot have one is said in a note."""
    if draws == 0:
        return {}
    of_real = [name for name in chosen if not METRICS[name].needs_train]
    of_training = [name for name in chosen if METRICS[name].needs_train]
    if of_real and not are_disjoint(spare, c.real):
        notes.append(
            "the real images that stand in for generated ones share images with real, so the "
            "nulls are too small."
        )
    null_of = nulls(c, of_real, spare=spare, splits=draws, seed=c.seed)
    if of_training and c.train is not None and len(c.train) > 1:
        unseen = c.real if held_out is None else held_out
        if are_disjoint(unseen, c.train):
            null_of |= training_nulls(c, of_training, unseen=unseen)
        else:
            name = "real" if held_out is None else "held_out"
            has = "has" if len(of_training) == 1 else "have"
            notes.append(
                f"{name} shares images with train, so {' and '.join(of_training)} {has} no null; "
                "compare with real images that were not trained on, or give such images as "
                "held_out to metrics.evaluate."
            )
    return null_of


def _records(
    c: Context, chosen: list[str], nulls: dict[str, Null], bootstrap: int
) -> tuple[dict[str, Record], dict[str, Influences]]:
    records: dict[str, Record] = {}
    influences: dict[str, Influences] = {}
    size = len(c.real), len(c.generated)
    for name in chosen:
        try:
            statistics = registry.compute(name, c)
        except DataError as fault:
            missing = Record(None, *size, reason=str(fault))
            records |= {value.name: missing for value in METRICS[name].values}
            continue
        detail = registry.detail(name, c)
        for value, statistic in statistics.items():
            null = nulls.get(value)
            influences[value] = Influences.of(statistic) if bootstrap else Influences()
            records[value] = Record(
                value=statistic.value,
                n_real=size[0],
                n_generated=size[1],
                null=null and null.value,
                null_std=null and null.std,
                n_null=null and null.counts,
                excess=null and null.at_counts - null.value,
                interval=statistic.interval
                or interval(statistic.value, influences[value], resamples=bootstrap, seed=c.seed),
                detail={**statistic.detail, **detail},
            )
    return records, influences


def _notes(c: Context, chosen: list[str], n: int, m: int) -> list[str]:
    """Sentences about the images that a reader of these metrics should see."""
    compared = len(c.real), len(c.generated)
    notes = []
    if compared != (n, m):
        notes.append(
            f"{compared[0]} of {n} real and {compared[1]} of {m} generated images were compared."
        )
    return [*notes, *registry.notes(chosen, c)]
