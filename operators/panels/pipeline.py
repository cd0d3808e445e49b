"""The panel "Curadiff": the whole pipeline of a data set on one page."""

from __future__ import annotations

from typing import Any, ClassVar

import fiftyone as fo
from fiftyone.operators import types

from ... import runs
from ...common.errors import RunError
from ...datasets import scheduled as scheduled_work
from ...datasets import selections, uncovered, workspaces
from ...datasets.resolving import all_samples
from ...jobs import jobs
from ...workflows import overview
from ...workflows.mapping import map_embeddings
from .. import duplicates, follow_jobs, navigation
from ..embeddings import open_map
from . import cards, nearest, previews, scheduled, unfinished
from .base import BasePanel, notify_errors

POLL = 2000  # milliseconds between two looks while something runs


class PipelinePanel(BasePanel):
    """Each step of the pipeline with its state, what it made, and a button."""

    slug: ClassVar[str] = "curadiff"
    title: ClassVar[str] = "Curadiff"
    icon: ClassVar[str] = "science"
    about: ClassVar[str] = (
        "From images to a compared study. Every button opens the form of an operator that "
        "Python and the shell have too."
    )

    def on_tick(self, ctx: Any) -> None:
        """Look again; when something has ended, say how, and let the App see what it wrote."""
        before, now = set(ctx.panel.get_state("working") or []), _working(ctx)
        known = [run for run in runs.listing() if run.id in before] if before - now else []
        ended = [run for run in known if run.id not in now]  # without those that were deleted
        for run in ended:
            if unfinished.job_of(run, known) is None:  # else its job says it
                follow_jobs.notify_end(ctx, run)
        if any(run.kind != "train" for run in ended):  # a training writes no field: the grid stays
            ctx.ops.reload_dataset()
        ctx.panel.set_state("working", sorted(before & now))

    def open_selection(self, ctx: Any) -> None:
        """Show a selection in the grid, in the order of the picks."""
        with notify_errors(ctx):
            stored = selections.read_selection(ctx.dataset, ctx.params["name"])
            view = all_samples(ctx.dataset).select(stored.ids, ordered=True)
            navigation.show_view(ctx, view)

    def open_outliers(self, ctx: Any) -> None:
        """Show the images of the pool that a selection's guard kept out, the strangest first."""
        with notify_errors(ctx):
            stored = selections.read_selection(ctx.dataset, ctx.params["name"])
            apart = all_samples(ctx.dataset).match(fo.ViewField(stored.field("flagged")))
            view = apart.sort_by(stored.field("outlier_score"), reverse=True)
            navigation.show_view(ctx, view)

    def show_map(self, ctx: Any) -> None:
        """Lay the embeddings out in the plane and open FiftyOne's Embeddings panel."""
        with notify_errors(ctx):
            key = map_embeddings(ctx.dataset, field=ctx.params["field"])
            ctx.ops.reload_dataset()
            open_map(ctx, key)

    def show_duplicates(self, ctx: Any) -> None:
        """Show the images that are copies of others, or nearly, group by group."""
        with notify_errors(ctx):
            shown = duplicates.show_duplicates(ctx, ctx.dataset, ctx.params["field"])
            ctx.ops.notify(shown["message"], variant="info")

    def open_selections(self, ctx: Any) -> None:
        """Open the panel that lays two selections side by side."""
        ctx.ops.open_panel("curadiff_selections")

    def open_workspace(self, ctx: Any) -> None:
        """Open the panels that go with this data set, and remember them as a workspace."""
        ctx.ops.set_spaces(name=workspaces.save(ctx.dataset))
        best = workspaces.most_real_first(ctx.dataset)
        if best is not None and not ctx.view._all_stages:
            ctx.ops.set_view(best)

    def open_uncovered(self, ctx: Any) -> None:
        """Show the real images that an evaluation found no generated image near."""
        with notify_errors(ctx):
            name = ctx.params["name"]
            reference = navigation.open_by_name(name)
            view = uncovered.uncovered(reference, [ctx.params["key"]])
            navigation.show_samples(ctx, name, view=view)

    def on_change_selected(self, ctx: Any) -> None:
        """Other samples are selected: their nearest images are drawn anew."""

    def open_study(self, ctx: Any) -> None:
        """Open the panel that compares the arms of a study."""
        ctx.ops.open_panel("curadiff_study", state={"study": ctx.params["study"]})

    def sort_by_harm(self, ctx: Any) -> None:
        """Show an arm's training images, those first that make most bad drawings."""
        with notify_errors(ctx):
            params = ctx.params
            view = previews.by_harm(ctx.dataset, params["preview"], params["arm"])
            navigation.show_view(ctx, view)

    def leave_out_worst(self, ctx: Any) -> None:
        """Preview an arm again without its worst images, beside the old one."""
        with notify_errors(ctx):
            run = previews.preview_without_worst(ctx.params["preview"], ctx.params["arm"])
            ctx.ops.notify(f"{run.id} draws without them.", variant="success")

    def stop(self, ctx: Any) -> None:
        """Ask a training or a job to end."""
        from ...workflows import training

        with notify_errors(ctx):
            run = runs.open_by_id(ctx.params["run"])
            (training.stop if run.kind == "train" else jobs.stop)(run)
            ctx.ops.notify(f"{run.id} ends as soon as its work is safe.", variant="info")

    def edit_again(self, ctx: Any) -> None:
        """Open the form that started a job that failed, with what was given then."""
        with notify_errors(ctx):
            follow_jobs.edit_and_retry(ctx, runs.open_by_id(ctx.params["run"]))

    def edit_scheduled(self, ctx: Any) -> None:
        """Open the form of a scheduled operation that failed, on the view that it was for."""
        for one in scheduled_work.scheduled(ctx.dataset):
            if str(one.id) == ctx.params["id"]:
                follow_jobs.show_again(ctx, one.view, one.selected)
                follow_jobs.open_again(ctx, one.operator, one.form, one.error)

    def remove_scheduled(self, ctx: Any) -> None:
        """Take an operation off the list of what is scheduled."""
        scheduled_work.remove(ctx.dataset, ctx.params["id"])

    def remove_job(self, ctx: Any) -> None:
        """Delete the record of a job that has ended; what it made stays."""
        from ...workflows import deleting

        with notify_errors(ctx):
            run = runs.open_by_id(ctx.params["run"])
            if run.kind != "job":
                raise RunError(f"{run.id} is a {run.kind} run, not a job; delete it as a result.")
            deleting.delete_run(run, yes=True)

    def resume(self, ctx: Any) -> None:
        """Go on with a training, a job, or a study or a preview that a shell began."""
        from ...studies.engine import begun_with
        from ...workflows import training

        jobs.import_once()
        with notify_errors(ctx):
            run = runs.open_by_id(ctx.params["run"])
            if run.kind == "train":
                training.resume(run, wait=False, progress=False)
            elif run.kind in ("study", "preview"):
                view, settings = begun_with(run)
                jobs.start(run.kind, {"source": view}, settings)
            else:
                jobs.resume(run)
            ctx.ops.notify(f"{run.id} goes on.", variant="success")

    def build(self, ctx: Any, page: types.Object) -> None:
        """Add the steps, the pairs of what is selected, and a clock while something runs."""
        if ctx.dataset is None:
            page.md("Open a data set to begin.", name="nothing")
            return
        state = overview.overview(ctx.dataset)
        asked_for = scheduled_work.scheduled(ctx.dataset)
        cards.add_cards(page, state, self, asked_for)
        nearest.add_nearest(page, ctx, self)
        previews.add_sources(page, ctx, self)
        known = set(ctx.panel.get_state("working") or [])
        at_work = known | {
            run.id for run in overview.active([*state.jobs, *state.trainings, *state.studies])
        }
        if at_work != known:  # what has ended stays until a tick has told the App
            ctx.panel.set_state("working", sorted(at_work))
        if at_work or scheduled.is_running(asked_for):
            timer = types.TimerView(interval=POLL, on_interval=self.on_tick)
            page.obj("timer", view=timer)


def _working(ctx: Any) -> set[str]:
    return {run.id for run in overview.active(overview.runs_of_dataset(ctx.dataset.name))}
