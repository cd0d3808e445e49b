"""The panel "Curadiff study": arms compared, with seeds, band, table and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import fiftyone as fo
from fiftyone.operators import types

from ... import runs
from ...common.errors import RunError, SettingsError
from ...common.keys import generated_dataset
from ...datasets import generated, info, selections
from ...datasets.resolving import all_samples
from ...runs import Run
from ...studies import cells, comparing, splitting, trainings
from ...studies.conclusions import BETTER, UNUSABLE, conclude
from ...studies.report import charts, grids
from ...workflows.overview import runs_of_dataset
from .. import navigation
from . import layout, uncovered
from .base import BasePanel, notify_errors

PLOTTED = ("frechet_distance", "precision", "recall", "coverage")
SEVERITY = {BETTER: "success", UNUSABLE: "warning"}
POLL = 5000  # milliseconds; a study takes hours
CELLS = {
    **layout.SCROLLING,
    "tableHeadCell": {"sx": {"whiteSpace": "nowrap"}},
    "tableBodyCell": {
        "sx": {"whiteSpace": "nowrap", "fontSize": "1rem", "fontVariantNumeric": "tabular-nums"}
    },
}
"""Keeps a value and its spread on one line; the table scrolls instead."""
TITLES = {"held_out": "held-out images", "pool": "the images that could be trained on"}


class StudyPanel(BasePanel):
    """One study: what came out, how sure it is, what the models draw."""

    slug: ClassVar[str] = "curadiff_study"
    title: ClassVar[str] = "Curadiff study"
    icon: ClassVar[str] = "leaderboard"
    about: ClassVar[str] = (
        "Bars are means over seeds, dots are seeds, the gray band is what chance does: the seeds "
        "of the random arm."
    )

    def on_change_dataset(self, ctx: Any) -> None:
        """Another data set: forget which study was shown."""
        ctx.panel.set_state("study", None)

    def on_choose(self, ctx: Any) -> None:
        """Another study."""
        ctx.panel.set_state("study", ctx.params.get("value"))

    def open_bar(self, ctx: Any) -> None:
        """Show the samples behind a bar or a dot: what the arm drew, or was trained on."""
        arm, _, training = str(ctx.params.get("id") or ctx.params.get("x")).partition("|")
        with notify_errors(ctx):
            navigation.show_view(ctx, _samples_behind(ctx, arm, training or None))

    def open_uncovered(self, ctx: Any) -> None:
        """Show the real images that no generated image of an arm, or of any, is near."""
        with notify_errors(ctx):
            uncovered.show_uncovered(ctx, runs.open_by_id(ctx.params["study"]), ctx.params["arm"])

    def build(self, ctx: Any, page: types.Object) -> None:
        """Add the study that was chosen, the newest one at first."""
        source = source_of(ctx)
        runs_here = [] if source is None else runs_of_dataset(source)
        studies = {run.id: run for run in runs_here if run.kind == "study"}
        if not studies:
            page.view(
                "none",
                types.AlertView(
                    severity="info",
                    label="No study yet",
                    description="Start one in the Curadiff panel: it trains one model per way of "
                    "choosing and per seed, and compares them.",
                ),
            )
            return
        chosen = ctx.panel.get_state("study")
        run = studies.get(chosen) or list(studies.values())[-1]
        if len(studies) > 1:
            menu = types.DropdownView(label="Study")
            for name in reversed(studies):
                menu.add_choice(name, label=name)
            page.enum("which", menu.values(), default=run.id, view=menu, on_change=self.on_choose)
        self._build_study(ctx, page, run)

    def _build_study(self, ctx: Any, page: types.Object, run: Run) -> None:
        try:
            status, outcomes = run.status, uncovered.study_outcomes(run)
        except (RunError, SettingsError) as fault:
            layout.text(page, f"**{run.id}** cannot be read: {fault}")
            return
        if status["state"] != "finished":
            at_work = status["state"] in runs.ACTIVE
            doing = f": {status.get('message', '')}" if at_work else ""
            layout.text(page, f"**{run.id}** {status['state']}{doing}")
            layout.bar(page, float(status.get("progress") or 0), _count(status, outcomes))
            if not at_work:
                layout.fault(page, run)
        if status["state"] in runs.ACTIVE:
            page.obj("timer", view=types.TimerView(interval=POLL, on_interval=self.on_refresh))
        if not outcomes:
            layout.text(page, "The first values come when the first training is evaluated.")
            return
        against = next(name for name in TITLES if name in outcomes[0]["values"])
        missing = uncovered.unfinished(run, outcomes)
        read = trainings.reader_of(run, against)
        answer = conclude(outcomes, against, missing=missing, influences=read)
        summary = comparing.table(outcomes, against)
        summary = {arm: summary[arm] for arm in answer.order}
        page.view(
            "verdict",
            types.AlertView(
                severity=SEVERITY.get(answer.word, "info"),
                label=f"{run.id}: {answer.word}",
                description=answer.below_word,
            ),
        )
        if answer.notes:
            layout.text(page, "\n".join(f"- {note}" for note in answer.notes))
        self._buttons(ctx, page, run)
        self._bars(page, summary, run, against, outcomes)
        _table(page, summary, outcomes, against)
        uncovered.add_uncovered(page, run, answer.order, self)
        _grids(page, run, outcomes, answer.order)

    def _buttons(self, ctx: Any, page: types.Object, run: Run) -> None:
        row = page.h_stack(
            "buttons", gap=1, align_x="left", align_y="center", componentsProps=layout.WRAPPING
        )
        report = run.path / "report.html"
        if report.exists():
            layout.link(row, "Open the report", report)
        source = run.record["dataset"]
        generated_name = run.record.get("generated") or generated_dataset(source, run.id)
        other_name = source if ctx.dataset.name == generated_name else generated_name
        if fo.dataset_exists(other_name):
            label = "Open the real images" if other_name == source else "Open the generated images"
            layout.button(row, label, self.open_dataset, name=other_name)

    def _bars(
        self,
        page: types.Object,
        summary: Mapping[str, Mapping[str, comparing.Spread]],
        run: Run,
        against: str,
        outcomes: Sequence[Mapping[str, Any]],
    ) -> None:
        arms = run.settings["arms"]
        random = next((arm["name"] for arm in arms if arm["method"] == "random"), None)
        counts = comparing.counts_text(outcomes, against)
        band = f" The gray band spans the seeds of {random}." if random else ""
        layout.text(
            page,
            f"Compared with {TITLES[against]} ({counts} per value). Bars are means, dots are "
            f"seeds.{band} Click a bar or a dot to see the samples behind it.",
        )
        plots = types.Object()
        page.define_property("plots", plots, view=layout.wrapping())
        for name in PLOTTED:
            if any(name in row for row in summary.values()):
                data, shape = figure(charts.metric_bars(summary, [name], random=random))
                _name_points(data, summary, name)
                plots.plot(
                    name,
                    label=f"{heading(name)} ({comparing.SHOWN[name][1]} is better)",
                    data=data,
                    layout={**shape, "height": 240},
                    height="240px",
                    config={"displayModeBar": False, "scrollZoom": False},
                    on_click=self.open_bar,
                    componentsProps=layout.flexible(320),
                )


def heading(metric: str) -> str:
    """Return what stands over a metric's column or plot."""
    title = comparing.SHOWN[metric][0]
    return f"{title[0].upper()}{title[1:]}"


