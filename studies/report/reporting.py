"""The study's report: one self-contained HTML file, with its figures as JSON beside it."""

from __future__ import annotations

import html
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...common.page import PAGE
from ...config import StudySettings
from ...runs import Run, write_bytes, write_json
from .. import comparing
from ..preview.agreement import read_previewed
from . import figures, people
from .curves import curves_section, unknown_section
from .data import ReportData
from .forest import forest_section, read_record
from .grids import grids_section, write_grids
from .head import answer_section
from .previewed import previewed_section
from .reproduction import settings_section
from .tables import trainings_section, values_section

PLOTTED = ("precision", "recall", "coverage", "memorized")


def write_report(run: Run, config: StudySettings, data: ReportData) -> Path:
    """Write ``report.html``, ``report.json`` and the grids into a study's run directory.

    Returns:
        The report's path.
    """
    sheets = write_grids(run, data.outcomes)
    main = next(iter(data.summary))
    rows, order = data.summary[main], data.conclusion.order
    record, previewed = read_record(run), read_previewed(run)
    body = "\n".join(
        [
            answer_section(run, config, data),
            forest_section(record, rows, order=order, random=_random_arm(config)),
            grids_section(sheets, data),
            people.people_section(data.people),
            previewed_section(previewed, rows),
            _dot_charts(config, data, main),
            curves_section(record, order),
            *(values_section(data, against, explain=against == main) for against in data.summary),
            _loss_curves(data),
            trainings_section(data),
            unknown_section(
                record,
                seeds=len({outcome["seed"] for outcome in data.outcomes}),
                votes=bool(data.people),
                previewed=previewed is not None,
            ),
            settings_section(run, config, data),
        ]
    )
    write_json(run.path / "report.json", _as_json(data))
    path = run.path / "report.html"
    title = html.escape(f"{config.name}: {data.conclusion.word} – Curadiff")
    write_bytes(path, PAGE.format(title=title, body=body).encode())
    return path


def _dot_charts(config: StudySettings, data: ReportData, main: str) -> str:
    rows = data.summary[main]
    ranked = comparing.ranked_by(rows)
    candidates = [ranked, *(name for name in PLOTTED if name != ranked)]
    plotted = [name for name in candidates if name and any(name in row for row in rows.values())]
    if not plotted:
        return ""
    random = _random_arm(config)
    band = (
        f" The gray band spans the seeds of {html.escape(random)}."
        if random and random in rows
        else ""
    )
    return (
        "<h2>Arms and seeds</h2><p class=quiet>A dot is a seed, a bar the mean of an arm; the "
        f"dashed line is what real images score.{band}</p>"
        + figures.dot_charts(
            rows,
            plotted,
            order=data.conclusion.order,
            real=comparing.real_scores(data.outcomes, main),
            random=random,
        )
    )


def _random_arm(config: StudySettings) -> str | None:
    return next((arm.name for arm in config.arms if arm.method == "random"), None)


def _loss_curves(data: ReportData) -> str:
    curves = {outcome["run"]: _log(Path(outcome["run_path"])) for outcome in data.outcomes}
    arm_of = {outcome["run"]: outcome["arm"] for outcome in data.outcomes}
    return "<h2>Training loss</h2>" + figures.loss_curves(curves, arm_of, data.conclusion.order)


def _log(path: Path) -> list[dict[str, Any]]:
    return Run(path).log() if path.is_dir() else []


def _as_json(data: ReportData) -> dict[str, Any]:
    return {
        "conclusion": asdict(data.conclusion),
        "notes": list(data.notes),
        "people": {one.name: one.results.to_json() for one in data.people},
        "values": {
            against: {
                arm: {name: asdict(spread) for name, spread in row.items()}
                for arm, row in rows.items()
            }
            for against, rows in data.summary.items()
        },
        "real": {
            against: {
                name: asdict(spread)
                for name, spread in comparing.real_scores(data.outcomes, against).items()
            }
            for against in data.summary
        },
    }
