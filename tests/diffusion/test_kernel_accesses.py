"""What watches the accesses of Triton kernels notices faults that are planted."""

import pytest

KERNELS = """
import triton
import triton.language as tl

@triton.jit
def right(X, Y, n, B: tl.constexpr):
    at = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(Y + at, tl.load(X + at, at < n, 0.0) * 2, at < n)

@triton.jit
def leaves(X, Y, n, B: tl.constexpr):
    at = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(Y + at, tl.load(X + at + 1, at < n, 0.0), at < n)

@triton.jit
def both_write(X, Y, n, B: tl.constexpr):
    tl.store(Y, tl.program_id(0))

@triton.jit
def reads_anothers(X, Y, n, B: tl.constexpr):
    at = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(X + at, tl.load(X + n - 1 - at, at < n, 0.0), at < n)

def fault(kernel):
    try:
        kernel[(3,)](x, y, 10, B=4)
    except Exception as fault:
        return str(fault)

x, y = torch.randn(10), torch.empty(10)
assert y.isnan().all()
right[(3,)](x, y, 10, B=4)
assert (y == 2 * x).all()
assert "leaves the tensors" in fault(leaves)
assert "write in one place" in fault(both_write)
assert "reads what" in fault(reads_anothers)
"""


@pytest.mark.slow  # the interpreter is
def test_planted_faults_of_kernels_are_noticed(interpreted):
    interpreted(KERNELS)
