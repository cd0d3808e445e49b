"""Initial weights of a training that starts from a trained network."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ...common.errors import RunError
from ...common.files import replacing
from ...common.images import content_hash
from ...config import TrainSettings, settings_of
from ...config.base import PLAIN_NAME
from ...runs import Run, lease, open_run, read_json, write_json
from ..classes import counts, labels_of, learns_no_class
from . import growing
from .conditions import carry_over
from .from_pipeline import SHAPE, WEIGHTS, from_pipeline

if TYPE_CHECKING:
    from torch import nn

LUCIDRAINS_SUFFIX = ".pt"  # how a checkpoint of denoising-diffusion-pytorch ends
OR_ONE_LEVEL_MORE = ", or one level more whose first width comes twice"
MUST_MATCH = ("network", "widths", "layers", "prediction", "timesteps")  # what weights are made for


def from_setting(run: Run, source: str) -> None:
    """Initialize a run from what its setting ``start_from`` names.

    Raises:
        DataError: The file is not such a checkpoint.
        RunError: There is no such run, it has no weights yet, or it trained another network.
    """
    if source.endswith(LUCIDRAINS_SUFFIX):
        from_lucidrains(run, Path(source))
    elif re.fullmatch(PLAIN_NAME, source):
        from_run(run, open_run(source))
    else:
        from_pipeline(run, Path(source))


def from_run(run: Run, other: Run) -> int:
    """Begin a run with the averaged weights of another, and a new optimizer.

    The weights are copied into the run, so that the other one may be deleted. Its image size,
    schedule and weighting may differ: a network trained on small pictures is a good beginning
    for larger ones. A ``unet2d`` may also have one level less, see `growing`.

    Returns:
        The step of the other run's checkpoint.

    Raises:
        RunError: The other has no checkpoint yet, or trained another network or prediction.
    """
    from ..train import checkpoint

    if other.record["kind"] != "train":
        raise RunError(f"{other.id} is a run of {other.record['kind']}; give one of train.")
    step = checkpoint.newest_intact(other.path, "ema.safetensors")
    if step is None:
        raise RunError(
            f"{other.id} has no checkpoint to start from yet; it is {other.status['state']}."
        )
    ours, theirs = settings_of(TrainSettings, run), settings_of(TrainSettings, other)
    may_grow = ours.network == "unet2d" and growing.fits(ours.widths, theirs.widths)
    shape = other.path / SHAPE
    for name in MUST_MATCH:
        if shape.exists() and name in ("widths", "layers"):
            continue  # the shape is that of a pipeline, and is taken over
        if getattr(ours, name) != getattr(theirs, name) and not (name == "widths" and may_grow):
            words = "widths (base_channels times multipliers)" if name == "widths" else name
            raise RunError(
                f"{other.id} was trained with {words} {getattr(theirs, name)}, and here it is "
                f"{getattr(ours, name)}; give the same, so that its weights fit"
                f"{OR_ONE_LEVEL_MORE if name == 'widths' and ours.network == 'unet2d' else ''}."
            )
    weights = checkpoint.path_of(other.path, step) / "ema.safetensors"
    try:
        with replacing(run.path / WEIGHTS) as part:
            shutil.copyfile(weights, part)
    except OSError as fault:
        raise RunError(f"could not copy {weights}: {fault.strerror}; free some space.") from fault
    if shape.exists():
        write_json(run.path / SHAPE, read_json(shape))
    origin = {"run": other.id, "step": step, "sha256": content_hash(run.path / WEIGHTS)}
    if theirs.classes is not None:
        labels = labels_of(other.path)
        origin["classes"] = list(counts(labels))
        origin["learned_no_class"] = learns_no_class(labels, theirs.label_dropout)
    run.add(started_from=origin)
    return step


def load_initial_weights(run_path: Path, network: nn.Module) -> None:
    """Load a run's initial weights into its network, where it starts from another's."""
    path = run_path / WEIGHTS
    if path.exists():
        from safetensors.torch import load_file

        from ..networks.conditioning import CLASSES, CONDITIONING

        origin = Run(run_path).record.get("started_from", {})
        sha256 = origin.get("sha256")
        if sha256 is not None and content_hash(path) != sha256:
            raise RunError(f"{path} is damaged: its checksum is another; start a new training.")
        own = network.state_dict()
        weights = carry_over(
            load_file(path),
            classes_before=origin.get("classes", []),
            classes=list(counts(labels_of(run_path))),
            learned_no_class=origin.get("learned_no_class", True),
            augmented=f"{CONDITIONING}.weight" in own,
        )
        told = {f"{CLASSES}.weight", f"{CONDITIONING}.weight"}
        if weights.keys() - told != own.keys() - told:
            weights = growing.grow(weights, network)
        # labels and classes that the other training did not have begin without an effect
        network.load_state_dict({**own, **weights})


def from_lucidrains(run: Run, path: Path) -> int:
    """Begin a run of network ``lucidrains`` with a .pt file of that repository.

    Weights, their average and the optimizer's moments become the run's checkpoint,
    so that it can be sampled from, or trained on to the settings' steps. `prepare`
    does it for the setting ``start_from``.

    Returns:
        The step that the file was written at.

    Raises:
        DataError: The file is not such a checkpoint.
        RunError: The run's network, schedule or prediction is another.
    """
    from ..networks import lucidrains_file
    from ..train import checkpoint

    settings = settings_of(TrainSettings, run)
    if settings.network != "lucidrains":
        raise RunError(
            f"{run.id} trains the network {settings.network}; a .pt file of "
            "denoising-diffusion-pytorch needs lucidrains."
        )
    step, tensors = lucidrains_file.read(Path(path), settings)
    origin = {"path": str(Path(path).absolute()), "sha256": content_hash(path), "step": step}
    with lease.Lease(run.path):
        state = {"attempt": 0, "scaler": None, "adopted": origin}
        checkpoint.save(run.path, step, tensors, state, keep=settings.keep_checkpoints)
    run.add(started_from=origin)
    return step
