"""All metrics of one comparison, sharing what they have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import DataError, SettingsError, nearest
from . import frechet
from .arrays import Array, Floats, embeddings, neighbors_fit, pair
from .bootstrap import interval
from .evaluation import Evaluation, Record
from .manifold import Manifold, Rule, manifold
from .memorization import COPY, Memorization, memorization

Counts = Literal["refuse", "subsample", "unequal"]


class Statistic(NamedTuple):
    """A value, and how much each image moves it (mean 0), where that is known."""

    value: float
    per_real: Floats | None = None  # (n,)
    per_generated: Floats | None = None  # (m,)
    detail: dict[str, Any] = {}  # noqa: RUF012 - never changed


@dataclasses.dataclass
class Context:
    """The images of one comparison and what was computed from them so far."""

    real: Array
    generated: Array
    train: Array | None = None
    train_mirrored: Array | None = None
    k: int = 3
    density_k: int = 5
    rule: Rule = "<="
    density_rule: Rule = "<"
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


def _frechet(c: Context) -> dict[str, Statistic]:
    r, g = c.gaussians
    per_real = frechet.influence(g, r, c.real)
    return {"frechet_distance": Statistic(frechet.distance(r, g), per_real, c.fid_influence)}


def _precision_recall(c: Context) -> dict[str, Statistic]:
    found, detail = c.manifold, {"k": c.k, "rule": c.rule}
    inside, recalled = found.in_manifold * 1.0, found.recalled * 1.0
    return {
        "precision": Statistic(inside.mean(), None, inside - inside.mean(), detail),
        "recall": Statistic(recalled.mean(), recalled - recalled.mean(), None, detail),
    }


def _density_coverage(c: Context) -> dict[str, Statistic]:
    neighbors_fit("real", len(c.real), c.density_k)
    found, detail = c.manifold, {"k": c.density_k, "rule": c.density_rule}
    density, covered = found.density_count / c.density_k, found.covered * 1.0
    return {
        "density": Statistic(density.mean(), None, density - density.mean(), detail),
        "coverage": Statistic(covered.mean(), covered - covered.mean(), None, detail),
    }


def _memorization(c: Context) -> dict[str, Statistic]:
    copied, authentic = (c.memory.ratio < COPY) * 1.0, c.memory.authentic * 1.0
    return {
        "memorized": Statistic(copied.mean(), None, copied - copied.mean(), {"below": COPY}),
        "authentic": Statistic(authentic.mean(), None, authentic - authentic.mean()),
    }


METRICS: dict[str, Callable[[Context], dict[str, Statistic]]] = {
    "frechet_distance": _frechet,
    "precision_recall": _precision_recall,
    "density_coverage": _density_coverage,
    "memorization": _memorization,
}
VALUES: dict[str, tuple[str, ...]] = {  # what each metric yields
    "frechet_distance": ("frechet_distance",),
    "precision_recall": ("precision", "recall"),
    "density_coverage": ("density", "coverage"),
    "memorization": ("memorized", "authentic"),
}


def evaluate(
    *,
    real: Any,
    generated: Any,
    train: Any = None,
    train_mirrored: Any = None,
    held_out: Any = None,
    metrics: Iterable[str] | None = None,
    k: int = 3,
    density_k: int = 5,
    rule: Rule = "<=",
    density_rule: Rule = "<",
    counts: Counts = "refuse",
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
        held_out: (h, d) embeddings of real images that are neither in ``real`` nor in
            ``train``; what they score in place of the generated images is the null.
        metrics: Names from `METRICS`; all that the data allow by default.
        k: Neighbours that span the balls of precision and recall.
        density_k: Neighbours that span the balls of density and coverage.
        rule: Whether a point at exactly the radius is inside, for precision and recall.
        density_rule: The same for density and coverage.
        counts: What to do when n and m differ: ``refuse``, ``subsample`` the larger set
            by the seed, or compare ``unequal`` sets as they are.
        bootstrap: Resamples behind each interval; 0 for none.
        seed: Seed of subsampling and bootstrap.
        device: ``cpu``, ``cuda`` or ``auto``; for distances.

    Returns:
        Values with counts, intervals and reasons, and fields per image. A value that
        the data cannot give (too few images) is None with its reason.

    Raises:
        DataError: The sets do not fit together, or their counts differ under ``refuse``.
        SettingsError: A metric is unknown.
    """
    r, g = pair("real", real, "generated", generated)
    chosen = _chosen(metrics, train is not None)
    generator = np.random.default_rng(seed)
    real_rows, generated_rows = _rows(len(r), len(g), counts, generator)
    context = Context(
        real=r[real_rows],
        generated=g[generated_rows],
        train=None if train is None else pair("generated", g, "train", train)[1],
        train_mirrored=train_mirrored,
        k=k,
        density_k=density_k,
        rule=rule,
        density_rule=density_rule,
        device=device,
    )
    size = (len(real_rows), len(generated_rows))
    records: dict[str, Record] = {}
    for name in chosen:
        try:
            found = METRICS[name](context)
        except DataError as fault:
            records |= {value: Record(None, *size, reason=str(fault)) for value in VALUES[name]}
            continue
        for value, statistic in found.items():
            between = interval(
                statistic.value,
                statistic.per_real,
                statistic.per_generated,
                resamples=bootstrap,
                seed=seed,
            )
            records[value] = Record(
                float(statistic.value), *size, interval=between, detail=statistic.detail
            )
    return Evaluation(
        records=records,
        generated=_generated_fields(context, chosen),
        real=_real_fields(context, chosen),
        generated_rows=generated_rows,
        real_rows=real_rows,
        settings={
            "metrics": chosen,
            "k": k,
            "density_k": density_k,
            "rule": rule,
            "density_rule": density_rule,
            "counts": counts,
            "bootstrap": bootstrap,
            "seed": seed,
        },
        notes=_notes(context, len(r), len(g)),
    )


