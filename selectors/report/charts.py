"""The charts of a report, drawn in the page itself."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...common.page import track_row
from ...common.words import plural
from .figures import color

if TYPE_CHECKING:
    from .report import Report


DOTS = 4000  # of a map at most: more make the page slow and no pattern plainer
CLASSES = 30  # in the chart of shares at most, the largest of the pool
COMPARED = {
    "frechet_distance": ("Frechet distance to the pool", "lower: more like the whole pool"),
    "outlier_share": ("Outliers", "share of the picks"),
    "duplicate_share": ("Near-duplicates", "share of the picks"),
    "share_distance": ("Distance of class shares", "0: shares as in the pool"),
}
"""What a random subset has too, with its title and how to read it."""


def draw_bands(report: Report) -> str:
    """Draw what random subsets have too: a dot per selection over the range of the subsets."""
    numbers = report.numbers
    first = next(iter(numbers.values()))
    charts = []
    for key, (what, reading) in COMPARED.items():
        if key not in first:
            continue
        ends = [end for row in numbers.values() for end in row[f"{key}_random"]]
        values = [row[key] for row in numbers.values()]
        high = 1.04 * max(*ends, *values) or 1.0
        lines = []
        for place, (name, row) in enumerate(numbers.items()):
            low, _, top = (100 * end / high for end in row[f"{key}_random"])
            at = 100 * row[key] / high
            marks = (
                f"<i class=band style='left:{low:.2f}%;width:{max(top - low, 0.4):.2f}%'></i>"
                f"<i class=dot style='left:{at:.2f}%;--color:{color(place)}'></i>"
            )
            lines.append(track_row(name, marks, number_text(key, row[key])))
        lines.append(_axis("0", number_text(key, high)))
        charts.append(_plot(what, reading, "".join(lines)))
    return (
        "<h2>Beside random subsets</h2><p class=quiet>A dot is the selection, the gray band the "
        f"range of {plural(report.bands, 'random subset')} of the same size.</p>"
        f"<div class=plots>{''.join(charts)}</div>"
    )


def draw_charts(shown: Mapping[str, Any], near: str) -> str:
    """Draw how the picks cover the pool, its density, its map and the shares of classes."""
    longest = max(len(trace.x) for trace in shown["coverage"].data)
    charts = [
        _lines(
            "Coverage",
            f"largest distance to {near}, after each pick; lower is better",
            shown["coverage"],
            ends=("1 pick", f"{longest:,} picks"),
        ),
        _lines(
            "Density",
            "share of the images at each mean distance to their neighbours",
            shown["density"],
            ends=("crowded", "alone"),
        ),
        _map(shown["map"]),
    ]
    if "shares" in shown:
        charts.append(_shares(shown["shares"]))
    return f"<h2>In the pool</h2><div class=plots>{''.join(charts)}</div>"


def _lines(title: str, reading: str, drawn: Any, *, ends: tuple[str, str]) -> str:
    """Draw a figure's lines, and its bars as an area behind them."""
    across = np.concatenate([np.asarray(trace.x, dtype=float) for trace in drawn.data])
    up = np.concatenate([np.asarray(trace.y, dtype=float) for trace in drawn.data])
    left, wide = across.min(), max(np.ptp(across), 1e-12)
    bottom = 0.0 if any(trace.type == "bar" for trace in drawn.data) else up.min()
    tall = max(up.max() - bottom, 1e-12)
    shapes = ""
    for trace in drawn.data:
        x = 1000 * (np.asarray(trace.x, dtype=float) - left) / wide
        y = 300 * (1 - (np.asarray(trace.y, dtype=float) - bottom) / tall)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        if trace.type == "bar":
            area = f"{x[0]:.1f},300 {points} {x[-1]:.1f},300"
            shapes += f"<polygon points='{area}' fill='var(--band)'></polygon>"
        else:
            dash = " stroke-dasharray='6 5'" if trace.line.dash else ""
            shapes += (
                f"<polyline points='{points}' stroke='{trace.line.color}'{dash}>"
                f"<title>{html.escape(trace.name)}</title></polyline>"
            )
    return _plot(
        title,
        reading,
        f"{_legend(drawn.data)}<div class=ends><span>{up.max():.3g}</span></div>"
        "<svg viewBox='0 0 1000 300' preserveAspectRatio='none' role=img "
        f"aria-label='{html.escape(title)}: {html.escape(reading)}'>{shapes}</svg>"
        f"<div class=ends><span>{bottom:.3g}</span></div>"
        f"<div class=ends><span>{ends[0]}</span><span>{ends[1]}</span></div>",
        kind="plot curves",
    )


