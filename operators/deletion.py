"""Delete what Curadiff made, after saying what goes."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from .. import runs
from ..common.errors import DataError
from ..datasets import identity, selections
from ..workflows.overview import runs_of_dataset
from .base import BaseOperator, add_menu

SELECTION, RUN = "selection:", "run:"


class DeleteMade(BaseOperator):
    """A selection, a training or a study goes, with what was made for it."""

    slug = "delete_made"
    title = "Delete a selection, training or study"
    about = "Say what goes, and delete it. The images themselves always stay."
    button = "Delete"
    icon = "delete"
    risk: ClassVar[types.RiskLevel] = types.RiskLevel.HIGH

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask which, and say what goes with it."""
        listed = deletable(ctx.dataset)
        if not listed:
            raise DataError("There is nothing to delete: no selection, training or study.")
        add_menu(form, "what", listed, label="Delete")
        chosen = ctx.params.get("what")
        what = chosen if chosen in listed else next(iter(listed))
        form.view("goes", types.Warning(label="This goes", description=consequences(ctx, what)))

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Delete it."""
        what = ctx.params.get("what") or ""
        if what not in deletable(ctx.dataset):
            raise DataError(f"what must name a selection, training or study here, got {what!r}.")
        delete(ctx.dataset, what)
        if ctx.executor is not None:
            ctx.ops.reload_dataset()
        return {"message": f"{what.partition(':')[2]} is deleted."}

    def __call__(self, dataset: Any, what: str) -> None:
        """Delete now: ``selection:NAME``, or ``run:ID`` of a training or study."""
        delete(dataset, what)


def deletable(dataset: Any) -> dict[str, str]:
    """List the selections, trainings and studies of a data set for a menu, newest first."""
    if dataset is None:
        raise DataError("Open a data set first, or import images.")
    runs_here = runs_of_dataset(dataset.name, identity.id_of(dataset))
    studies = {run.path for run in runs_here if run.kind == "study"}
    independent = [run for run in runs_here if run.path.parent.parent not in studies]
    menu = {f"{SELECTION}{n}": f"selection {n}" for n in selections.selection_names(dataset)[::-1]}
    nouns = {"train": "training", "study": "study"}
    return menu | {
        f"{RUN}{run.id}": f"{nouns[run.kind]} {run.id}"
        for run in reversed(independent)
        if run.kind in nouns and run.status["state"] not in runs.ACTIVE
    }


def consequences(ctx: Any, what: str) -> str:
    """Say what goes and what stays when something is deleted."""
    from ..workflows import deleting

    kind, _, name = what.partition(":")
    if f"{kind}:" == RUN:
        return str(deleting.delete_run(runs.open_by_id(name)))
    stored = selections.read_selection(ctx.dataset, name)
    return (
        f"The tag, the saved view and the fields of {name} ({len(stored.ids):,} samples). The "
        "samples stay, and so do trainings on them."
    )


def delete(dataset: Any, what: str) -> None:
    """Delete what a menu's value names.

    Raises:
        DataError: There is no such selection.
        RunError: There is no such run, or it is at work.
    """
    from ..workflows import deleting

    kind, _, name = what.partition(":")
    if f"{kind}:" == RUN:
        deleting.delete_run(runs.open_by_id(name), yes=True)
    else:
        selections.delete_selection(dataset, name)
