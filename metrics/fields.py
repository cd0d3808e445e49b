"""What an evaluation says about single images."""

from __future__ import annotations

from .arrays import Array
from .context import Context


def generated_fields(c: Context, chosen: list[str]) -> dict[str, Array]:
    """Fields of the generated images, by name, one entry per image."""
    fields: dict[str, Array] = {}
    if _has_manifold(c, chosen):
        names = ["in_manifold", "realism", "rarity", "nearest", "nearest_distance"]
        names += ["density_count"] * (len(c.real) > c.density_k)
        fields |= {name: getattr(c.manifold, name) for name in names}
    if "frechet_distance" in chosen and min(len(c.real), len(c.generated)) > 1:
        fields["fid_influence"] = c.fid_influence
    if "memorization" in chosen and c.train is not None and len(c.train) > 1:
        fields |= {
            "nearest_train": c.memory.nearest,
            "nearest_train_mirrored": c.memory.mirrored,
            "nearest_train_distance": c.memory.distance,
            "memorization_ratio": c.memory.ratio,
            "memorized": c.memory.memorized,
            "authentic": c.memory.authentic,
        }
    return fields


def real_fields(c: Context, chosen: list[str]) -> dict[str, Array]:
    """Fields of the real images, by name, one entry per image."""
    if not _has_manifold(c, chosen):
        return {}
    names = ["knn_radius", "recalled", "nearest_generated", "nearest_generated_distance"]
    names += ["covered", "n_generated_in_ball"] * (len(c.real) > c.density_k)
    return {name: getattr(c.manifold, name) for name in names}


def _has_manifold(c: Context, chosen: list[str]) -> bool:
    asked = "precision_recall" in chosen or "density_coverage" in chosen
    return asked and min(len(c.real), len(c.generated)) > c.k
