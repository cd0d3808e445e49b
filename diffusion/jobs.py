"""Start and stop a training, or change how it goes on; light to import."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..common.errors import RunError, SettingsError
from ..common.process import Process
from ..config import TrainSettings, launch_words, settings_of
from ..runs import Busy, Run, StopRequest, launch, lease
from ..runs.forking import Child
from . import manifest

MODULE = "curadiff.diffusion.train.worker"
LOOP = ("torch._dynamo", "curadiff.diffusion.train.loop")  # PyTorch's optimizers import the first
IMPORTS = {
    "unet2d": (*LOOP, "diffusers.models.unets.unet_2d", "curadiff.diffusion.networks.attention"),
    "lucidrains": LOOP,
    "analytic": ("curadiff.diffusion.analytic.freezing",),
}
"""What the process of a training spends its first seconds on, by network; see `runs.forking`."""
MAY_CHANGE = (  # when a training goes on: how long and where, not what it learns from
    "steps",
    "cooldown",
    "learning_rate",
    "checkpoint_every",
    "keep_checkpoints",
    "keep_every",
    "grid_every",
    "tracker",
    "processes",
    "accelerate",
    "accumulate",
    "device",
    "mixed_precision",
    "compile",
)


def change(run: Run, **values: Any) -> None:
    """Change settings of a training that no process works in; ``run.json`` keeps the old ones.

    Args:
        run: Prepared with `preparing.prepare`; it goes on with `start`.
        **values: Some of `MAY_CHANGE`, such as more ``steps``.

    Raises:
        SettingsError: A setting is fixed once a training has begun, or a value is wrong.
    """
    fixed = [name for name in values if name not in MAY_CHANGE]
    if fixed:
        raise SettingsError(
            f"{', '.join(fixed)} cannot change once a training has begun; what can: "
            f"{', '.join(MAY_CHANGE)}. Or begin another with start_from={run.id}."
        )
    before = settings_of(TrainSettings, run)
    after = before.changed(**values)
    done = run.status.get("step", 0)
    if after.steps < done:
        raise SettingsError(f"steps must be >= {done}, which are done, got {after.steps}.")
    old = {name: getattr(before, name) for name in values}
    if old != {name: getattr(after, name) for name in values}:
        changes = [*run.record.get("changes", []), {"step": done, "before": old}]
        run.add(settings=after.model_dump(mode="json"), changes=changes)


def start(
    run: Run, *, slot: int = 0, slots: int = 1, changes: Mapping[str, Any] | None = None
) -> Child:
    """Train in a process of its own, from the last checkpoint if there is one.

    Args:
        run: Prepared with `preparing.prepare`.
        slot: Number of this training among those that run side by side.
        slots: How many do; it takes its share of the processor's cores, and of several GPUs
            the one that is its turn.
        changes: Settings to change first, as `change` does; nobody starts it with others.

    Raises:
        SettingsError: A setting cannot change, or its value is wrong.
        RunError: The run was not prepared, or a process works in it already.
    """
    manifest.read(run)
    holder = lease.holder(run.path)
    if holder is not None:
        raise Busy(f"{run.id} is being trained already, by {holder}; stop it first.")
    with launch.starting(run):
        if changes:
            change(run, **changes)
        settings = settings_of(TrainSettings, run)
        flags = launch_words(settings.accelerate)
        command = launch.launcher(MODULE, str(run.path), processes=settings.processes, flags=flags)
        return launch.start_held(run, command, env=_share(settings, slot, slots))


def _share(settings: TrainSettings, slot: int, slots: int) -> dict[str, str]:
    """Say in environment variables what one of several trainings may use."""
    if slots == 1:
        return {}
    variables = {}
    if "OMP_NUM_THREADS" not in os.environ:
        variables["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // slots))
    if settings.processes == 1 and not settings.accelerate:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = visible.split(",") if visible else [str(n) for n in range(_gpus())]
        if len(names) > 1:
            variables["CUDA_VISIBLE_DEVICES"] = names[slot % len(names)]
    return variables


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


def train_here(run: Run) -> str:
    """Train in this process until the end, ``finished``, or until it is asked to stop.

    SIGTERM, `stop` from another process and Ctrl-C write a checkpoint; then this returns
    ``stopped``.

    Raises:
        CuradiffError: As the status of the run then says.
    """
    from .train.worker import train_run

    manifest.read(run)
    stop_request = StopRequest()
    with stop_request.listening():
        return train_run(run, stop_request)


def freeze(run: Run) -> str:
    """Keep the images of a prepared run of the network ``analytic``; ends with ``finished``.

    It takes seconds and, unlike `train_here`, ends at Ctrl-C.

    Raises:
        CuradiffError: As the status of the run then says.
    """
    from .train.worker import train_run

    return train_run(run, lambda: False)


def stop(run: Run) -> Process:
    """Ask a training to write a checkpoint and end; returns its process at once.

    Raises:
        RunError: Nothing is training in this run.
    """
    process = launch.end(run)
    if process is None:
        raise RunError(f"{run.id} is not being trained (it is {run.status['state']}).")
    return process
