"""Where a data set stands: what every step of the pipeline has made of it so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import runs
from ..datasets import counting, generated, identity, info, reading, selections, writing
from ..datasets.info_sections import Sections
from ..datasets.unloaded import glance
from ..runs import Run


@dataclass(frozen=True)
class Overview:
    """The pipeline of one data set.

    Attributes:
        dataset: Its name.
        images: How many samples it has.
        embeddings: Per field: ``field``, ``encoder``, ``done``.
        selections: Per selection its run's configuration, oldest first.
        trainings: Runs of trainings outside studies, oldest first.
        studies: Runs of studies, oldest first.
        jobs: Runs of jobs, oldest first.
        generated: Per linked data set: ``name``, ``images``, ``arms``.
        evaluations: Per evaluation outside studies: ``key``, ``dataset`` and its configuration.
        source: Name of the data set that these images were generated from, if they were.
        previews: Runs of previews, oldest first.
        titles: Titles that a person gave, see `datasets.titles`.
    """

    dataset: str
    images: int
    embeddings: list[dict[str, Any]] = field(default_factory=list)
    selections: list[dict[str, Any]] = field(default_factory=list)
    trainings: list[Run] = field(default_factory=list)
    studies: list[Run] = field(default_factory=list)
    jobs: list[Run] = field(default_factory=list)
    generated: list[dict[str, Any]] = field(default_factory=list)
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    source: str | None = None
    previews: list[Run] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)


def overview(dataset: Any) -> Overview:
    """Look at a FiftyOne data set and at the runs that were made of it.

    Reads counts and records, never vectors, so it is quick on large data sets. The states of
    runs are read first, and once: what a run that is finished wrote is then seen in full.
    """
    ours = info.read(dataset)
    origin = generated.known_source(ours)
    source: str | None = (generated.source_name(ours) or origin["name"]) if origin else None
    mine = [runs.Snapshot(run) for run in runs_of_dataset(dataset.name, identity.id_of(dataset))]
    studies: list[Run] = [run for run in mine if run.kind == "study"]
    if source:
        source_runs = runs_of_dataset(source, origin["id"] if origin else None)
        studies = [runs.Snapshot(run) for run in source_runs if run.kind == "study"]
    linked_names = [dataset.name] if source else generated.linked_names(ours)
    generated_sets = _generated(linked_names)
    previews: list[Run] = [run for run in mine if run.kind == "preview"]
    folders = {run.path for run in [*studies, *previews]}
    study_keys = tuple(f"{writing.key_of(run.id)}_" for run in studies)
    images = counting.exact(dataset)
    marker = (images, *((run.id, run.status["state"]) for run in mine if run.kind == "job"))
    return Overview(
        dataset.name,
        images,
        embeddings=[
            {
                "field": name,
                "encoder": reading.encoder_of(dataset, name),
                "done": counting.filled(dataset, name, marker=marker),
            }
            for name in reading.embedding_fields(dataset)
        ],
        selections=list(writing.runs_of(dataset, "select").values()),
        trainings=[
            run for run in mine if run.kind == "train" and run.path.parent.parent not in folders
        ],
        studies=studies,
        jobs=[run for run in mine if run.kind == "job"],
        generated=[described for described, _ in generated_sets],
        evaluations=[
            e for _, stored in generated_sets for e in stored if not e["key"].startswith(study_keys)
        ],
        source=source,
        previews=previews,
        titles=ours.get("titles", {}),
    )


def runs_of_dataset(dataset: str, id: str | None = None) -> list[Run]:
    """List the runs that were made of a data set, oldest first.

    Args:
        dataset: Its name.
        id: Its id: runs that recorded one are found by it, also after a rename, and those of a
            former data set of the name are left out.
    """
    return [run for run in runs.survey()[0] if _is_about(run.record, dataset, id)]


def trainings_of(dataset: Any) -> list[Run]:
    """List the trainings of a data set for a menu that begins with the newest, oldest first.

    Those of studies stand before all others, however new: a person asks for them less often.
    The models of previews are left out: they were not trained, and have nothing to go on with.
    """
    mine = runs_of_dataset(dataset.name, identity.id_of(dataset))
    kinds = {run.path: run.kind for run in mine}
    listed = [(kinds.get(run.path.parent.parent), run) for run in mine if run.kind == "train"]
    kept = [(kind, run) for kind, run in listed if kind != "preview"]
    return [run for _, run in sorted(kept, key=lambda pair: pair[0] != "study")]


def selections_of(dataset: Any) -> list[str]:
    """List the selections of a data set for a menu: the newest first, those of studies last."""
    mine = runs_of_dataset(dataset.name, identity.id_of(dataset))
    planned = tuple(f"{run.id}-" for run in mine if run.kind == "study")
    names = selections.selection_names(dataset)[::-1]
    return sorted(names, key=lambda name: name.startswith(planned))


def generated_of(dataset: Any) -> list[str]:
    """List the data sets generated from one for a menu, the newest first.

    Those of studies and previews, which have judged them already, come after all others.
    """
    mine = runs_of_dataset(dataset.name, identity.id_of(dataset))
    planned = {run.record.get("generated") for run in mine if run.kind in ("study", "preview")}
    names = generated.linked_names(info.read(dataset))[::-1]
    return sorted(names, key=lambda name: name in planned)


def _is_about(record: dict[str, Any], dataset: str, id: str | None) -> bool:
    inputs = record.get("inputs") or {}
    identities = [record.get("identity"), *(_identity(given) for given in inputs.values())]
    identities = [known for known in identities if known and known.get("id")]
    if id is not None and any(known["id"] == id for known in identities):
        return True
    if dataset not in (record.get("datasets") or [record.get("dataset")]):
        return False
    named_so = [known for known in identities if known["name"] == dataset]
    return (
        not named_so
        or id is None
        or any(identity.current_name(known) == dataset for known in named_so)
    )


def _identity(given: Any) -> Any:
    return given.get("identity") if isinstance(given, dict) else None


def active(listed: Sequence[Run]) -> list[Run]:
    """Pick the runs that a process works in right now."""
    return [run for run in listed if run.status["state"] in runs.ACTIVE]


def newest_grid(run: Run) -> Path | None:
    """Return the newest picture of what a training draws, None before the first."""
    return max((run.path / "grids").glob("step-*.png"), default=None)


def _generated(linked: Sequence[str]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    described = []
    for name in linked:
        counted = glance(name)
        if counted is None:
            continue
        count, notes = counted
        about = {"name": name, "images": count, "arms": len(set(_arms(notes)))}
        evaluations = [
            {"key": key, "dataset": name, **config}
            for key, config in notes.get("evaluations", {}).items()
        ]
        described.append((about, evaluations))
    return described


def _arms(notes: Sections) -> list[str]:
    return [run.get("arm", "") for run in notes.get("runs", {}).values()]
