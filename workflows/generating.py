"""``generate`` and ``import-generated``: draw images, and look at them in FiftyOne."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack, overload

from .. import diffusion, runs
from ..common.errors import DataError
from ..common.keys import generated_dataset
from ..common.words import plural
from ..config import GenerateSettings, LinkSettings
from ..config.options import GenerateOptions, LinkOptions
from ..config.signatures import with_settings
from ..datasets import counting, generated, identity
from ..datasets.database import lost_in_words
from ..diffusion.sampling import image_folder
from ..runs import Run
from .progress import Progress, reporting


@with_settings(GenerateSettings)
@lost_in_words()
def generate(
    run: str | Path | Run,
    *,
    folder: str | Path | None = None,
    checkpoint: int | None = None,
    progress: Progress = True,
    **settings: Unpack[GenerateOptions],
) -> Path:
    """Draw images from a trained model, as PNG files.

    Image i depends on the model, the settings and ``seed + i`` only. Running the same
    call again draws what is missing.

    Args:
        run: A training run, its id or its path.
        folder: Where to write; by default a folder of the run named after the settings.
        checkpoint: Step of the checkpoint to draw from; by default the last one.
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
        return diffusion.generate(
            run, config, folder=folder, checkpoint_step=checkpoint, progress=report
        )


@dataclass(frozen=True)
class Linked:
    """What an import of generated images did.

    Attributes:
        dataset: The data set with the generated images.
        added: Samples added now.
        total: Samples that it holds.
        missing: Images that were to be drawn and are not there yet.
        source: Name of the data set that the model was trained on.
    """

    dataset: Any
    added: int
    total: int
    missing: int = 0
    source: str = ""

    def __str__(self) -> str:
        text = f"{self.dataset.name}: {plural(self.total, 'generated image')}, {self.added:,} new"
        if self.missing:
            are = "is" if self.missing == 1 else "are"
            text += (
                f"\n{plural(self.missing, 'image')} {are} not drawn yet; generate and import again."
            )
        return text


@overload
def import_generated(folder: str | Path, **settings: Unpack[LinkOptions]) -> Linked: ...
@overload
def import_generated(
    folder: Sequence[str | Path], **settings: Unpack[LinkOptions]
) -> list[Linked]: ...
@with_settings(LinkSettings)
@lost_in_words()
def import_generated(
    folder: str | Path | Sequence[str | Path], **settings: Unpack[LinkOptions]
) -> Linked | list[Linked]:
    """Bring generated images into a persistent data set linked with their source.

    Each sample knows its run, arm and seeds; the data sets know each other by their ids.
    Running it again adds nothing twice, also after the run was renamed or moved.

    Args:
        folder: What `generate` returned, or several of these.
        **settings: See `LinkSettings`.

    Returns:
        What was done, for several folders a list in their order.

    Raises:
        SettingsError: A setting is wrong.
        DataError: A folder was not made by ``generate``, or the source data set is gone;
            of several folders none was imported then.
    """
    config = LinkSettings(**settings)
    if isinstance(folder, str | Path):
        return _import(Path(folder).resolve(), config)
    folders = [Path(path).resolve() for path in folder]
    for path in folders:
        _record_of(path)
    return [_import(path, config) for path in folders]


def _import(folder: Path, config: LinkSettings) -> Linked:
    record = _record_of(folder)
    image_folder.verify(folder, record)
    run = _run_of(folder, record["run"])
    known = run.record.get("identity") or {"name": run.record["dataset"]}
    source = identity.open_by_identity(known)
    listed = {folder / image_folder.file_name(i): seed for i, seed in enumerate(record["seeds"])}
    class_of = dict(zip(listed, record.get("classes") or [], strict=False))
    paths = [path for path in listed if path.is_file() and path.stat().st_size]
    if not paths:
        raise DataError(
            f"{folder} holds none of the {len(listed):,} images that its generated.json lists; "
            f"draw them with: curadiff generate {run.id}"
        )
    dataset, added = generated.add_generated(
        config.name or generated_dataset(source.name),
        paths=paths,
        seeds=[listed[path] for path in paths],
        source=source,
        run=run.id,
        uid=run.uid,
        arm=config.arm or run.record["arm"],
        training_seed=run.settings["seed"],
        origin={
            "path": str(run.path),
            "folder": str(folder),
            "ids_hash": run.record["ids_hash"],
            **{name: record[name] for name in generated.DRAWN},
            **{name: record[name] for name in generated.GUIDED if record.get(name) is not None},
        },
        classes=[class_of[path] for path in paths] if class_of else None,
    )
    return Linked(dataset, added, counting.exact(dataset), len(listed) - len(paths), source.name)


def _record_of(folder: Path) -> dict[str, Any]:
    """Read what a folder of drawn images says of itself."""
    file = folder / image_folder.RECORD
    if not file.is_file():
        raise DataError(f"{folder} has no generated.json; give a folder that generate made.")
    content = runs.read_json(file)
    needed = ("run", "seeds", *generated.DRAWN)
    missing = [name for name in needed if not isinstance(content, dict) or name not in content]
    if missing:
        raise DataError(
            f"{file} does not say {', '.join(missing)}; it was edited or is not one of "
            "generate. Draw the images again."
        )
    return content


def _run_of(folder: Path, id: str) -> Run:
    """Find the run that drew a folder: above it, or among the known runs."""
    for path in folder.parents:
        if Run(path).exists:
            return Run(path)
    return runs.open_run(id)
