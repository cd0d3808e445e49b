"""The operator that removes what Curadiff wrote in a data set."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from ..common.errors import DataError
from ..common.words import plural
from ..datasets import identity
from ..studies.conclusion_notes import first_few
from ..workflows import cleaning
from ..workflows.overview import runs_of_dataset
from .base import BaseOperator, add_error, add_menu

EVERYTHING = "everything"


class CleanDataset(BaseOperator):
    """What Curadiff wrote goes; the samples stay."""

    slug = "clean_dataset"
    title = "Clean the data set"
    about = (
        "Remove the fields, tags, views and runs that Curadiff wrote, of one study or all, after "
        "saying what goes; samples and whatever is yours stay."
    )
    button = "Remove"
    icon = "cleaning_services"
    risk: ClassVar[types.RiskLevel] = types.RiskLevel.HIGH

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask of which study, and say what goes."""
        listed = _listed(ctx.dataset)
        add_menu(form, "what", listed, label="Remove", default=EVERYTHING)
        goes = cleaning.clean(ctx.dataset, _study(ctx, listed))
        if not goes.written:
            add_error(form, str(goes))
            return
        form.view("goes", types.Warning(label="What is removed", description=in_short(goes)))

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Remove it."""
        done = cleaning.clean(ctx.dataset, _study(ctx, _listed(ctx.dataset)), yes=True)
        if not done.written:
            raise DataError(str(done))
        if ctx.executor is not None:
            ctx.ops.reload_dataset()
        return {"message": str(done).replace("\n", " ")}

    def __call__(self, dataset: Any, study: str | None = None) -> Any:
        """Remove now; see ``curadiff.clean``."""
        return cleaning.clean(dataset, study, yes=True)


def in_short(goes: cleaning.Cleaning) -> str:
    """Say what goes with the first few names of each kind; the message names all of them."""
    kinds = goes.written.by_kind()
    parts = [f"{plural(len(names), kind)} ({first_few(names)})" for kind, names in kinds.items()]
    notes = sum(map(len, goes.written.notes.values()))
    parts += [f"{plural(notes, 'note')} in the data set's info"] if notes else []
    return f"Of {goes.dataset}: {'; '.join(parts)}. The samples stay, and so does what is yours."


def _listed(dataset: Any) -> dict[str, str]:
    runs = runs_of_dataset(dataset.name, identity.id_of(dataset))
    return {EVERYTHING: "everything that Curadiff wrote"} | {
        run.id: f"what the {run.kind} {run.id} wrote"
        for run in reversed(runs)
        if run.kind in ("study", "preview")
    }


def _study(ctx: Any, listed: dict[str, str]) -> str | None:
    """Return the chosen study or preview, None for everything.

    Raises:
        DataError: Something else was asked for.
    """
    what = ctx.params.get("what") or EVERYTHING
    if what not in listed:
        raise DataError(f"what must be one of {', '.join(listed)}, got {what!r}.")
    return None if what == EVERYTHING else what
