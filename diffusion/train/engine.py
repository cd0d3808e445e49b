"""Device, precision and processes, through accelerate."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.tracking import get_available_trackers
from torch import Tensor, nn

from ...common.devices import choose_device
from ...common.errors import EnvironmentFault, SettingsError, first_line
from ...config import TrainSettings, launch_flags
from ...runs import Run

COMPILE_PAYS = 1000  # steps; compiling takes about a minute
CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
AS_GRAPHS = "yes, as CUDA graphs"

Precision = Literal["no", "bf16", "fp16"]


def precision_of(name: str, device: torch.device) -> Precision:
    """Turn a setting into a number format; ``auto`` is bf16 on a GPU that computes in it.

    PyTorch emulates bf16 on older GPUs, such as T4 and V100, slower than float32 is.

    Raises:
        EnvironmentFault: fp16 was asked for on a CPU, where it gains nothing.
    """
    flag = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")  # accelerate launch --mixed_precision
    if name == "auto" and flag in ("bf16", "fp16"):
        name = flag
    if name == "auto":
        return "bf16" if device.type == "cuda" and _computes_in_bf16(device) else "no"
    if name == "fp16" and device.type == "cpu":
        raise EnvironmentFault("mixed_precision fp16 needs a GPU; choose bf16, no or auto.")
    return name  # type: ignore[return-value]


def _computes_in_bf16(device: torch.device) -> bool:
    with torch.cuda.device(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)


def drawing_precision(name: str, device: torch.device) -> torch.dtype | None:
    """Return the number format to draw in: that of the training, None for float32.

    A model that was trained in fp16 is drawn from in float32 on a CPU, which has no fp16.
    """
    if name == "fp16" and device.type == "cpu":
        name = "no"
    return {"no": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision_of(name, device)]


def accelerator(settings: TrainSettings, folder: Path) -> Accelerator:
    """Join the other processes, if any, and choose device, precision and tracker.

    Raises:
        EnvironmentFault: Device, precision or tracker are not available.
    """
    where = choose_device(settings.device)
    precision = precision_of(settings.mixed_precision, where)
    tracker = tracker_of(settings.tracker)
    AcceleratorState._reset_state()  # the precision of an earlier training in this process
    return Accelerator(
        mixed_precision=precision,
        cpu=where.type == "cpu",
        log_with=tracker,
        project_dir=None if tracker is None else folder,
    )


def tracker_of(name: str) -> Any:
    """Return what accelerate logs with, None for nothing.

    Raises:
        EnvironmentFault: The tracker's package is not installed.
    """
    if name == "none":
        return None
    if name not in [str(kind.value) for kind in get_available_trackers()]:
        raise EnvironmentFault(
            f"tracker is {name}, and its package is not installed; install it with: "
            f"pip install {name}, or leave the tracker out: log.jsonl has the same values."
        )
    return name


def tracker_options(run: Run) -> dict[str, dict[str, str]]:
    """Let a tracker write into the run's directory, and go on there after a break."""
    began = "".join(filter(str.isdigit, run.record["created"]))
    names = {"name": run.id, "id": f"{run.id}-{began}", "resume": "allow"}
    return {"wandb": {"dir": str(run.path), **names}}


def check_processes(started: int, settings: TrainSettings) -> None:
    """Make sure that as many processes train as were asked for.

    Raises:
        EnvironmentFault: accelerate launch started fewer, as it does with ``--cpu``.
        SettingsError: They cannot share the batch equally.
    """
    flagged = launch_flags(settings.accelerate).get("num_processes")
    asked = settings.processes if flagged is None else int(flagged)
    if started < asked:
        raise EnvironmentFault(
            f"{asked} processes were asked for and {started} started; without GPUs give "
            f"processes={asked} and no --num_processes."
        )
    if settings.batch_size % (started * settings.accumulate):
        raise SettingsError(
            f"batch_size must be divisible by accumulate x processes = "
            f"{settings.accumulate * started}, got {settings.batch_size}."
        )


