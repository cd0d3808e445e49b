"""Store an evaluation: values with the run and in the data set, fields on the samples.

It is written to two data sets, whole or not at all: what is to be written is first noted
with the generated images' data set, and from then on it happens, see `recovery`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from . import earlier, identity, info, locking, names, records, recovery
from .earlier import Side
from .loaded import commit
from .names import Names, key_of
from .names import prefix_of as prefix_of
from .sidebar import EVALUATION, fold, of_one
from .writing import set_numbers


def write_evaluation(
    generated: Any,
    reference: Any,
    key: str,
    *,
    values: Mapping[str, Any],
    config: Mapping[str, Any],
    generated_ids: Sequence[str],
    generated_fields: Mapping[str, np.ndarray],
    reference_ids: Sequence[str],
    reference_fields: Mapping[str, np.ndarray],
    shared: str | None = None,
) -> None:
    """Write one evaluation to both data sets; several live side by side by key.

    The key ``evaluation`` writes plain field names (``realism``), any other key
    puts itself in front (``inception_realism``). Evaluations that share a name do so with
    it on the generated images, each of which is in one of them, and have a group of that
    name in the sidebar.

    Args:
        generated: Data set with the generated images.
        reference: Data set with the real ones.
        key: Name of the evaluation.
        values: What the evaluation says of the data sets, plain JSON values.
        config: Settings, encoder, counts.
        generated_ids: Ids of the generated samples compared.
        generated_fields: One value per generated id.
        reference_ids: Ids of the real samples compared.
        reference_fields: One value per reference id.
        shared: Name of the study that this is an evaluation of.

    Raises:
        DataError: A field of that name is the user's; nothing was written.
    """
    name, key = key, key_of(key)
    stored_config = {**config, "values": dict(values)}
    made = _named(prefix_of(shared or name), generated_fields)
    real = _named(prefix_of(name), reference_fields)
    both = sorted({id(one): one for one in (generated, reference)}.values(), key=info.id_of)
    with ExitStack() as locks:  # in one order, so that two evaluations never wait for each other
        held = [locks.enter_context(locking.exclusive(one, "evaluate")) for one in both]
        check_names(generated, reference, name, made=made, real=real, shared=shared)
        run, data = records.prepared(
            generated,
            f"evaluate_{key}",
            verb="evaluate",
            config=stored_config,
            results={"generated_ids": [*generated_ids], "reference_ids": [*reference_ids]},
        )
        plan = {
            "run": run,
            "key": key,
            "told": stored_config,
            "owner": {"made": _owner(shared or name), "real": _owner(name)},
            "reference": identity.id_of(reference),
            "made": list(made),
            "real": list(real),
            "group": f"study {shared}" if shared else None,
        }
        arrays: dict[str, Any] = {
            "results": data,
            "made": np.array(generated_ids, dtype="S24"),
            "real": np.array(reference_ids, dtype="S24"),
        }
        for side, fields in (("made", made), ("real", real)):
            for number, column in enumerate(fields.values()):
                column = np.asarray(column)
                arrays[f"{side}{number}"] = column.astype(str) if column.dtype == object else column
        for one in held:
            one.check()
        recovery.carry_out(generated, "evaluate", plan, arrays)


def check_names(
    generated: Any,
    reference: Any,
    key: str,
    *,
    made: Sequence[str] | Mapping[str, Any],
    real: Sequence[str] | Mapping[str, Any],
    shared: str | None = None,
) -> None:
    """Refuse an evaluation whose fields or run would take the place of the user's.

    Args:
        generated: Data set with the generated images.
        reference: Data set with the real ones.
        key: Name of the evaluation.
        made: Fields of generated images, with their prefix.
        real: Fields of real images, with their prefix.
        shared: Name of the study that this is an evaluation of.

    Raises:
        DataError: A name is taken; the message says by what.
    """
    run = f"evaluate_{key_of(key)}"
    advice = "choose another name for the evaluation with key (--key)"
    inherited = records.recorded(generated, run) is not None
    needed = Names(runs=[run])
    names.check(generated, _owner(key), needed, advice=advice, inherited=inherited)
    sides: tuple[tuple[Any, Side, Any, str | None], ...] = (
        (generated, "generated", made, shared),
        (reference, "reference", real, None),
    )
    for dataset, side, fields, study in sides:
        ours = earlier.of_evaluation(dataset, generated, key, side=side, study=study)
        needed = Names(fields=[field for field in fields if field not in ours])
        names.check(dataset, _owner(study or key), needed, advice=advice)


def finish(dataset: Any, verb: str, plan: Mapping[str, Any], arrays: recovery.Arrays) -> None:
    """Carry out a planned evaluation on both data sets; may be done twice."""
    name = identity.name_of_id(plan["reference"])
    if name is not None:  # else the real images were deleted meanwhile
        reference = dataset if name == dataset.name else identity.load(name)
        _write(reference, "real", plan, arrays)
    _write(dataset, "made", plan, arrays)
    run = plan["run"]
    records.store(run, arrays["results"])
    owned = names.owned(plan["owner"]["real"], Names(runs=[run["key"]]))
    noted = {"evaluations": {plan["key"]: plan["told"]}, names.MADE: owned}
    commit(
        dataset,
        [*info.update_stages(put=noted), {"$set": {f"runs.{run['key']}": run["_id"]}}],
    )
    names.stamp(dataset, plan["owner"]["real"], Names(runs=[run["key"]]))
    records.remove_former(dataset, run)


def _owner(name: str) -> str:
    return f"evaluate {key_of(name)}"


def _named(prefix: str, fields: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}{name}": values for name, values in fields.items()}


def _write(dataset: Any, side: str, plan: Mapping[str, Any], arrays: recovery.Arrays) -> None:
    """Write an evaluation's fields on one of its data sets and record them as its own."""
    fields = plan[side]
    if not fields:
        return
    names.own(dataset, plan["owner"][side], Names(fields=fields))
    ids = arrays[side].astype(str).tolist()
    columns = {name: (ids, arrays[f"{side}{number}"]) for number, name in enumerate(fields)}
    set_numbers(dataset, columns)
    names.stamp(dataset, plan["owner"][side], Names(fields=fields))
    of = plan["group"]
    fold(dataset, of_one(of) if of else EVALUATION, fields, by=of)
