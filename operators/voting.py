"""Votes given in the App: the same session, pairs and store as the page for raters.

The App has no login, so it is one rater of a study: the rater's token is kept in FiftyOne's
store for the study. While the page for raters is served, that process alone hands out pairs,
and the App refuses with a sentence.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from ..datasets import locking, ratings
from ..preferences.pictures import encoded
from ..preferences.server import MOST_RATERS
from ..preferences.session import Refused, Session

STORE = "curadiff_ratings"
"""Name of FiftyOne's store with the App's own rater of each study."""
PATIENCE = 2.0  # seconds that a click waits for another one


@contextmanager
def session_of(ctx: Any, name: str) -> Iterator[tuple[Session, str]]:
    """Open a study for one answer, and yield its session and the name of the App's rater.

    Args:
        ctx: The context of the panel.
        name: The study.

    Raises:
        DataError: There is no such study, or it takes no more raters.
        Busy: The page for raters is open, or somebody votes in another App right now.
    """
    store = ratings.open_rating(name)
    what = f"the study of people {name!r}"
    with locking.hold(f"rating:{store.key}", "vote in the App", what=what, wait=PATIENCE):
        session = Session(store)
        kept = ctx.store(STORE)
        key = f"rater_{hashlib.sha256(str(store.key).encode()).hexdigest()[:16]}"
        token = kept.get(key)
        try:
            rater = session.rater(str(token or ""))
        except Refused:  # the first vote in the App
            token = session.join(session.rating.invite, most=MOST_RATERS)
            kept.set(key, token)
            rater = session.rater(token)
        yield session, rater


@lru_cache(maxsize=64)
def picture(path: str, size: int) -> str:
    """Return a picture as raters get it, as the address of its bytes: no file name, no arm."""
    return f"data:image/png;base64,{base64.b64encode(encoded(path, size)).decode()}"
