"""Words of sentences to a person."""

from __future__ import annotations


def plural(count: int, noun: str, many: str = "") -> str:
    """Say ``1 file`` or ``2,031 files``.

    Args:
        count: How many.
        noun: What one is called.
        many: What several are called, where that is not the noun with an s.
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"
