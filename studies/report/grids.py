"""Contact sheets of what each training draws, from the same noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ... import runs
from ...common.contact_sheet import data_url, square_grid, stored_url
from ...common.files import replacing
from ...common.page import figure
from ...runs import Run
from ..cells import in_order, key_of, title_of
from .data import ReportData


def write_grids(run: Run, outcomes: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    """Write a 5x5 grid of every training's first images; return them by cell."""
    folder = run.path / "grids"
    folder.mkdir(exist_ok=True)
    sheets = {}
    for outcome in outcomes:
        key = key_of(outcome)
        sheets[key] = path_of(run, outcome)
        with replacing(sheets[key]) as part:
            square_grid(drawn_files(Path(outcome["generated"]))).save(part, "PNG")
    return sheets


def path_of(run: Run, outcome: Mapping[str, Any]) -> Path:
    """Return the file with a training's grid."""
    return run.path / "grids" / f"{key_of(outcome)}.png"


def drawn_files(folder: Path) -> list[Path]:
    """List the images that the record of a folder of drawn images names, and no other file."""
    record = folder / "generated.json"
    count = len(runs.read_json(record)["seeds"]) if record.exists() else 0
    return [path for n in range(count) if (path := folder / f"{n:06d}.png").exists()]


def grids_section(sheets: Mapping[str, Path], data: ReportData) -> str:
    """Return the grids of all trainings, the first seed's large, with real images.

    Args:
        sheets: Files of the grids by cell, see `write_grids`.
        data: What the report is about.
    """
    order = data.conclusion.order
    trained = in_order(data.outcomes, order)
    first = {outcome["arm"]: outcome for outcome in reversed(trained)}.values()
    parts = [
        "<h2>What the models draw</h2><p class=quiet>The first images of each training, 25 at "
        "most; the same place in every grid started from the same noise.</p>"
    ]
    for size, outcomes in (
        ("grids large", sorted(first, key=lambda one: order.index(one["arm"]))),
        ("grids", [one for one in trained if one not in first]),
    ):
        figures = [_training_figure(sheets[key_of(one)], one) for one in outcomes]
        if size != "grids" and data.real:
            figures.append(
                figure(data_url(square_grid(data.real)), "real images", alt="real images")
            )
        parts.append(f"<div class='{size}'>{''.join(figures)}</div>")
    return "".join(parts)


def _training_figure(path: Path, outcome: Mapping[str, Any]) -> str:
    title = title_of(outcome)
    return figure(stored_url(path), title, alt=f"the first images of {title}")
