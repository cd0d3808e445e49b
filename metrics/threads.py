"""One linear-algebra thread where more of them only get in each other's way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from threadpoolctl import threadpool_limits


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Cap BLAS and LAPACK at one thread inside the block.

    Eigenvalue routines synchronize so often that, on a machine which others
    use too, a second thread makes them many times slower.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield
