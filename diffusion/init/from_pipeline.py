"""Initialize a run with a diffusers pipeline: fine-tune a published model on a selection."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...common.errors import DataError, EnvironmentFault, RunError
from ...common.files import replacing
from ...common.images import content_hash
from ...config import TrainSettings, settings_of
from ...config.base import PLAIN_NAME
from ...runs import Run, read_json, run_named, write_json

WEIGHTS = "begins_with.safetensors"  # in a run that starts from trained weights
SHAPE = "unet_shape.json"  # in a run whose network has the shape of a pipeline's
CHANNELS = 3


def from_pipeline(run: Run, folder: Path) -> None:
    """Initialize a run of network ``unet2d`` with the weights of a pipeline, and their shape.

    The network gets the shape of the pipeline's, whatever ``base_channels``, ``multipliers``
    and ``layers`` say. Image size and noise schedule may differ from those it was trained with.

    Args:
        run: Prepared nowhere yet.
        folder: Of a ``DDPMPipeline``, with ``unet/`` and ``scheduler/``, or of a
            ``UNet2DModel`` alone; weights as safetensors.

    Raises:
        DataError: The folder is not such a pipeline.
        RunError: The pipeline does not fit the run's settings; all that differs is named.
        EnvironmentFault: diffusers is not installed.
    """
    settings = settings_of(TrainSettings, run)
    unet = folder / "unet" if (folder / "unet").is_dir() else folder
    if not (unet / "config.json").is_file():
        raise DataError(
            f"start_from {folder} is no run, no model-N.pt file and no folder of a diffusers "
            "pipeline (with unet/config.json); give one of them."
        )
    config = read_json(unet / "config.json")
    scheduler_file = folder / "scheduler" / "scheduler_config.json"
    scheduler = read_json(scheduler_file) if scheduler_file.is_file() else None
    problems = _problems(config, scheduler, settings)
    if problems:
        raise RunError(f"{folder} does not fit: {'; '.join(problems)}.")
    try:
        from diffusers.models.unets.unet_2d import UNet2DModel
    except ImportError as fault:
        raise EnvironmentFault(
            f"start_from a pipeline needs diffusers, which does not import ({fault}); install "
            "it with: pip install diffusers"
        ) from fault
    from safetensors.torch import save_file

    try:
        model = UNet2DModel.from_pretrained(unet, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, RuntimeError, TypeError) as fault:
        raise DataError(
            f"{unet} cannot be read as a UNet2DModel with safetensors weights "
            f"({str(fault).splitlines()[0]})."
        ) from fault
    weights = {name: weight.float().contiguous() for name, weight in model.state_dict().items()}
    with replacing(run.path / WEIGHTS) as part:
        save_file(weights, part, metadata={"format": "pt"})
    shape = {name: value for name, value in model.config.items() if not name.startswith("_")}
    write_json(run.path / SHAPE, shape)
    digest = content_hash(run.path / WEIGHTS)
    run.add(started_from={"path": str(folder.absolute()), "sha256": digest})


def shape_of(source: str | None) -> dict[str, Any] | None:
    """Return the shape of the network that a training with ``start_from`` takes over.

    Returns:
        Arguments of a ``UNet2DModel``; None where the settings say the shape, and where there is
        nothing to read it from, which the training itself will refuse.
    """
    if source is None or source.endswith(".pt"):
        return None
    if re.fullmatch(PLAIN_NAME, source):
        path = run_named(source).path / SHAPE
        return read_json(path) if path.is_file() else None
    for path in (Path(source) / "unet" / "config.json", Path(source) / "config.json"):
        if path.is_file():
            config = read_json(path)
            return {name: value for name, value in config.items() if not name.startswith("_")}
    return None


def _problems(
    config: dict[str, Any], scheduler: dict[str, Any] | None, settings: TrainSettings
) -> list[str]:
    """List what keeps a pipeline from being trained on with these settings."""
    problems = []
    if settings.network != "unet2d":
        problems.append(f"it needs network unet2d, and here it is {settings.network}")
    kind = config.get("_class_name", "UNet2DModel")
    if kind != "UNet2DModel":
        problems.append(f"its network is a {kind}, and a UNet2DModel is needed")
    for name in ("in_channels", "out_channels"):
        if config.get(name, CHANNELS) != CHANNELS:
            problems.append(f"it has {name} {config[name]}, and {CHANNELS} are needed (RGB)")
    if config.get("class_embed_type") or config.get("num_class_embeds"):
        problems.append(
            "it is conditioned on classes, whose names it does not say; start from a run of "
            "Curadiff by its name"
        )
    halved = 1 << (len(config.get("block_out_channels", [1])) - 1)
    if settings.image_size % halved:
        problems.append(f"image_size {settings.image_size} is not divisible by {halved}")
    if scheduler is not None:
        theirs = {
            "prediction": scheduler.get("prediction_type", "epsilon"),
            "timesteps": scheduler.get("num_train_timesteps", 1000),
        }
        for name, value in theirs.items():
            if getattr(settings, name) != value:
                ours = getattr(settings, name)
                problems.append(f"it was trained with {name} {value}, and here it is {ours}")
    return problems
