"""The study's report: one self-contained HTML file."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import StudySettings
from ..runs import Run, write_bytes
from . import charts, comparing
from .grids import data_url, grid
from .page import PAGE

Summary = Mapping[str, Mapping[str, Mapping[str, comparing.Spread]]]

TITLES = {
    "held_out": "Compared with held-out images",
    "pool": "Compared with the images that could be trained on",
}
PLOTTED = ("frechet_distance", "precision", "recall", "coverage")


def write_report(
    run: Run,
    config: StudySettings,
    *,
    outcomes: Sequence[Mapping[str, Any]],
    summary: Summary,
    dataset: str,
) -> Path:
    """Write ``report.html`` and the grids into a study's run directory.

    Args:
        run: The study.
        config: Its settings.
        outcomes: One record per training.
        summary: ``{reference: {arm: {metric: Spread}}}``.
        dataset: Name of the data set.

    Returns:
        The report's path.
    """
    sheets = write_grids(run, outcomes)
    main = next(iter(summary.values()))
    body = "\n".join(
        [
            _lead(config, outcomes, main, dataset),
            _tables(summary, outcomes),
            _plots(main, outcomes, config),
            _grids(sheets, outcomes, comparing.ranking(main)),
            _trainings(outcomes),
            _settings(run),
        ]
    )
    path = run.path / "report.html"
    write_bytes(path, PAGE.format(title=html.escape(config.name), body=body).encode())
    return path


def write_grids(run: Run, outcomes: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    """Write a 5x5 grid of every training's first images; return them by cell."""
    folder = run.path / "grids"
    folder.mkdir(exist_ok=True)
    sheets = {}
    for outcome in outcomes:
        key = f"{outcome['arm']}-s{outcome['seed']}"
        sheets[key] = folder / f"{key}.png"
        grid(sorted(Path(outcome["generated"]).glob("*.png"))).save(sheets[key])
    return sheets


def _lead(
    config: StudySettings,
    outcomes: Sequence[Mapping[str, Any]],
    main: Mapping[str, Mapping[str, comparing.Spread]],
    dataset: str,
) -> str:
    arms = len({outcome["arm"] for outcome in outcomes})
    draw = config.generate
    facts = (
        f"{dataset}: {arms} arms, {len(config.seeds)} seeds each, {config.train.steps} steps of "
        f"batch {config.train.batch_size} at {config.train.image_size} pixels, {draw.count} images "
        f"by {draw.sampler}-{draw.steps}. Selected on {config.embed.encoder}, judged by "
        f"{config.evaluate.encoder}."
    )
    return (
        f"<h1>{html.escape(config.name)}</h1><p class=lead>{html.escape(comparing.verdict(main))}"
        f"</p><p class=quiet>{html.escape(facts)}</p>"
    )


