"""One linear-algebra thread where more of them only get in each other's way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from threadpoolctl import threadpool_limits


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Cap BLAS and LAPACK at one thread inside the block.

    Eigenvalue routines synchronize so often that, on a machine which others
    use too, a second thread makes them many times slower.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield


SMALL = 3000 * 3000  # pairs of images


@contextlib.contextmanager
def suited_threads(pairs: int) -> Iterator[None]:
    """Use one thread, of BLAS and of torch, while few pairs of images are compared.

    Blocks this small are done before a second thread has been woken up: four
    times the CPU time was measured for 340 x 340 images on two busy cores.
    """
    if pairs > SMALL:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with one_thread():
            yield
    finally:
        torch.set_num_threads(before)
