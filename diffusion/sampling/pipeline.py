"""Leave the run directory as a standard diffusers pipeline.

``DDPMPipeline.from_pretrained(run.path)`` loads it: ``model_index.json``, the
averaged weights in ``unet/`` and the noise schedule in ``scheduler/``. A network with
classes needs a pipeline that tells them, which is left beside as ``pipeline.py``:
``DiffusionPipeline.from_pretrained(run.path, trust_remote_code=True)``.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from ...common.files import link_or_copy, replacing
from ...config import TrainSettings
from ...runs import write_bytes, write_json
from .. import schedules
from ..classes import counts, labels_of
from ..networks import network
from ..networks.conditioning import published

WEIGHTS = "diffusion_pytorch_model.safetensors"
SOURCE = "class_pipeline"  # module beside this one that diffusers runs
CODE = "pipeline"  # its name in a run's directory


def publish(run_path: Path, settings: TrainSettings, averaged: Path) -> None:
    """Write the pipeline around a file of averaged weights.

    The weights are linked, not copied, where the file system can; the new file
    replaces the old in one step, so that a reader always finds a whole model.
    """
    import diffusers

    made_by = {"_diffusers_version": diffusers.__version__}
    for folder in ("unet", "scheduler"):
        (run_path / folder).mkdir(exist_ok=True)
    config = {"_class_name": "UNet2DModel", **made_by, **network.unet2d_config(settings, run_path)}
    write_json(run_path / "unet" / "config.json", config, checksum=False)
    scheduler = {"_class_name": "DDPMScheduler", **made_by, **scheduler_config(settings)}
    write_json(run_path / "scheduler" / "scheduler_config.json", scheduler, checksum=False)
    with replacing(run_path / "unet" / WEIGHTS, durable=True) as part:
        _write_published(averaged, part)
    classes = counts(labels_of(run_path)) if settings.classes else {}
    if classes:
        write_bytes(run_path / f"{CODE}.py", Path(__file__).with_name(f"{SOURCE}.py").read_bytes())
    index = {
        "_class_name": [CODE, "ClassConditionalPipeline"] if classes else "DDPMPipeline",
        **made_by,
        "scheduler": ["diffusers", "DDPMScheduler"],
        "unet": ["diffusers", "UNet2DModel"],
    }
    if classes:
        index["id2label"] = {str(number): name for number, name in enumerate(classes)}
    write_json(run_path / "model_index.json", index, checksum=False)


def _write_published(averaged: Path, path: Path) -> None:
    """Write the weights that a pipeline has; without labels that is the file as it is."""
    with safe_open(averaged, "pt") as stored:
        names = list(stored.keys())
        if all(published(name) for name in names):
            link_or_copy(averaged, path)
            return
        weights = {name: stored.get_tensor(name) for name in names if published(name)}
    save_file(weights, path, metadata={"format": "pt"})


def scheduler_config(settings: TrainSettings) -> dict[str, object]:
    """Say how diffusers' schedulers are built so that they mean the same noise levels."""
    return {
        "num_train_timesteps": settings.timesteps,
        "trained_betas": schedules.betas(settings.schedule, settings.timesteps).tolist(),
        "prediction_type": settings.prediction,
        "clip_sample": True,
        "timestep_spacing": "trailing",
        "variance_type": "fixed_small",
    }
