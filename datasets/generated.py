"""Generated images as a data set of their own, linked with the images they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..common.errors import DataError
from . import building, documents, identity, info, locking, recovery, sidebar
from .database import fiftyone
from .info_sections import Sections

BATCH = 1000
CLASS = "drawn_class"
FIELDS = ("source_run", "source_dataset", "arm", "training_seed", "image_seed", CLASS)
DRAWN = ("checkpoint", "weights", "sampler", "steps")
"""What decides, with the run and the seed, what an image is."""
GUIDED = ("asked_classes", "guidance", "guide", "ema_length")
"""What decides it besides, where it is given."""


def add_generated(
    name: str,
    *,
    paths: Sequence[Path],
    seeds: Sequence[int],
    source: Any,
    run: str,
    arm: str,
    training_seed: int,
    origin: Mapping[str, Any],
    uid: str | None = None,
    classes: Sequence[str | None] | None = None,
) -> tuple[Any, int]:
    """Add generated images to the persistent data set ``name``; nothing is added twice.

    An image is known by its run, how it was drawn and its seed, so that it stays one sample
    when the run is renamed or moved, or two processes add it at once. Interrupted anywhere,
    the same call, or the next command on the data set, finishes the work.

    Args:
        name: Data set for the generated images, made when it is missing.
        paths: Image files.
        seeds: The seed each image was drawn with.
        source: The data set that the model was trained on.
        run: Id of the training run.
        arm: Name of the arm, also set as tag.
        training_seed: Seed of the training.
        origin: What else to remember of the run: checkpoint, sampler, source ids' hash.
        uid: What the run is known by for ever; by default its id.
        classes: The class each image was drawn of, kept in the field `CLASS`; None without.

    Returns:
        The data set, and how many samples were added.

    Raises:
        DataError: ``name`` is the source itself, or a data set of something else.
    """
    fo = fiftyone()
    if name == source.name:
        raise DataError(
            f"generated images need a data set of their own, and {name!r} is the source; choose "
            "another name."
        )
    uid = uid or run
    key = [uid, *(origin.get(part) for part in DRAWN)]
    key += [origin[part] for part in GUIDED if origin.get(part) is not None]
    told = dict(zip(paths, classes or [], strict=bool(classes)))
    run_entry = {"run": run, "arm": arm, "training_seed": training_seed, **origin}
    building.sweep()
    with locking.exclusive(name, "import-generated"):
        if not fo.dataset_exists(name):
            with building.built(name) as made:
                plan, added = _plan(made, paths, seeds, source, key, run_entry, told)
                _finish(made, plan, added)
                _link(source, name, made)
            return identity.load(name), len(added)
        dataset = identity.load(name)
        with locking.exclusive(dataset, "import-generated") as held:
            dataset.reload()
            _refuse_other(dataset, source)
            plan, added = _plan(dataset, paths, seeds, source, key, run_entry, told)
            if _changes_something(dataset, plan, added):
                held.check()
                arrays = {"documents": documents.packed(added)}
                recovery.carry_out(dataset, "import-generated", plan, arrays)
                dataset.reload()
            _link(source, name, dataset)
    return dataset, len(added)


def finish(dataset: Any, verb: str, plan: Mapping[str, Any], arrays: recovery.Arrays) -> None:
    """Carry out a planned import of generated images; may be done twice."""
    _finish(dataset, plan, documents.unpacked(arrays["documents"]))


def _plan(
    dataset: Any,
    paths: Sequence[Path],
    seeds: Sequence[int],
    source: Any,
    key: Sequence[Any],
    run_entry: Mapping[str, Any],
    classes: Mapping[Path, str | None],
) -> tuple[dict[str, Any], list[dict]]:
    """Work out what is to be written, and the documents of the new samples."""
    fo = fiftyone()
    arm = run_entry["arm"]
    stored = list(dataset._sample_collection.find({}, {"filepath": 1}))
    paths_known = {one["filepath"] for one in stored}
    by_mark = {documents.mark_of(one["_id"]): one for one in stored}
    places, samples, marks = [], [], []
    for path, seed in zip(paths, seeds, strict=True):
        mark = documents.mark(dataset, *key, seed)
        old = by_mark.get(mark)
        if str(path) in paths_known or (old and _same_file(old["filepath"], path)):
            continue
        if old and not Path(old["filepath"]).exists():  # the run was renamed or moved
            places.append({"_id": old["_id"], "set": {"filepath": str(path)}, "tags": []})
            continue
        sample = fo.Sample(
            filepath=str(path),
            tags=["generated", arm],
            source_run=run_entry["run"],
            source_dataset=source.name,
            arm=arm,
            training_seed=run_entry["training_seed"],
            image_seed=seed,
        )
        if classes.get(path) is not None:
            sample[CLASS] = fo.Classification(label=classes[path])
        samples.append(sample)
        marks.append(documents.mark(dataset, *key, seed, path) if old else mark)
    documents.expand(dataset, samples)
    view = None
    if documents.free_view(dataset, arm):
        shown = dataset.match(fo.ViewField("arm") == arm)
        view = documents.view_document(dataset, arm, shown, f"arm {arm}")
    plan = {
        "places": places,
        "view": view,
        "generated": _origin_of(source),
        "runs": {key[0]: dict(run_entry)},
    }
    return plan, documents.documents(dataset, samples, documents.new_ids(dataset, marks))


def _same_file(one: str, other: Path) -> bool:
    """Tell whether two files that are there have the same content."""
    known = documents.fingerprint(one)
    return known is not None and known == documents.fingerprint(other)


def _changes_something(dataset: Any, plan: Mapping[str, Any], added: Sequence[Any]) -> bool:
    noted = info.read(dataset)
    same = noted.get("generated") == plan["generated"] and all(
        noted.get("runs", {}).get(uid) == entry for uid, entry in plan["runs"].items()
    )
    return bool(added or plan["places"] or plan["view"] or not same)


def _finish(dataset: Any, plan: Mapping[str, Any], added: Sequence[Mapping[str, Any]]) -> None:
    info.change(dataset, put={"generated": plan["generated"]})  # first: what it is a data set of
    for start in range(0, len(added), BATCH):
        documents.insert(dataset, added[start : start + BATCH])
    documents.change(dataset, plan["places"])
    if plan["view"]:
        documents.add_view(dataset, plan["view"], "import-generated")
    fields = [field for field in FIELDS if dataset.get_field(field) is not None]
    sidebar.fold(dataset, sidebar.GENERATION, fields, by="import-generated")
    info.change(dataset, put={"runs": plan["runs"]})


def _origin_of(source: Any) -> dict[str, Any]:
    known = identity.identity(source)
    return {
        "source_dataset": known["name"],
        "source_dataset_id": known["id"],
        "source_folders": known["folders"],
    }


def _link(source: Any, name: str, made: Any) -> None:
    """Note a generated data set with its source, where it is not noted yet."""
    id = identity.id_of(made)
    if info.section(source, "generated_datasets").get(name) != id:
        info.put(source, "generated_datasets", {name: id})


def known_source(sections: Sections) -> dict[str, Any] | None:
    """Return the identity of the data set that images were generated from, None for real ones.

    Args:
        sections: What Curadiff keeps in the data set, see `info.read`.
    """
    origin = sections.get("generated")
    if not origin:
        return None
    return {
        "name": origin.get("source_dataset", ""),
        "id": origin.get("source_dataset_id"),
        "folders": origin.get("source_folders", []),
    }


def source_name(sections: Sections) -> str | None:
    """Return today's name of the data set that images were generated from, None without one."""
    known = known_source(sections)
    return None if known is None else identity.current_name(known)


def linked_names(sections: Sections) -> list[str]:
    """Return today's names of the data sets generated from one, oldest link first."""
    current_names = (
        identity.current_name({"name": name, "id": id})
        for name, id in sections.get("generated_datasets", {}).items()
    )
    return list(dict.fromkeys(name for name in current_names if name is not None))


def trainings_of(view: Any) -> list[str]:
    """Return the runs that drew the images of a view: their folders, or ids where not noted."""
    if view._dataset.get_field("source_run") is None:
        return []
    run_entries = info.section(view._dataset, "runs")
    noted = {one.get("run", key): one for key, one in run_entries.items()}
    drew = [run for run in view.distinct("source_run") if run]
    return [noted.get(run, {}).get("path") or run for run in drew]


def source_of(dataset: Any) -> str | None:
    """Return the id of the data set that images were generated from, None for real images."""
    return info.section(dataset, "generated").get("source_dataset_id")


def _refuse_other(dataset: Any, source: Any) -> None:
    """Refuse a data set that does not hold images generated from this source."""
    known = known_source(info.read(dataset))
    if known is None or identity.current_name(known) != source.name:
        raise DataError(
            f"the data set {dataset.name!r} exists and does not hold images generated from "
            f"{source.name!r}; choose another name."
        )