def _chosen(metrics: Iterable[str] | None, trained: bool) -> list[str]:
    if metrics is None:
        return [name for name in METRICS if trained or name != "memorization"]
    chosen = list(dict.fromkeys(metrics))
    for name in chosen:
        if name not in METRICS:
            raise SettingsError(
                f"metrics has no {name!r}{nearest(name, METRICS)} (choices: {', '.join(METRICS)})."
            )
    if "memorization" in chosen and not trained:
        raise DataError(
            "memorization needs the embeddings of the training images; give train= or leave it out."
        )
    return chosen


def _rows(n: int, m: int, counts: Counts, generator: np.random.Generator) -> tuple[Array, Array]:
    """Choose the rows that are compared."""
    every = np.arange(n), np.arange(m)
    if n == m or counts == "unequal":
        return every
    if counts == "subsample":
        least = min(n, m)
        drawn = [np.sort(generator.choice(rows, least, replace=False)) for rows in every]
        return drawn[0], drawn[1]
    raise DataError(
        f"real has {n} images and generated has {m}, and most metrics depend on the counts; "
        "give equal counts, or say counts=subsample to draw as many from the larger set, "
        "or counts=unequal to compare them as they are."
    )


def _generated_fields(c: Context, chosen: list[str]) -> dict[str, Array]:
    fields: dict[str, Array] = {}
    if _has_manifold(c, chosen):
        found = c.manifold
        names = ["in_manifold", "realism", "rarity", "nearest", "nearest_distance"]
        names += ["density_count"] * (len(c.real) > c.density_k)
        fields |= {name: getattr(found, name) for name in names}
    if "frechet_distance" in chosen and min(len(c.real), len(c.generated)) > 1:
        fields["fid_influence"] = c.fid_influence
    if "memorization" in chosen and c.train is not None and len(c.train) > 1:
        fields |= {
            "nearest_train": c.memory.nearest,
            "nearest_train_mirrored": c.memory.mirrored,
            "nearest_train_distance": c.memory.distance,
            "memorization_ratio": c.memory.ratio,
            "authentic": c.memory.authentic,
        }
    return fields


def _real_fields(c: Context, chosen: list[str]) -> dict[str, Array]:
    if not _has_manifold(c, chosen):
        return {}
    names = ["knn_radius", "recalled", "nearest_generated", "nearest_generated_distance"]
    names += ["covered", "n_generated_in_ball"] * (len(c.real) > c.density_k)
    return {name: getattr(c.manifold, name) for name in names}


def _has_manifold(c: Context, chosen: list[str]) -> bool:
    asked = "precision_recall" in chosen or "density_coverage" in chosen
    return asked and min(len(c.real), len(c.generated)) > c.k


def _notes(c: Context, n: int, m: int) -> list[str]:
    notes = []
    used = len(c.real), len(c.generated)
    if used != (n, m):
        notes.append(f"{used[0]} of {n} real and {used[1]} of {m} generated images were compared.")
    if min(used) <= c.real.shape[1]:
        notes.append(
            f"{min(used)} images for {c.real.shape[1]} features: the covariances are singular and "
            "the Frechet distance is biased upward strongly; read its excess over the null."
        )
    return notes
