"""The report's tables: values by arm, and what each training saw."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from .. import comparing
from ..conclusions import Conclusion, leader
from .data import ReportData

TITLES = {
    "held_out": "Compared with held-out images",
    "pool": "Compared with the images that could be trained on",
}
WIDE = 6  # metrics beside one another in a table


def values_section(data: ReportData, against: str, *, explain: bool) -> str:
    """The values against one reference, in tables that are narrow enough for paper."""
    rows, real = data.summary[against], comparing.real_scores(data.outcomes, against)
    columns = comparing.columns(rows)
    tables = -(-len(columns) // WIDE) or 1
    width = -(-len(columns) // tables) or 1  # as many in each table
    parts = [
        _table(data, rows, real, columns[start : start + width])
        for start in range(0, len(columns), width)
    ]
    note = f"{comparing.counts_text(data.outcomes, against)} images per value. "
    note += comparing.real_counts_text(data.outcomes, against, real)
    if explain:
        note += (
            " Two seeds are both shown, more as mean ± standard deviation. The last row is what "
            "real images score in place of generated ones; excess is what a distance is above it. "
            "A value is marked where all seeds of an arm are ahead of all others by more than "
            "chance gives. Values of other counts do not compare."
        )
    return f"<h2>{TITLES[against]}</h2>{''.join(parts)}<p class=quiet>{html.escape(note)}</p>"


def _table(
    data: ReportData,
    rows: comparing.Summary,
    real: Mapping[str, comparing.RealScore],
    columns: Sequence[str],
) -> str:
    arrows = {"lower": "↓", "higher": "↑"}
    head = "".join(
        f"<th title='{comparing.SHOWN[name][1]} is better'>{comparing.SHOWN[name][0]} "
        f"{arrows[comparing.SHOWN[name][1]]}</th>"
        for name in columns
    )
    best = {name: _marked(rows, name, data.conclusion) for name in columns}
    lines = []
    for arm in data.conclusion.order:
        cells = "".join(
            f"<td{' class=best' if best[name] == arm else ''}>{_cell(rows[arm], name)}</td>"
            for name in columns
        )
        seeds = max((spread.n for spread in rows[arm].values()), default=0)
        lines.append(f"<tr><th>{html.escape(arm)}</th>{cells}<td>{seeds}</td></tr>")
    if any(name in real for name in columns):
        cells = "".join(
            f"<td>{comparing.number(real[name].value) if name in real else '–'}</td>"
            for name in columns
        )
        lines.append(f"<tr class=real><th>{comparing.REAL}</th>{cells}<td></td></tr>")
    return (
        f"<div class=scroll><table><thead><tr><th>arm</th>{head}<th>seeds</th></tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _cell(row: Mapping[str, comparing.Spread], name: str) -> str:
    spread = row.get(name)
    if spread is None:
        return "–"
    if name not in comparing.WITH_EXCESS or spread.excess is None:
        return str(spread)
    return f"{spread}<small>excess {comparing.number(spread.excess)}</small>"


def _marked(rows: comparing.Summary, name: str, conclusion: Conclusion) -> str | None:
    """Name the arm whose value is marked: ahead beyond chance, and of a usable model."""
    best = leader(rows, name)
    return None if best in conclusion.unusable else best


def trainings_section(data: ReportData) -> str:
    """Return the table of what each training saw."""
    lines = "".join(
        f"<tr><th>{html.escape(outcome['run'])}</th><td>{outcome['images']:,}</td>"
        f"<td>{outcome['images_seen']:,}</td><td>{outcome['exposure']:,.0f}×</td>"
        f"<td>{comparing.number(outcome['loss']) if outcome['loss'] else '–'}</td></tr>"
        for outcome in data.outcomes
    )
    return (
        "<h2>Trainings</h2><div class=scroll><table><thead><tr><th>run</th>"
        "<th>training images</th><th>images seen</th><th>each seen</th><th>last loss</th></tr>"
        f"</thead><tbody>{lines}</tbody></table></div><p class=quiet>Equal steps are not equal "
        "epochs: a small training set is seen more often, and seen often enough it is learnt by "
        f"heart.{html.escape(_ended_early(data))}</p>"
    )


def _ended_early(data: ReportData) -> str:
    """Say which trainings ended before their last step, if any did."""
    ended = {one["run"]: step for one in data.outcomes if (step := one.get("stopped_early"))}
    if not ended:
        return ""
    listed = ", ".join(f"{run} at step {step:,}" for run, step in ended.items())
    return f" Ended early, as their loss on held-out images had stopped falling: {listed}."
