"""Every metric by name: from the images of a comparison to its values.

Adding one is a function here, a line in `METRICS` and its name in the settings.
"""

from __future__ import annotations

from collections.abc import Callable

from . import frechet, kernels
from .arrays import Array, embeddings, neighbors_fit, pair
from .context import Context, Statistic
from .extrapolation import frechet_extrapolated
from .mind import PROJECTIONS, monge
from .vendi import influence as vendi_influence
from .vendi import vendi

Values = dict[str, Statistic]


def _mean(field: Array, *, of: str, **detail: object) -> Statistic:
    """A value that is the mean of a field over the real or the generated images."""
    field = field * 1.0
    value = float(field.mean())
    if of == "real":
        return Statistic(value, lambda: field - value, None, detail)
    return Statistic(value, None, lambda: field - value, detail)


def _frechet(c: Context) -> Values:
    r, g = c.gaussians
    value = frechet.distance(r, g)
    per_real = lambda: frechet.influence(g, r, c.real)  # noqa: E731 - named for the reader
    return {"frechet_distance": Statistic(value, per_real, lambda: c.fid_influence)}


def _extrapolated(c: Context) -> Values:
    found = frechet_extrapolated(real=c.real, generated=c.generated, seed=c.seed)
    detail = {"sizes": found.sizes, "distances": found.distances, "std_error": found.std_error}
    return {"frechet_extrapolated": Statistic(found.value, detail=detail)}


def _precision_recall(c: Context) -> Values:
    detail = {"k": c.k, "rule": c.rule}
    return {
        "precision": _mean(c.manifold.in_manifold, of="generated", **detail),
        "recall": _mean(c.manifold.recalled, of="real", **detail),
    }


def _density_coverage(c: Context) -> Values:
    neighbors_fit("real", len(c.real), c.density_k)
    detail = {"k": c.density_k, "rule": c.density_rule}
    return {
        "density": _mean(c.manifold.density_count / c.density_k, of="generated", **detail),
        "coverage": _mean(c.manifold.covered, of="real", **detail),
    }


def _kernel_distance(c: Context) -> Values:
    real, generated = pair("real", c.real, "generated", c.generated, at_least=2)
    found = kernels.cubic(real, generated, c.device)
    return {
        "kernel_distance": Statistic(
            found.value, lambda: found.per_real, lambda: found.per_generated
        )
    }


def _cmmd(c: Context) -> Values:
    real, generated = pair("real", c.real, "generated", c.generated, at_least=2)
    found = kernels.gaussian(real, generated, c.device)
    return {"cmmd": Statistic(found.value, lambda: found.per_real, lambda: found.per_generated)}


def _mind(c: Context) -> Values:
    real, generated = pair("real", c.real, "generated", c.generated, at_least=2)
    found = monge(real, generated, PROJECTIONS, c.seed)
    detail = {"projections": PROJECTIONS, "seed": c.seed}
    return {
        "mind": Statistic(found.value, lambda: found.per_real, lambda: found.per_generated, detail)
    }


def _vendi(c: Context) -> Values:
    scores = vendi(generated=embeddings("generated", c.generated, at_least=2))
    detail = {"orders": {f"{order:g}": value for order, value in scores.items()}}
    move = lambda: vendi_influence(c.generated)  # noqa: E731 - named for the reader
    return {"vendi": Statistic(scores[1.0], None, move, detail)}


def _memorization(c: Context) -> Values:
    return {
        "memorized": _mean(c.memory.memorized, of="generated", below=c.memory.below),
        "authentic": _mean(c.memory.authentic, of="generated"),
    }


METRICS: dict[str, Callable[[Context], Values]] = {
    "frechet_distance": _frechet,
    "frechet_extrapolated": _extrapolated,
    "precision_recall": _precision_recall,
    "density_coverage": _density_coverage,
    "kernel_distance": _kernel_distance,
    "cmmd": _cmmd,
    "mind": _mind,
    "vendi": _vendi,
    "memorization": _memorization,
}
VALUES: dict[str, tuple[str, ...]] = {  # what each metric yields
    **{name: (name,) for name in METRICS},
    "precision_recall": ("precision", "recall"),
    "density_coverage": ("density", "coverage"),
    "memorization": ("memorized", "authentic"),
}
ON_REQUEST = ("frechet_extrapolated",)  # left out by default