def speed_up_by(
    settings: TrainSettings, device: torch.device, processes: int, *, fuses: bool
) -> Literal["compiling", "recording", "nothing"]:
    """Return how a training is kept from waiting for the host.

    A recorded step's gradients lie in memory that the next replay overwrites, so it must be
    computed in one part; and other processes must not wait within it.

    Args:
        settings: Of the training.
        device: Where it trains.
        processes: How many train.
        fuses: Whether its network has fused kernels there. Recorded, those were faster
            than any compiled code that was measured (docs/training.md), at once.
    """
    on_gpu = device.type == "cuda"
    can_record = on_gpu and settings.accumulate == 1 and processes == 1
    auto, long = settings.compile == "auto", settings.steps >= COMPILE_PAYS
    if can_record and (settings.compile == "graphs" or (auto and (fuses or not long))):
        return "recording"
    if settings.compile == "yes" or (auto and on_gpu and long):
        return "compiling"
    return "nothing"


def compile_or_explain(
    module: nn.Module, use: Callable[[], object], *, cache: Path, graphs: bool = False
) -> str:
    """Compile a module in place; where that fails, leave it as it was.

    Args:
        module: Called with arguments of one shape only from now on.
        use: Uses it once; compiling happens there.
        cache: Folder that keeps the compiled code for the next time.
        graphs: Record CUDA graphs too; the module must then be called through `CudaGraphReplay`.

    Returns:
        ``yes``, `AS_GRAPHS`, or a sentence that says why not.
    """
    _keep_in(cache)
    why = ""
    if graphs:
        fault = _recorded(module, use)
        if not fault:
            return AS_GRAPHS
        why = f", without CUDA graphs: {fault}"
    fault = _compiled(module, use)
    return f"eager, because compiling failed: {fault}" if fault else f"yes{why}"


def _keep_in(cache: Path) -> None:
    """Let the compiler write there, unless the user said where."""
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    # Importing diffusers already writes PyTorch's default into the environment.
    if os.environ.get(CACHE_VARIABLE) in (None, default_cache_dir()):
        os.environ[CACHE_VARIABLE] = str(cache)


def _compiled(module: nn.Module, use: Callable[[], object], *, graphs: bool = False) -> str:
    """Compile and use a module; return what went wrong."""
    try:
        module.compile(dynamic=False, options=compile_options(graphs=graphs))
        use()
    except Exception as fault:  # whatever the compiler trips over, the module works without
        module._compiled_call_impl = None
        return first_line(fault)
    return ""


def compile_options(*, graphs: bool) -> dict[str, bool]:
    """Return options for ``torch.compile``, with or without CUDA graphs.

    Reductions of different orders are not fused: since PyTorch 2.10 that gives gradients of a
    wrong shape (pytorch issue 178080) and, with a scale and shift cut from one tensor, wrong
    values (issue 193061), both on GPUs.
    """
    from torch._inductor import config

    options = {"triton.cudagraphs": graphs}
    if hasattr(config.triton, "mix_order_reduction"):
        options["triton.mix_order_reduction"] = False
    return options


def _recorded(module: nn.Module, use: Callable[[], object]) -> str:
    """Compile a module for CUDA graphs; return what went wrong, if only silently."""
    from torch._dynamo.utils import counters

    def thrice() -> None:  # to warm up, to record, to replay
        for _ in range(3):
            use()

    before = counters["inductor"]["cudagraph_skips"]
    fault = _compiled(module, thrice, graphs=True)
    if not fault and counters["inductor"]["cudagraph_skips"] > before:
        return "the compiler passed them over for this network"
    return fault


class CudaGraphReplay(nn.Module):
    """Call a network that may replay CUDA graphs; a call may overwrite the last one's output."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the network's output."""
        torch.compiler.cudagraph_mark_step_begin()
        return self.network(*inputs)


@contextmanager
def eager(module: nn.Module) -> Iterator[None]:
    """Run a compiled module uncompiled for a while, rather than compile for another shape."""
    compiled = getattr(module, "_compiled_call_impl", None)
    module._compiled_call_impl = None  # type: ignore[assignment]
    try:
        yield
    finally:
        module._compiled_call_impl = compiled


def host_group(accelerator: Accelerator) -> Any:
    """Return a group in which processes can talk without waiting for their GPUs."""
    if accelerator.num_processes == 1:
        return None
    return torch.distributed.new_group(backend="gloo")


def any_rank(flags: Sequence[bool], group: Any) -> list[bool]:
    """Return, for each flag, whether it is set on any process of `host_group`."""
    if group is None:
        return list(flags)
    maxima = torch.tensor(flags, dtype=torch.int32)
    torch.distributed.all_reduce(maxima, torch.distributed.ReduceOp.MAX, group=group)
    return maxima.bool().tolist()