def _tables(summary: Summary, outcomes: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for against, rows in summary.items():
        counts = sorted({tuple(outcome["counts"][against]) for outcome in outcomes})
        told = ", ".join(f"{real} real, {made} generated" for real, made in counts)
        real = comparing.null(outcomes, against)
        parts += [
            f"<h2>{TITLES[against]}</h2>{_table(rows, real)}",
            f"<p class=quiet>{told} images per value; mean ± standard deviation over seeds. "
            "Frechet distance is biased upward for few images: compare values of equal counts "
            "only. The last row is what real images score in place of generated ones.</p>",
        ]
    return "".join(parts)


def _table(rows: Mapping[str, Mapping[str, comparing.Spread]], real: Mapping[str, float]) -> str:
    columns = [name for name in comparing.SHOWN if any(name in row for row in rows.values())]
    head = "".join(
        f"<th title='{comparing.SHOWN[name][1]} is better'>{comparing.SHOWN[name][0]} "
        f"{'↓' if comparing.SHOWN[name][1] == 'lower' else '↑'}</th>"
        for name in columns
    )
    best = {name: _best(rows, name) for name in columns}
    lines = []
    for arm in comparing.ranking(rows):
        cells = "".join(
            f"<td class='{'best' if best[name] == arm else ''}'>{rows[arm].get(name, '–')}</td>"
            for name in columns
        )
        lines.append(f"<tr><th>{html.escape(arm)}</th>{cells}</tr>")
    if real:
        cells = "".join(
            f"<td>{comparing.number(real[name]) if name in real else '–'}</td>" for name in columns
        )
        lines.append(f"<tr class=real><th>{comparing.REAL}</th>{cells}</tr>")
    head = f"<thead><tr><th>arm</th>{head}</tr></thead>"
    return f"<table>{head}<tbody>{''.join(lines)}</tbody></table>"


def _best(rows: Mapping[str, Mapping[str, comparing.Spread]], name: str) -> str | None:
    """Return the arm with the best mean, None where several share it."""
    means = {arm: rows[arm][name].mean for arm in rows if name in rows[arm]}
    goal = min(means.values()) if comparing.SHOWN[name][1] == "lower" else max(means.values())
    winners = [arm for arm, mean in means.items() if mean == goal]
    return winners[0] if len(winners) == 1 else None


def _plots(
    main: Mapping[str, Mapping[str, comparing.Spread]],
    outcomes: Sequence[Mapping[str, Any]],
    config: StudySettings,
) -> str:
    shown = [name for name in PLOTTED if any(name in row for row in main.values())]
    random = next((arm.name for arm in config.arms if arm.method == "random"), None)
    figure = charts.bars(main, shown, random=random)
    note = f" The gray band spans the seeds of {random}." if random else ""
    curves = {outcome["run"]: Run(Path(outcome["run_path"])).log() for outcome in outcomes}
    arm_of = {outcome["run"]: outcome["arm"] for outcome in outcomes}
    return (
        f"<h2>Arms and seeds</h2><p class=quiet>Bars are means, dots are seeds.{note}</p>"
        + charts.page_part(figure, first=True)
        + "<h2>Training loss</h2>"
        + charts.page_part(charts.losses(curves, arm_of), first=False)
    )


def _grids(
    sheets: Mapping[str, Path], outcomes: Sequence[Mapping[str, Any]], order: Sequence[str]
) -> str:
    from PIL import Image

    seeds = list(dict.fromkeys(outcome["seed"] for outcome in outcomes))
    parts = [
        "<h2>What the models draw</h2><p class=quiet>The first 25 images of each training; "
        "the same place in every grid started from the same noise.</p>"
    ]
    for seed in seeds:
        figures = []
        for arm in order:
            path = sheets.get(f"{arm}-s{seed}")
            if path is not None:
                with Image.open(path) as sheet:
                    url = data_url(sheet.convert("RGB"))
                label = f"{html.escape(arm)}, seed {seed}"
                figures.append(
                    f"<figure><img src='{url}' alt='25 images of {label}'>"
                    f"<figcaption>{label}</figcaption></figure>"
                )
        parts.append(f"<div class=grids>{''.join(figures)}</div>")
    return "".join(parts)


def _trainings(outcomes: Sequence[Mapping[str, Any]]) -> str:
    lines = "".join(
        f"<tr><th>{html.escape(outcome['run'])}</th><td>{outcome['images']:,}</td>"
        f"<td>{outcome['images_seen']:,}</td><td>{outcome['exposure']:.0f}×</td>"
        f"<td>{comparing.number(outcome['loss']) if outcome['loss'] else '–'}</td></tr>"
        for outcome in outcomes
    )
    return (
        "<h2>Trainings</h2><table><thead><tr><th>run</th><th>training images</th>"
        "<th>images seen</th><th>each seen</th><th>last loss</th></tr></thead>"
        f"<tbody>{lines}</tbody></table><p class=quiet>Equal steps are not equal epochs: a small "
        "training set is seen more often, and seen often enough it is learnt by heart.</p>"
    )


def _settings(run: Run) -> str:
    record = json.dumps(run.record, indent=2, ensure_ascii=False)
    return (
        "<h2>Settings</h2><details><summary>Everything that made this report</summary>"
        f"<pre>{html.escape(record)}</pre></details>"
    )
