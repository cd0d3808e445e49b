"""Delete a run, and nothing that Curadiff did not make.

`Deletion` says what goes before anything does. A run is first renamed to a hidden name and
then deleted, so a deletion that is interrupted leaves no half of it; the next command of any
kind deletes the rest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..common.errors import RunError
from ..common.files import read_json, sync_folder
from ..common.temporary import is_temporary, remove, temporary
from .finding import listing, open_run, survey
from .home_folder import home
from .launch import STARTING
from .lease import Lease, held
from .run import ACTIVE, Run

SHOWN = 5  # files of others that are named
_RUN = (
    r"(run|status|process|stop)\.json", r"(log\.jsonl|output\.log)",
    r"lease(\.owner)?", r"(starting|record)\.lock(\.owner)?",
)  # fmt: skip
_TRAINING = (
    *_RUN, r"(manifest|held_out|model_index)\.json", r"begins_with\.safetensors",
    r"checkpoints/(damaged-)*step-\d+/((model|ema|optimizer)\.safetensors|pictures\.npy|(state|checksums)\.json)",
    r"unet/(config\.json|diffusion_pytorch_model\.safetensors)",
    r"scheduler/scheduler_config\.json", r"grids/step-\d+\.png", r"noise-\d\.png",
    r"compile-cache/.+", r"(curadiff|wandb|mlruns|\.aim|dvclive)/.+",
)  # fmt: skip
_STUDY = (
    *_RUN, r"[\w.+-]+\.(json|jsonl|html|npy|npz|log|lock|owner|damaged)",
    r"grids/[\w.+-]+\.(png|part)",
    r"(arms|cells|features|judged|evaluations)/[\w.+-]+\.(json|npy|npz|damaged)",
)  # fmt: skip
_COMMAND = (
    *_RUN, r"manifest\.json", r"images/(\d+\.\w+|\.?metadata\.jsonl)",
    r"(?i:images-out/.+\.(png|jpe?g|webp|bmp))",  # what the program was to draw, and no more
)  # fmt: skip
MADE = {
    "train": _TRAINING, "measure": _TRAINING, "study": _STUDY, "preview": _STUDY, "job": _RUN,
    "command": _COMMAND,
}  # fmt: skip
"""What Curadiff writes into a run of each kind, as patterns of paths inside it."""
DRAWN = re.compile(r"generated/[^/]+/(\d{6,})\.png")


@dataclass(frozen=True)
class Deletion:
    """What goes when a run is deleted.

    Attributes:
        run: The run.
        files: How many files.
        bytes: What they take on the disk.
        images: How many of them are generated images.
        trainings: Ids of the runs inside it, which go too.
    """

    run: Run
    files: int
    bytes: int
    images: int
    trainings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [f"{self.files:,} files", f"{self.bytes / 1e6:,.1f} MB"]
        if self.images:
            parts.append(f"{self.images:,} generated images")
        if self.trainings:
            parts.append(f"{len(self.trainings)} trainings: {', '.join(self.trainings)}")
        text = f"{self.run.id} ({self.run.kind}) in {self.run.path}: {'; '.join(parts)}."
        if dataset := self.run.record.get("dataset"):
            text += (
                f" What FiftyOne has of it with {dataset!r} stays there, such as records and "
                "entries of generated images"
            )
            text += ", whose files go." if self.images else "."
        return text

    def carry_out(self) -> None:
        """Delete the run.

        Raises:
            RunError: A process works in it or has begun to, or something was added meanwhile.
        """
        path = self.run.path
        with ExitStack() as stack:
            every = [self.run, *_inside(self.run)]
            for run in every:
                stack.enter_context(Lease(run.path, name=STARTING))
            _refuse_at_work(every)  # before their leases are taken, which look like work
            for run in every:
                stack.enter_context(Lease(run.path))
            _look(self.run, _inside(self.run))
            hidden = temporary(path)
            try:
                path.rename(hidden)
                sync_folder(path.parent)
            except OSError as fault:
                raise RunError(f"could not delete {path}: {fault.strerror}.") from fault
        remove(hidden)
        if hidden.exists():
            raise RunError(
                f"{self.run.id} is deleted, but some of its files could not be; they are in "
                f"{hidden}."
            )


def prepare(run: str | Path | Run) -> Deletion:
    """Look at what deleting a run would delete, and delete nothing.

    Raises:
        RunError: It is no run below the home, is damaged, is at work, or holds files that
            Curadiff did not make.
    """
    checked_run = _checked(run)
    inside = _inside(checked_run)
    _refuse_at_work([checked_run, *inside])
    return _look(checked_run, inside)


def _refuse_at_work(every: list[Run]) -> None:
    for one in every:
        state = one.status["state"]
        if state in ACTIVE or held(one.path):
            doing = state if state in ACTIVE else "in use"
            raise RunError(
                f"{one.id} is {doing}; stop it first with: curadiff runs {one.id} --stop"
            )


def _look(run: Run, inside: list[Run]) -> Deletion:
    """Return what deleting a run would delete, with the runs inside it.

    Raises:
        RunError: Some of it Curadiff did not make.
    """
    files = size = images = 0
    foreign: list[Path] = []
    for path, ours, drawn in _files(run.path):
        if not ours:
            foreign.append(path)
        files, images = files + 1, images + drawn
        with suppress(OSError):
            size += path.lstat().st_size
    if foreign:
        names = ", ".join(str(path) for path in foreign[:SHOWN])
        more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
        raise RunError(
            f"{run.id} holds files that Curadiff did not make: {names}{more}. Move them away, "
            "then delete it; nothing was deleted."
        )
    return Deletion(run, files, size, images, [one.id for one in inside])


def _checked(run: str | Path | Run) -> Run:
    """Return the run of an id or path, below the home and without following links.

    Raises:
        RunError: It is none.
    """
    if isinstance(run, Run):
        given = run.path
    else:
        given = Path(run)
        known = {one.id: one.path for one in survey()[0]}
        by_name = home() / "runs" / given
        if not given.is_absolute() and ".." not in given.parts and os.path.lexists(by_name):
            given = by_name
        elif str(run) in known:
            given = known[str(run)]
        elif len(given.parts) == 1 and not given.exists():
            open_run(run)  # says which runs there are
    folder = home() / "runs"
    path = _in_home(Path(os.path.normpath(given.absolute())), folder)
    if path is None:
        raise RunError(
            f"{run} is not a run in {folder}; only runs there are deleted, and links are not "
            "followed. Delete other folders by hand."
        )
    if not (path / "run.json").is_file():
        raise RunError(f"{path} has no run.json and is no run; delete it by hand if you want to.")
    checked_run = Run(path)
    record = checked_run.record
    if record["kind"] not in MADE:
        raise RunError(f"{path} is a run of kind {record['kind']!r}, which is unknown here.")
    return checked_run


def _in_home(path: Path, home: Path) -> Path | None:
    """Return the true path of ``home/ID`` or of a run inside another one, None for all others.

    The home itself may be reached through a link, what is in it may not.
    """
    real = home.resolve()
    for root in (home, real):
        if path.is_relative_to(root):
            parts = path.relative_to(root).parts
            true = real.joinpath(*parts)
            shape = len(parts) % 2 == 1 and all(part == "runs" for part in parts[1::2])
            return true if shape and true.resolve() == true else None
    return None


def _inside(run: Run) -> list[Run]:
    return listing(folder=run.path / "runs")


def _files(folder: Path) -> Iterator[tuple[Path, bool, bool]]:
    """Yield each file of a run, whether Curadiff made it, whether it is a generated image."""
    kind = Run(folder).kind
    drawn = _drawn(folder)
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        if path == folder / "runs" and path.is_dir() and not path.is_symlink():
            for entry in sorted(path.iterdir()):
                if is_temporary(entry.name):
                    yield entry, True, False
                elif (entry / "run.json").is_file() and not entry.is_symlink():
                    yield from _files(entry)
                else:
                    yield entry, False, False
        elif path.is_symlink():
            yield path, False, False
        elif path in drawn:
            yield path, True, DRAWN.fullmatch(name) is not None
        else:
            temporary_file = any(map(is_temporary, Path(name).parts))
            made = any(re.fullmatch(pattern, name) for pattern in MADE.get(kind, ()))
            yield path, made or temporary_file, False


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files and links in a folder; of ``runs`` only the folder itself."""
    for top, names, files in os.walk(folder):
        directory = Path(top)
        if directory == folder and "runs" in names:
            names.remove("runs")
            yield directory / "runs"
        links = [name for name in names if (directory / name).is_symlink()]
        yield from (directory / name for name in sorted([*files, *links]))


def _drawn(folder: Path) -> set[Path]:
    """Return the generated images that a run's records list, and the files kept beside them."""
    paths: set[Path] = set()
    for record in folder.glob("generated/*/generated.json"):
        try:
            count = int(read_json(record)["count"])
        except (RunError, KeyError, TypeError, ValueError, OverflowError):
            count = 0
        paths |= {record.with_name("sources.npz"), record.with_name(".lease")}
        paths |= {record, record.with_name(".lease.owner")}
        for path in record.parent.glob("*.png"):  # the count may be damaged, and enormous
            name = re.sub(r"^\.(damaged-)+", "", path.name)  # as one that was put aside is called
            number = int(name[:-4]) if re.fullmatch(r"[0-9]{6,18}\.png", name) else count
            if number < count and name == f"{number:06d}.png":
                paths.add(path)
    return paths
