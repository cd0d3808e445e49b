"""Checks of what Triton's interpreter does not notice: it runs programs one after the other.

On a GPU the programs of a launch run at once and in any order, and memory outside of a tensor
belongs to somebody else. ``watch()`` makes every launch raise an error where a program reads or
writes outside of the tensors that it was given, or what another program of the launch writes.
"""

import bisect

import numpy as np
import torch
from triton.runtime import interpreter


class Launch:
    """The accesses of one launch."""

    def __init__(self, tensors):
        spans = {(t.data_ptr(), t.data_ptr() + _extent(t)) for t in tensors if t.numel()}
        self.spans = sorted(spans)
        self.reads, self.writes = {}, {}

    def note(self, kept, pointers, mask):
        """Check the addresses of a program's access, and keep them."""
        addresses = pointers.data[np.broadcast_to(mask.data.astype(bool), pointers.data.shape)]
        if not addresses.size:
            return
        size = max(1, pointers.dtype.scalar.element_ty.primitive_bitwidth // 8)
        low, high = int(addresses.min()), int(addresses.max()) + size
        at = bisect.bisect_right(self.spans, (low, np.inf)) - 1
        if at < 0 or high > self.spans[at][1]:
            raise IndexError("a program leaves the tensors that it was given")
        builder = interpreter.interpreter_builder
        kept.setdefault(tuple(builder.grid_idx), []).append(np.unique(addresses))

    def check(self):
        """Raise an error where programs depend on one another."""
        owner = {}
        for program, parts in self.writes.items():
            for address in np.unique(np.concatenate(parts)).tolist():
                if owner.setdefault(address, program) != program:
                    raise AssertionError(f"{program} and {owner[address]} write in one place")
        for program, parts in self.reads.items():
            for address in np.unique(np.concatenate(parts)).tolist():
                if owner.get(address, program) != program:
                    raise AssertionError(f"{program} reads what {owner[address]} writes")


def _extent(tensor):
    last = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    return (last + 1) * tensor.element_size()


def watch():
    """Check every launch from now on, and let memory that nobody has written be NaN."""
    torch.use_deterministic_algorithms(True)
    builder, executor = interpreter.InterpreterBuilder, interpreter.GridExecutor
    load, store = builder.create_masked_load, builder.create_masked_store
    arguments, restore = executor._init_args_hst, executor._restore_args_dev
    current = []

    def watched_load(self, ptrs, mask, *rest):
        current[-1].note(current[-1].reads, ptrs, mask)
        return load(self, ptrs, mask, *rest)

    def watched_store(self, ptrs, value, mask, *rest):
        current[-1].note(current[-1].writes, ptrs, mask)
        return store(self, ptrs, value, mask, *rest)

    def begin(self, args, named):
        on_host = arguments(self, args, named)
        given = [*on_host[0], *on_host[1].values()]
        current.append(Launch([one for one in given if isinstance(one, torch.Tensor)]))
        return on_host

    def end(self, *args):
        current.pop().check()
        return restore(self, *args)

    builder.create_masked_load, builder.create_masked_store = watched_load, watched_store
    executor._init_args_hst, executor._restore_args_dev = begin, end
