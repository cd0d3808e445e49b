"""The panel "Curadiff": the whole pipeline of a data set on one page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from .. import api, runs
from ..api import jobs
from ..api.mapping import map_embeddings
from ..api.overview import active, of, overview
from ..datasets import selections
from ..errors import CuradiffError
from . import pairs, steps
from .doorway import URI

POLL = 2000  # milliseconds between two looks while something runs


class CuradiffPanel(foo.Panel):
    """Each step of the pipeline with its state, what it made, and a button."""

    @property
    def config(self) -> foo.PanelConfig:
        """How FiftyOne lists this panel."""
        return foo.PanelConfig(
            name="curadiff",
            label="Curadiff",
            icon="science",
            help_markdown="From images to a compared study. Every button opens the form of an "
            "operator that Python and the shell have too.",
            surfaces="grid",
        )

    def on_load(self, ctx: Any) -> None:
        """Nothing is kept in the panel: every rendering reads the data set and the runs."""

    def on_change_dataset(self, ctx: Any) -> None:
        """Another data set: FiftyOne renders anew."""

    def on_tick(self, ctx: Any) -> None:
        """Look again; when something has ended, let the App see what it wrote."""
        before = set(ctx.panel.get_state("working") or [])
        if before - _working(ctx):
            ctx.ops.reload_dataset()

    def on_refresh(self, ctx: Any) -> None:
        """Look again after a form was carried out."""

    def open_form(self, ctx: Any) -> None:
        """Open the form of an operator."""
        ctx.prompt(
            f"{URI}/{ctx.params['operator']}",
            params=ctx.params.get("given") or {},
            on_success=self.on_refresh,
        )

    def open_selection(self, ctx: Any) -> None:
        """Show a selection in the grid, in the order of the picks."""
        with _said(ctx):
            stored = selections.read_selection(ctx.dataset, ctx.params["name"])
            ctx.ops.set_view(ctx.dataset.select(stored.ids, ordered=True))

    def open_dataset(self, ctx: Any) -> None:
        """Open a linked data set."""
        ctx.ops.open_dataset(ctx.params["name"])

    def open_map(self, ctx: Any) -> None:
        """Lay the embeddings out in the plane and open FiftyOne's Embeddings panel."""
        with _said(ctx):
            key = map_embeddings(ctx.dataset, field=ctx.params["field"])
            ctx.ops.reload_dataset()
            ctx.ops.open_panel("Embeddings", layout="horizontal", state={"brainResult": key})
            ctx.ops.notify(f"Choose {key!r} in the Embeddings panel.", variant="info")

    def open_samples(self, ctx: Any) -> None:
        """Open samples of a linked data set."""
        ctx.ops.open_dataset(ctx.params["name"])
        ctx.ops.show_samples(ctx.params["ids"])

    def on_change_selected(self, ctx: Any) -> None:
        """Other samples are selected: their nearest images are drawn anew."""

    def open_study(self, ctx: Any) -> None:
        """Open the panel that compares the arms of a study."""
        ctx.ops.open_panel("curadiff_study", state={"study": ctx.params["study"]})

    def stop(self, ctx: Any) -> None:
        """Ask a training or a job to end."""
        with _said(ctx):
            run = runs.open_run(ctx.params["run"])
            (api.stop if run.kind == "train" else jobs.stop)(run)
            ctx.ops.notify(f"{run.id} ends as soon as its work is safe.", variant="info")

    def resume(self, ctx: Any) -> None:
        """Go on with a training or a job."""
        with _said(ctx):
            run = runs.open_run(ctx.params["run"])
            if run.kind == "train":
                api.resume(run, wait=False, progress=False)
            else:
                jobs.resume(run)
            ctx.ops.notify(f"{run.id} goes on.", variant="success")

    def render(self, ctx: Any) -> types.Property:
        """Draw the page."""
        page = types.Object()
        if ctx.dataset is None:
            page.md("Open a data set to begin.", name="nothing")
            return types.Property(page)
        seen = overview(ctx.dataset)
        steps.draw(page, seen, self)
        pairs.draw(page, ctx, self)
        at_work = active([*seen.jobs, *seen.trainings, *seen.studies])
        names = sorted(run.id for run in at_work)
        if names != (ctx.panel.get_state("working") or []):
            ctx.panel.set_state("working", names)
        if at_work:
            timer = types.TimerView(interval=POLL, on_interval=self.on_tick)
            page.obj("timer", view=timer)
        return types.Property(
            page, view=types.GridView(orientation="vertical", align_x="stretch", gap=2, pad=2)
        )


def _working(ctx: Any) -> set[str]:
    return {run.id for run in active(of(ctx.dataset.name))}


@contextmanager
def _said(ctx: Any) -> Iterator[None]:
    """Show what the user can mend as a sentence."""
    try:
        yield
    except CuradiffError as fault:
        ctx.ops.notify(str(fault), variant="error")
