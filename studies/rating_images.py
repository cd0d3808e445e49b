"""Which images a study of people compares, and at which size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import layouts
from ..common.errors import DataError
from ..common.images import open_rgb
from ..config import RateSettings
from ..datasets import ratings
from ..preferences import Golden
from ..preferences.store import Picture

SMALLEST = 256  # pixels: smaller images are enlarged, so that people can see them


def groups(view: Any, config: RateSettings) -> dict[str, Any]:
    """Return a view for each arm: by the values of a field, or by tags."""
    if config.tags is not None:
        return {tag: view.match_tags(tag) for tag in config.tags}
    groups = ratings.groups_by_field(view, config.by)
    if config.arms is not None:
        missing = [arm for arm in config.arms if arm not in groups]
        if missing:
            raise DataError(
                f"no image has {config.by} {' or '.join(missing)} (there are: "
                f"{', '.join(groups) or 'none'})."
            )
        groups = {arm: groups[arm] for arm in config.arms}
    return groups


def files(folder: Path) -> list[dict[str, Any]]:
    """List the images of a folder."""
    records = layouts.read(folder, "folder")
    return [{"id": record.id, "path": str(record.path), "noise": None} for record in records]


def choose(
    listed: Mapping[str, list[dict[str, Any]]], config: RateSettings
) -> dict[str, list[Picture]]:
    """Draw the images of each arm, the same noise in all arms where that is asked for."""
    empty = [arm for arm, pictures in listed.items() if not pictures]
    if len(listed) < 2 or empty:
        counts = ", ".join(f"{arm}: {len(own)}" for arm, own in listed.items()) or "none"
        raise DataError(
            f"two or more arms with images are needed, got {counts}; name a field or tags that "
            "tell the arms apart."
        )
    generator = np.random.default_rng(config.seed)
    chosen = {}
    if config.same_noise:
        shared = set.intersection(*({one["noise"] for one in own} for own in listed.values()))
        shared -= {None}
        if not shared:
            raise DataError(
                "no two arms have images drawn from the same noise; generate all arms with the "
                "same seed and count, or leave same_noise out."
            )
        order = sorted(shared)
        picked = generator.permutation(len(order))[: config.images_per_arm]
        for arm, own in listed.items():
            by_noise = {one["noise"]: one for one in own}
            chosen[arm] = [by_noise[order[row]] for row in sorted(picked)]
    else:
        for arm, own in listed.items():
            picked = generator.permutation(len(own))[: config.images_per_arm]
            chosen[arm] = [own[row] for row in sorted(picked)]
    return {
        arm: [Picture(f"{arm}/{one['id']}", one["path"], one["id"]) for one in own]
        for arm, own in chosen.items()
    }


def golden_pairs(pictures: Mapping[str, list[Picture]], seed: int) -> list[Golden]:
    """Pair the images that anyone would prefer with those that anyone would reject."""
    better, worse = pictures["better"], pictures["worse"]
    generator = np.random.default_rng([seed, 1])
    count = max(len(better), len(worse)) if better and worse else 0
    order = [generator.permutation(len(side)) for side in (better, worse)]
    return [
        Golden(better[order[0][n % len(better)]].id, worse[order[1][n % len(worse)]].id)
        for n in range(count)
    ]


def common_size(chosen: Mapping[str, list[Picture]]) -> int:
    """Return the smallest image's side, at most 512, enlarged by whole pixels to 256 or more."""
    sides = []
    for own in chosen.values():
        for image in own[:: max(1, len(own) // 20)]:
            sides.append(min(open_rgb(image.path).size))
    side = min(512, *sides)
    return side * max(1, -(-SMALLEST // side))