def _map(drawn: Any) -> str:
    """Draw the pool as gray dots and the picks of each selection over them."""
    pool = drawn.data[0]
    place = np.stack([np.asarray(pool.x, dtype=float), np.asarray(pool.y, dtype=float)], axis=1)
    every = -(-len(place) // DOTS)
    low, size = place.min(axis=0), max(np.ptp(place, axis=0).max(), 1e-12)
    shapes = ""
    for trace in drawn.data:
        at = np.stack([np.asarray(trace.x, dtype=float), np.asarray(trace.y, dtype=float)], axis=1)
        at = 10 + 580 * (at[:: every if trace is pool else 1] - low) / size
        fill = "var(--quiet)" if trace is pool else trace.marker.color
        look = "opacity='.3'" if trace is pool else "stroke='var(--paper)'"
        radius = 2.5 if trace is pool else 5
        dots = "".join(f"<circle cx='{x:.0f}' cy='{600 - y:.0f}' r='{radius}'/>" for x, y in at)
        shapes += f"<g fill='{fill}' {look}>{dots}</g>"
    top = 600 - (20 + 580 * np.ptp(place[:, 1]) / size)
    return _plot(
        "Map of the pool",
        drawn.layout.title.text.partition("(")[2].removesuffix(")"),
        f"{_legend(drawn.data)}<svg viewBox='0 {top:.0f} 600 {600 - top:.0f}' role=img "
        f"style='height:auto;border:0' aria-label='the pool and the picks'>{shapes}</svg>",
        kind="plot curves",
    )


def _shares(drawn: Any) -> str:
    """Draw the share of each class: a dashed line for the pool, a dot for each selection."""
    pool, *selections = drawn.data
    order = sorted(range(len(pool.x)), key=lambda place: -pool.y[place])[:CLASSES]
    high = 1.04 * max(max(trace.y) for trace in drawn.data)
    lines = []
    for place in order:
        marks = f"<i class=line style='left:{100 * pool.y[place] / high:.2f}%'></i>" + "".join(
            f"<i class=dot style='left:{100 * trace.y[place] / high:.2f}%;"
            f"--color:{trace.marker.color}' title='{html.escape(trace.name)}'></i>"
            for trace in selections
        )
        value = " / ".join(f"{trace.y[place]:.0%}" for trace in selections)
        lines.append(track_row(str(pool.x[place]), marks, value))
    return _plot(
        "Class shares",
        "a dashed line for the pool",
        _legend(selections) + "".join(lines) + _axis("0", f"{high:.0%}"),
    )


def _legend(traces: Sequence[Any]) -> str:
    entries = []
    for trace in traces:
        line, marker = getattr(trace, "line", None), getattr(trace, "marker", None)
        shade = (line.color if line else None) or (marker.color if marker else None)
        shade = "var(--band)" if trace.name == "pool" else shade
        entries.append(f"<span><b style='--color:{shade}'></b>{html.escape(trace.name)}</span>")
    return f"<div class=legend>{''.join(entries)}</div>"


def _plot(title: str, reading: str, inside: str, *, kind: str = "plot") -> str:
    return (
        f"<figure class='{kind}'><figcaption>{html.escape(title)} "
        f"<small>{html.escape(reading)}</small></figcaption>{inside}</figure>"
    )


def _axis(low: str, high: str) -> str:
    ends = f"<span>{low}</span><span>{high}</span>"
    return f"<div class='row axis'><span></span><span class=track>{ends}</span><span></span></div>"


def number_text(key: str, value: float) -> str:
    """Write a number as the page shows it: shares in percent, counts whole, three digits else."""
    if key.endswith("_share"):
        return f"{value:.1%}" if value else "0%"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
