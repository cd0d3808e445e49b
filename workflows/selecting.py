"""``select``: tag the samples to train on."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Unpack

import numpy as np

from .. import runs, selectors
from ..common.errors import DataError, SettingsError, nearest
from ..common.words import plural
from ..config import SelectSettings
from ..config.options import SelectOptions
from ..config.signatures import with_settings
from ..datasets import locking, pool_fields, reading, selections
from ..datasets.database import lost_in_words
from ..datasets.resolving import all_samples
from ..datasets.writing import ids_hash, key_of, recorded
from ..runs import caches
from .over_shards.selecting import select_from_shards
from .over_shards.sources import shards_of
from .select_result import SelectResult

EXPLAINED = selections.OF_POOL


@with_settings(SelectSettings)
@lost_in_words()
def select(samples: Any, **settings: Unpack[SelectOptions]) -> SelectResult:
    """Choose samples; write a tag, a rank, a saved view and a run with the frozen ids.

    The same settings on the same samples do nothing a second time. Another selection
    of the same name is replaced only with ``overwrite=True``.

    From a folder of Parquet shards (`curadiff.common.shards`) the chosen rows are written as
    shards too, to the folder ``to_shards``; FiftyOne is not used.

    Args:
        samples: A FiftyOne data set, its name, or a view: the pool. Or a folder of shards.
        **settings: See `SelectSettings`.

    Raises:
        SettingsError: A setting is wrong.
        DataError: The pool cannot be used, or the name is taken.
    """
    config = SelectSettings(**settings)
    name = config.name or f"{config.method}-{config.budget}"
    shards = shards_of(samples)
    if shards is not None:
        ids, record, folder, repeated = select_from_shards(samples, shards, config)
        return SelectResult(name, ids, None, record, repeated, folder)
    if config.to_shards is not None:
        raise SettingsError(
            "to_shards is for a pool of shards, and a data set was given; write its selection "
            "with: curadiff export DATASET:SELECTION --to ./FOLDER"
        )
    dataset, view = reading.resolve(samples)
    with locking.exclusive(dataset, "select"):  # so that nothing is read half-written
        pool = _pool(view, config)
        constraints = _constraints(pool, config, dataset)
        fingerprint = _fingerprint(config, pool, constraints)
        earlier = _repeated(dataset, name, config, fingerprint)
        if earlier is not None:
            return earlier
        explained = EXPLAINED if pool.x is not None else ()  # without embeddings nothing is
        if config.method in selectors.OWN_DENSITY:  # refused now, not after the choice
            explained = (*explained, "density")
        selections.check_name(dataset, name, explained)
    chosen = _choose(pool, config, constraints)
    with locking.exclusive(dataset, "select"):
        earlier = _repeated(dataset, name, config, fingerprint)  # meanwhile, by another process
        if earlier is not None:
            return earlier
        stored = _store(dataset, name, pool, chosen, config, constraints, fingerprint)
    shown = all_samples(dataset).select(stored.ids, ordered=True)
    return SelectResult(name, stored.ids, shown, stored.config)


def _repeated(
    dataset: Any, name: str, config: SelectSettings, fingerprint: str
) -> SelectResult | None:
    """Return the same selection where it is there already, None where none of its name is.

    Raises:
        DataError: Another one of its name is there, and is not to be overwritten.
    """
    earlier = recorded(dataset, f"select_{key_of(name)}")
    if earlier is None or earlier.get("name", name) != name:
        return None  # `selections.check_name` refuses a name of equal letters
    if earlier["fingerprint"] == fingerprint:
        if not selections.has_view(dataset, name):
            return None  # it was deleted by hand: make it again
        stored = selections.read_selection(dataset, name)
        shown = all_samples(dataset).select(stored.ids, ordered=True)
        return SelectResult(name, stored.ids, shown, stored.config, repeated=True)
    if not config.overwrite:
        raise DataError(
            f"{dataset.name!r} has another selection named {name!r} "
            f"({plural(earlier['count'], 'sample')} by {earlier['selection_method']}); "
            "choose another name, or overwrite."
        )
    return None


def choose(pool: reading.Samples, config: SelectSettings, dataset: Any) -> selectors.Selection:
    """Choose from a pool and write nothing; rows of the answer are those of the pool."""
    return _choose(pool, config, _constraints(pool, config, dataset))


def _choose(
    pool: reading.Samples, config: SelectSettings, constraints: dict[str, Any]
) -> selectors.Selection:
    x = np.ones((len(pool.ids), 1), np.float32) if pool.x is None else pool.x
    return selectors.select(
        x,
        config.budget,
        method=config.method,
        ids=pool.names,
        seed=config.seed,
        device=config.device,
        **constraints,
        **selectors.options_of(config),
    )


def _constraints(pool: reading.Samples, config: SelectSettings, dataset: Any) -> dict[str, Any]:
    """Read what the settings say about single samples: kept, excluded, groups and weights."""
    constraints: dict[str, Any] = {}
    row = {id: number for number, id in enumerate(pool.ids)}
    if config.keep is not None:
        kept = selections.read_selection(dataset, config.keep).ids
        constraints["preselected"] = [row[id] for id in kept if id in row]
    if config.exclude_tag is not None:
        tagged = all_samples(dataset).match_tags(config.exclude_tag).values("id")
        if not tagged:
            known = all_samples(dataset).distinct("tags")
            listed = f" (tags: {', '.join(known[:12])})" if known else " (no sample has a tag)"
            raise DataError(
                f"no sample of {dataset.name!r} has the tag {config.exclude_tag!r} of exclude_tag"
                f"{nearest(config.exclude_tag, known)}{listed}; correct it, or leave it out."
            )
        constraints["exclude"] = [row[id] for id in tagged if id in row]
    for name, tag in (("toward", config.toward), ("away", config.away)):
        if tag is not None:
            constraints[name] = _tagged_rows(dataset, row, name, tag)
    if config.toward is not None or config.away is not None:
        constraints["pull"] = config.pull
    fields = {
        "groups": config.group_field,
        "together": config.together_field,
        "weights": config.weight_field,
    }
    for name, path in fields.items():
        if path is not None:
            constraints[name] = reading.field_values(dataset, pool.ids, path)
    chosen_before = {*constraints.get("preselected", [])}
    left = len(pool.ids) - len(chosen_before | {*constraints.get("exclude", [])})
    if not left and len(chosen_before) < config.budget:
        raise DataError(
            f"none of the {len(pool.ids):,} samples of the pool can be chosen: all are kept from "
            "another selection or excluded by a tag; widen the view, or leave out keep or "
            "exclude_tag."
        )
    if config.counts is not None:
        constraints["quotas"] = config.counts
    return constraints


def _tagged_rows(dataset: Any, row: dict[str, int], name: str, tag: str) -> list[int]:
    """Return the rows of the pool whose samples have a tag.

    Raises:
        DataError: None has it.
    """
    tagged = all_samples(dataset).match_tags(tag).values("id")
    rows = [row[id] for id in tagged if id in row]
    if not rows:
        raise DataError(
            f"{name}: no sample of the view with an embedding has the tag {tag!r}; tag some "
            "examples in the App first."
        )
    return rows


def _pool(view: Any, config: SelectSettings) -> reading.Samples:
    """Read what is chosen from; a draw by lot needs no embeddings, and takes the first field."""
    if config.field or config.method != "random" or config.toward or config.away:
        return reading.read_embeddings(view, config.field)
    fields = reading.embedding_fields(view._dataset)
    return reading.read_embeddings(view, fields[0]) if fields else reading.read_paths(view)


def _embeddings(dataset: Any, config: SelectSettings) -> str:
    """Return the field with the embeddings that `_pool` read."""
    return config.field or reading.embedding_fields(dataset)[0]


def _fingerprint(config: SelectSettings, pool: reading.Samples, constraints: dict[str, Any]) -> str:
    """Tell whether a selection would come out the same: settings, constraints, ids, embeddings."""
    settings = config.model_dump(mode="json", exclude={"overwrite", "name", "device", "to_shards"})
    asked = json.dumps([settings, constraints], sort_keys=True, default=str)
    digest = hashlib.sha256(asked.encode())
    digest.update(ids_hash(pool.ids).encode())
    if pool.x is not None:
        digest.update(np.ascontiguousarray(pool.x).tobytes())
    return digest.hexdigest()


def _store(
    dataset: Any,
    name: str,
    pool: reading.Samples,
    chosen: selectors.Selection,
    config: SelectSettings,
    constraints: dict[str, Any],
    fingerprint: str,
) -> selections.StoredSelection:
    reported = _report(dataset, name, pool, chosen, constraints) if config.report else {}
    seen = pool.x is not None  # without embeddings there is nothing to explain
    explained: dict[str, Any] = {}
    shared = None
    if seen:
        of_pool = [name for name in pool_fields.FIELDS if name not in _of_method(chosen, config)]
        values = {name: getattr(chosen, name) for name in of_pool}
        shared = selections.Pool(_embeddings(dataset, config), pool.ids, values)
        own = (*EXPLAINED, *_of_method(chosen, config))
        explained = {name: (pool.ids, getattr(chosen, name)) for name in own}
    return selections.write_selection(
        dataset,
        name,
        ids=[pool.ids[row] for row in chosen.indices],
        scores=chosen.scores,
        config={
            "settings": config.model_dump(mode="json"),
            "selection_method": config.method,
            "fingerprint": fingerprint,
            "field": config.field,
            "encoder": pool.encoder,
            "pool_size": len(pool.ids),
            "pool_hash": ids_hash(pool.ids),
            "missing": pool.missing,
            "stop_reason": chosen.stop_reason,
            "shortfall": int(chosen.shortfall),
            "used": chosen.settings,
            "coverage_radius": float(chosen.coverage_radius[-1]) if seen else None,
            "flagged": int(np.sum(chosen.flagged)) if seen else None,
            **reported,
        },
        results={"coverage_radius": chosen.coverage_radius.tolist()} if seen else {},
        of_pool=explained,
        shared=shared,
    )


def _of_method(chosen: selectors.Selection, config: SelectSettings) -> tuple[str, ...]:
    """Name what a method measured in its own way, so that other selections do not share it."""
    usual = chosen.density_neighbors == selectors.USUAL_NEIGHBORS
    own_radius = selectors.options_of(config).get("min_distance") is not None
    return ("density",) if own_radius or not usual else ()


def _report(
    dataset: Any,
    name: str,
    pool: reading.Samples,
    chosen: selectors.Selection,
    constraints: dict[str, Any],
) -> dict[str, Any]:
    """Compare a selection with its pool; return the page's path and its numbers."""
    if pool.x is None:
        raise DataError(f"a report needs embeddings; run: curadiff embed {dataset.name}")
    quotas = constraints.get("quotas")
    report = selectors.report(
        pool.x,
        {name: chosen},
        labels=constraints.get("groups"),
        quotas=quotas if isinstance(quotas, dict) else None,
    )
    path = runs.home() / "reports" / key_of(dataset.name) / f"{key_of(name)}.html"
    runs.make_folder(path.parent)
    picks = [pool.paths[row] for row in chosen.indices]
    report.to_html(path, pictures={name: picks})
    caches.trim("reports", keep=path)
    return {"report": str(path), "numbers": report.numbers[name]}
