"""A training while it runs: how far, how fast, the loss, the newest pictures, the log."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fiftyone.operators import types

from ... import runs
from ...runs import Run
from ...studies.comparing import number
from ...studies.report import charts
from ...workflows.overview import newest_grid
from ..follow_jobs import progress_text
from ..training import planned_steps, step_of
from . import layout
from .study import figure

POINTS = 300  # of the loss curve; more cannot be seen
TAIL = 12  # lines of the log


def add_training(card: types.Object, run: Run) -> None:
    """Add what there is to see of a training to its card."""
    status = run.status
    planned = planned_steps(run)
    if status["state"] in runs.ACTIVE and planned:
        step = status.get("step", 0)
        message = status.get("message", "") if not step else step_of(run)
        layout.bar(card, step / planned, progress_text({**status, "message": message}))
    layout.fault(card, run)
    facts = facts_of(run)
    if facts:
        layout.text(card, facts)
    row = types.Object()
    card.define_property(f"live{len(card.properties)}", row, view=layout.wrapping())
    _curve(row, run)
    grid = newest_grid(run)
    if grid is not None:
        step = int(grid.stem.removeprefix("step-"))
        picture = types.Object()
        row.define_property("drawn", picture, view=types.GridView(orientation="vertical", gap=0))
        layout.text(picture, f"What it draws at step {step:,}")
        layout.image(picture, grid, f"What {run.id} draws at step {step:,}", height="210px")
    _log(card, run)


def facts_of(run: Run) -> str:
    """Say how a training goes: loss, speed, how often each image was seen."""
    status, record = run.status, run.record
    parts = []
    if status.get("loss") is not None:
        parts.append(f"loss {number(status['loss'])}")
    if status.get("images_per_second"):
        parts.append(f"{number(status['images_per_second'])} images/s")
    images = record.get("images")
    if images and status.get("images_seen"):
        parts.append(f"{images:,} images, each seen {status['images_seen'] / images:,.0f}×")
    if status.get("device"):
        parts.append(f"on {status['device']}")
    return ", ".join(parts)


def _curve(parent: types.Object, run: Run) -> None:
    entries = [entry for entry in run.log() if (entry.get("loss") or 0) > 0]
    if len(entries) < 2:
        return
    entries = entries[:: max(1, len(entries) // POINTS)]
    data, shape = figure(charts.loss_curves({run.id: entries}, {run.id: "loss"}))
    ticks = log_ticks([entry["loss"] for entry in entries])
    labels = [f"{tick:g}" for tick in ticks]
    axis = {"type": "log", "tickvals": ticks, "ticktext": labels, "rangemode": "normal"}
    shape |= {"height": 190, "yaxis": axis}
    parent.plot(
        f"loss_{run.id}".replace("-", "_").replace(".", "_"),
        label="Loss over steps",
        data=data,
        layout=shape,
        height="190px",
        config={"displayModeBar": False, "scrollZoom": False},
        componentsProps=layout.flexible(280),
    )


def log_ticks(values: Sequence[float]) -> list[float]:
    """Return round numbers, at most seven, for a logarithmic axis over some positive values.

    Plotly's own would be labelled 2 and 5 for 0.2 and 0.5, which reads as a rise.
    """
    low, high = min(values), max(values)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), range(1, 10)):
        ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) >= 3:
            return inside[:: -(-len(inside) // 7)]
    return list(dict.fromkeys(float(f"{low + part * (high - low):.3g}") for part in (0, 0.5, 1)))


def _log(card: types.Object, run: Run) -> None:
    path = run.path / "output.log"
    if not path.exists() or not path.stat().st_size:
        return
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4000))
        lines = file.read().decode(errors="replace").splitlines()[-TAIL:]
    inside = types.Object()
    layout.text(inside, "```\n" + "\n".join(lines) + "\n```")
    layout.link(inside, "The whole log", path)
    card.define_property(
        f"log_{len(card.properties)}",
        inside,
        view=types.ObjectView(label="Log", collapsible=True),
    )


def is_shown(run: Run, trainings: list[Run]) -> bool:
    """Tell whether a training is drawn in full: while it runs, and the newest."""
    return run.status["state"] in runs.ACTIVE or run is trainings[-1]