def _count(status: Mapping[str, Any], outcomes: Sequence[Mapping[str, Any]]) -> str:
    """Say how many trainings are done: ``1 of 8 trainings done``."""
    whole = f" of {status['trainings']}" if status.get("trainings") else ""
    many = status.get("trainings") or len(outcomes)
    return f"{len(outcomes)}{whole} {'training' if many == 1 else 'trainings'} done"


def source_of(ctx: Any) -> str | None:
    """Return the name of the real images' data set, whichever of the two is open."""
    if ctx.dataset is None:
        return None
    about_dataset = info.read(ctx.dataset)
    origin = generated.known_source(about_dataset)
    if origin is None:
        return ctx.dataset.name
    return generated.source_name(about_dataset) or origin["name"]


def figure(plot: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a plot's data and the part of its layout that leaves colours to the App."""
    spec = json.loads(plot.to_json())
    shape = {name: spec["layout"][name] for name in ("shapes",) if name in spec["layout"]}
    shape |= {"margin": {"t": 8, "l": 44, "r": 8, "b": 28}, "bargap": 0.35}
    shape["yaxis"] = {"rangemode": "tozero"}
    return spec["data"], shape


def _name_points(
    data: list[dict[str, Any]], summary: Mapping[str, Mapping[str, comparing.Spread]], name: str
) -> None:
    """Give bars and dots ids that a click hands back: ``arm`` and ``arm|seed``."""
    spreads = {arm: row[name] for arm, row in summary.items() if name in row}
    bars, dots = data[0], data[1]
    bars["ids"], bars["y"] = list(spreads), [spread.mean for spread in spreads.values()]
    points = [
        (arm, seed, v) for arm, spread in spreads.items() for seed, v in spread.values.items()
    ]
    dots["ids"] = [f"{arm}|{seed}" for arm, seed, _ in points]
    dots["x"] = [arm for arm, _, _ in points]
    dots["y"] = [value for _, _, value in points]
    dots["customdata"] = [seed for _, seed, _ in points]
    bars["x"] = list(spreads)


def _table(
    page: types.Object,
    summary: comparing.Summary,
    outcomes: Sequence[Mapping[str, Any]],
    against: str,
) -> None:
    columns, real = comparing.columns(summary), comparing.real_scores(outcomes, against)
    table = types.TableView(componentsProps=CELLS)
    table.add_column("arm", label="Arm")
    for name in columns:
        arrow = "↓" if comparing.SHOWN[name][1] == "lower" else "↑"
        table.add_column(name, label=f"{heading(name)} {arrow}")
        if name in comparing.WITH_EXCESS:
            table.add_column(f"{name}_excess", label="Excess")
    table.add_column("images", label="Trained on")
    table.add_column("exposure", label="Each seen")
    rows = []
    for arm, values in summary.items():
        of_arm = [outcome for outcome in outcomes if outcome["arm"] == arm]
        row = {name: str(values.get(name, "–")) for name in columns}
        row |= {
            f"{name}_excess": comparing.number(values[name].excess or 0)
            for name in comparing.WITH_EXCESS
            if name in values and values[name].excess is not None
        }
        row |= {"arm": arm, "images": f"{of_arm[0]['images']:,}"}
        rows.append(row | {"exposure": f"{of_arm[0]['exposure']:.0f}×"})
    if real:
        scores = {name: comparing.number(real[name].value) for name in columns if name in real}
        rows.append({"arm": comparing.REAL, **scores})
    page.list("table", types.Object(), default=rows, view=table)
    layout.text(
        page,
        "Best arm first; two seeds are both shown, more as mean ± standard deviation. The last "
        "row is what real images score in place of generated ones. "
        f"{comparing.real_counts_text(outcomes, against, real)} Equal steps are not equal epochs: "
        "a small training set is seen more often, and may be learnt by heart.",
    )


def _grids(
    page: types.Object,
    run: Run,
    outcomes: Sequence[Mapping[str, Any]],
    order: Sequence[str],
) -> None:
    sheets = [
        (cells.title_of(outcome), path)
        for outcome in cells.in_order(outcomes, order)
        if (path := grids.path_of(run, outcome)).exists()
    ]
    if not sheets:
        return
    layout.text(page, "**What the models draw.** The same place in every grid began as the same "
               "noise.")  # fmt: skip
    grid = types.Object()
    page.define_property("grids", grid, view=layout.wrapping())
    for title, path in sheets:
        layout.figure(grid, path, title, alt=f"the first images of {title}", width=180)


def _samples_behind(ctx: Any, arm: str, training: str | None) -> Any:
    """Return the view behind a bar or a dot: of the open data set, generated or real."""
    studies = [run for run in runs_of_dataset(source_of(ctx) or "") if run.kind == "study"]
    run = next((r for r in studies if r.id == ctx.panel.get_state("study")), studies[-1])
    outcome = next(
        o
        for o in uncovered.study_outcomes(run)
        if o["arm"] == arm and training in (None, str(cells.training_of(o)))
    )
    if "generated" in info.read(ctx.dataset):
        if training is None:
            return ctx.dataset.match(fo.ViewField("arm") == arm)
        return ctx.dataset.match(fo.ViewField("source_run") == outcome["run"])
    if outcome["selection"] is None:
        return all_samples(ctx.dataset).select(splitting.division_of(run).pool)
    stored = selections.read_selection(ctx.dataset, outcome["selection"])
    return all_samples(ctx.dataset).select(stored.ids, ordered=True)
