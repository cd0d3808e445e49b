"""``generate`` and ``import-generated``: draw images, and look at them in FiftyOne."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import diffusion, runs
from ..config import GenerateSettings, LinkSettings
from ..datasets import generated, identity, reading
from ..errors import DataError
from ..runs import Run
from .progress import Progress, reporting


def generate(
    run: str | Path | Run,
    *,
    folder: str | Path | None = None,
    progress: Progress = True,
    **settings: Any,
) -> Path:
    """Draw images from a trained model, as PNG files.

    Image i depends on the model, the settings and ``seed + i`` only. Running the same
    call again draws what is missing.

    Args:
        run: A training run, its id or its path.
        folder: Where to write; by default a folder of the run named after the settings.
        progress: Show a bar (True), nothing (False), or call ``progress(done, total)``.
        **settings: See `GenerateSettings`.

    Returns:
        The folder with ``000000.png`` ... and ``generated.json``.

    Raises:
        SettingsError: A setting is wrong.
        RunError: There is no such run, it has no checkpoint yet, or the folder holds others.
    """
    config = GenerateSettings(**settings)
    run = runs.open_run(run)
    with reporting(progress, f"generate from {run.id}", "image") as report:
        return diffusion.generate(run, config, folder=folder, progress=report)


@dataclass(frozen=True)
class Linked:
    """What an import of generated images did.

    Attributes:
        dataset: The data set with the generated images.
        added: Samples added now.
        total: Samples that it holds.
    """

    dataset: Any
    added: int
    total: int

    def __str__(self) -> str:
        return f"{self.dataset.name}: {self.added} generated images added, {self.total} in all"


def import_generated(folder: str | Path, **settings: Any) -> Linked:
    """Bring generated images into a persistent data set linked with their source.

    Each sample knows its run, arm and seeds; the data sets know each other through
    ``info["curadiff"]``. Running it again adds nothing twice.

    Args:
        folder: What `generate` returned.
        **settings: See `LinkSettings`.

    Raises:
        SettingsError: A setting is wrong.
        DataError: The folder was not made by ``generate``, or the source data set is gone.
    """
    config = LinkSettings(**settings)
    folder = Path(folder).resolve()
    record = folder / "generated.json"
    if not record.exists():
        raise DataError(f"{folder} has no generated.json; give a folder that generate made.")
    told = runs.read_json(record)
    run = _run_of(folder, told["run"])
    known = run.record.get("identity") or {"name": run.record["dataset"]}
    source, _ = reading.resolve(identity.open_by_identity(known))
    paths = sorted(folder.glob("*.png"))
    dataset, added = generated.add_generated(
        config.name or f"{source.name}-generated",
        paths=paths,
        seeds=[told["seeds"][int(path.stem)] for path in paths],
        source=source,
        run=run.id,
        arm=config.arm or run.record["arm"],
        training_seed=run.settings["seed"],
        origin={
            "path": str(run.path),
            "folder": str(folder),
            "ids_hash": run.record["ids_hash"],
            **{name: told[name] for name in ("checkpoint", "weights", "sampler", "steps")},
        },
    )
    return Linked(dataset, added, len(dataset))


def _run_of(folder: Path, id: str) -> Run:
    """Find the run that drew a folder: above it, or among the known runs."""
    for path in folder.parents:
        if (path / "run.json").exists():
            return Run(path)
    return runs.open_run(id)
