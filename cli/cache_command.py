"""``curadiff cache``: what is kept to save work."""

from __future__ import annotations

from .. import runs
from ..common.words import plural
from .output import Answer


def manage_cache(clear: str | None) -> Answer:
    """Say what every cache holds; empty one, or the features of one encoder, before.

    Args:
        clear: A kind, an encoder's key, ``""`` for everything, or None for nothing.
    """
    from ..encoders import cache
    from ..runs import caches

    lines = []
    if clear is not None:
        if clear not in caches.KINDS:
            key = None if clear in ("", "features") else clear
            lines.append(f"{cache.clear(key)} features forgotten")
        for kind in caches.KINDS if clear == "" else (clear,):
            if kind in caches.KINDS:
                lines.append(f"{caches.clear(kind)} {caches.ABOUT[kind]} deleted")
    features = cache.info()
    held = caches.info()
    rows = [
        ("features", features.bytes, features.limit, plural(sum(features.images.values()), "image"))
    ]
    rows += [
        (one.kind, one.bytes, one.limit, f"{one.entries} {caches.ABOUT[one.kind]}") for one in held
    ]
    for kind, size, most, what in rows:
        lines.append(f"{kind:<9} {size / 1e6:>9.1f} MB of at most {most / 1e6:>6.0f} MB  {what}")
    for key, count in features.images.items():
        lines.append(f"  features of {plural(count, 'image')} by {key}")
    lines.append(f"in {runs.home()}")
    value = {"home": runs.home(), "features": features, "caches": held}
    return Answer(value, "\n".join(lines))
