"""Operators on what Curadiff made: give it a title, delete it after saying what goes."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from .. import runs
from ..common.errors import DataError
from ..datasets import evaluation_deletion, identity, selections, titles
from ..workflows.overview import overview, runs_of_dataset, selections_of
from .base import BaseOperator, add_menu
from .navigation import open_by_name
from .panels.unfinished import makes

SELECTION, RUN, EVALUATION = "selection:", "run:", "evaluation:"
NOUNS = {"train": "training", "study": "study"}


class RenameResult(BaseOperator):
    """A selection, training, study or evaluation gets a title."""

    slug = "rename_result"
    title = "Rename a result"
    about = (
        "Give a selection, training, study or evaluation a title; tags, fields, files and "
        "scripts keep its name."
    )
    button = "Rename"
    icon = "edit"
    risk: ClassVar[types.RiskLevel] = types.RiskLevel.LOW

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask which, and for its title."""
        listed = _listed(ctx.dataset)
        known = titles.titles(ctx.dataset)
        add_menu(form, "what", listed, label="Rename")
        what = _chosen(ctx, listed)
        form.str(
            "title",
            label="Title",
            description="What the App shows; empty shows the name again.",
            default=known.get(what, ""),
            view=types.FieldView(placeholder=what.partition(":")[2]),
        )

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Store the title."""
        what, title = ctx.params.get("what") or "", ctx.params.get("title") or ""
        if what not in _listed(ctx.dataset):
            raise DataError(f"what must name a result of {ctx.dataset.name!r}, got {what!r}.")
        titles.set_title(ctx.dataset, what, title)
        name = what.partition(":")[2]
        return {"message": f"{name} is now called {title}." if title else f"{name} has no title."}

    def __call__(self, dataset: Any, what: str, title: str) -> None:
        """Give a title: ``selection:NAME``, ``run:ID`` or ``evaluation:DATASET/KEY``."""
        titles.set_title(dataset, what, title)


class DeleteResult(BaseOperator):
    """A selection, training, study or evaluation goes, with what was made for it."""

    slug = "delete_result"
    title = "Delete a result"
    about = (
        "Delete a selection, training, study or evaluation, after saying what goes with it; "
        "images of the data set always stay."
    )
    button = "Delete"
    icon = "delete"
    risk: ClassVar[types.RiskLevel] = types.RiskLevel.HIGH

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask which, and say what goes with it."""
        listed = _listed(ctx.dataset, deletable=True)
        add_menu(form, "what", listed, label="Delete")
        goes = consequences(ctx.dataset, _chosen(ctx, listed))
        form.view("goes", types.Warning(label="What is removed", description=goes))

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Delete it."""
        what = ctx.params.get("what") or ""
        if what not in results(ctx.dataset, deletable=True):
            raise DataError(
                "what must name a selection, training, study or evaluation here, as "
                f"selection:NAME, run:ID or evaluation:DATASET/KEY, got {what!r}."
            )
        delete(ctx.dataset, what)
        if ctx.executor is not None:
            ctx.ops.reload_dataset()
        return {"message": f"{what.partition(':')[2]} is deleted."}

    def __call__(self, dataset: Any, what: str) -> None:
        """Delete now: ``selection:NAME``, ``run:ID`` or ``evaluation:DATASET/KEY``."""
        delete(dataset, what)


def results(dataset: Any, *, deletable: bool = False) -> dict[str, str]:
    """List the selections, runs and evaluations of a data set for a menu, newest first.

    Args:
        dataset: The open data set.
        deletable: Leave out runs that a process works in.
    """
    runs_here = runs_of_dataset(dataset.name, identity.id_of(dataset))
    folders = {run.path for run in runs_here if run.kind in ("study", "preview")}
    independent = [run for run in runs_here if run.path.parent.parent not in folders]
    menu = {f"{SELECTION}{name}": f"selection {name}" for name in selections_of(dataset)}
    menu |= {
        f"{RUN}{run.id}": f"{NOUNS[run.kind]} {run.id}"
        for run in reversed(independent)
        if run.kind in NOUNS and not (deletable and run.status["state"] in runs.ACTIVE)
    }
    menu |= {
        f"{EVALUATION}{entry['dataset']}/{entry['key']}": f"evaluation {entry['key']} of "
        f"{entry['dataset']}"
        for entry in reversed(overview(dataset).evaluations)
    }
    known = titles.titles(dataset)
    return {
        what: f"{known[what]} ({label})" if what in known else label for what, label in menu.items()
    }


def consequences(dataset: Any, what: str) -> str:
    """Say what goes and what stays when something is deleted."""
    from ..workflows import deleting

    kind, name = _parts(what)
    if kind == RUN:
        return str(deleting.delete_run(runs.open_by_id(name)))
    if kind == EVALUATION:
        generated, key = _evaluation(name)
        return str(evaluation_deletion.plan_deletion(generated, key))
    stored = selections.read_selection(dataset, name)
    return (
        f"The tag, the saved view and the fields of {name} ({len(stored.ids):,} samples). The "
        "samples stay, and so do trainings on them."
    )


def delete(dataset: Any, what: str) -> None:
    """Delete what a menu's value names, and its title.

    Raises:
        DataError: There is no such selection or evaluation.
        RunError: There is no such run, or it is at work.
    """
    from ..workflows import deleting

    kind, name = _parts(what)
    if kind == RUN:
        run = runs.open_by_id(name)
        attempts = _attempts(dataset, run)
        for one in (run, *attempts):
            deleting.delete_run(one, yes=True)
    elif kind == EVALUATION:
        evaluation_deletion.delete_evaluation(*_evaluation(name))
    else:
        selections.delete_selection(dataset, name)
    titles.set_title(dataset, what, "")


def _attempts(dataset: Any, run: runs.Run) -> list[runs.Run]:
    """List the jobs that ended before they had made a study: without it they say nothing."""
    here = runs_of_dataset(dataset.name, identity.id_of(dataset))
    ended = (job for job in here if job.status["state"] not in (*runs.ACTIVE, "finished"))
    return [job for job in ended if makes(job, run)]


def _listed(dataset: Any, *, deletable: bool = False) -> dict[str, str]:
    listed = results(dataset, deletable=deletable)
    if not listed:
        raise DataError("There is nothing yet: no selection, training, study or evaluation.")
    return listed


def _chosen(ctx: Any, listed: dict[str, str]) -> str:
    what = ctx.params.get("what")
    return what if what in listed else next(iter(listed))


def _parts(what: str) -> tuple[str, str]:
    kind, _, name = what.partition(":")
    return f"{kind}:", name


def _evaluation(name: str) -> tuple[Any, str]:
    """Return the generated data set and the key that ``DATASET/KEY`` names."""
    dataset, _, key = name.rpartition("/")
    return open_by_name(dataset), key
