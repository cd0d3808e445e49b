"""A report as a page: sentences, pictures and charts without a script, for screen and paper."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...common.contact_sheet import data_url, square_grid
from ...common.page import PAGE, figure
from ...common.words import plural
from .figures import color

if TYPE_CHECKING:
    from .report import Report

COMPARED = {
    "frechet_distance": ("Frechet distance to the pool", "lower: more like the whole pool"),
    "outlier_share": ("Outliers", "share of the picks"),
    "duplicate_share": ("Near-duplicates", "share of the picks"),
    "share_distance": ("Distance of class shares", "0: shares as in the pool"),
}
"""What a random subset has too, with its title and how to read it."""
OTHERS = {
    "count": "images",
    "shortfall": "fewer than asked for",
    "coverage_max": "farthest image from {near}",
    "coverage_p99": "99 % are nearer than",
    "coverage_mean": "mean distance to {near}",
    "min_pair_distance": "nearest two picks",
}
"""The other numbers, with what they are called in the table."""
DOTS = 4000  # of a map at most: more make the page slow and no pattern plainer
CLASSES = 30  # in the chart of shares at most, the largest of the pool


def page(report: Report, pictures: Mapping[str, Sequence[str | Path]]) -> str:
    """Return the page of a report as HTML.

    Args:
        report: Numbers and figures of the selections.
        pictures: The image files of each selection in the order of the picks, where known; the
            first 25 are shown.
    """
    names = list(report.numbers)
    title = f"What {names[0]} chose" if len(names) == 1 else "Selections of one pool, compared"
    parts = [f"<h1>{html.escape(title)}</h1>", *(_answer(report, name) for name in names)]
    parts += [
        _pictures(pictures),
        _bands(report),
        _charts(report.figures, _near(report.numbers)),
    ]
    if len(names) > 1:
        parts.append(_overlap(report.overlap))
    parts += [_table(report.numbers), _made(report.numbers)]
    return PAGE.format(title=html.escape(title), body="".join(parts))


def in_words(report: Report, name: str) -> list[str]:
    """Say in sentences what a selection is like beside random subsets of its size."""
    row = report.numbers[name]
    texts = [_coverage(row)]
    for key, (what, _) in COMPARED.items():
        if key not in row:
            continue
        low, _, high = row[f"{key}_random"]
        value, place = row[key], "within"
        if value > high:
            place = "above"
        elif value < low:
            place = "below"
        texts.append(
            f"{what}: {_value(key, value)}, {place} the range of random subsets "
            f"({_value(key, low)} to {_value(key, high)})."
        )
    missing = row.get("quota_shortfalls")
    if missing:
        listed = ", ".join(f"{label} {count:,}" for label, count in missing.items())
        texts.append(f"Fewer than the quotas asked for: {listed}.")
    return texts


def _coverage(row: Mapping[str, Any]) -> str:
    """Say how far an image may be from what was picked and kept, and what random picks leave."""
    kept, random = row["kept"], row["one_random_coverage"]
    near = f"{row['count']:,} picks" + (f" or the {plural(kept, 'kept image')}" if kept else "")
    text = f"No image of the pool is farther than {row['coverage_max']:.3g} from one of the {near}"
    if random is None:
        return f"{text}."
    beside = " beside the same kept images" if kept else ""
    return f"{text}; one random choice of as many{beside} leaves {random:.3g}."


def _near(numbers: Mapping[str, Mapping[str, Any]]) -> str:
    """Name what distances are measured to."""
    return "a pick or kept image" if any(row["kept"] for row in numbers.values()) else "a pick"


def _answer(report: Report, name: str) -> str:
    row = report.numbers[name]
    method = row["settings"].get("method", "")
    first, *others = (html.escape(text) for text in in_words(report, name))
    items = "".join(f"<li>{text}</li>" for text in others)
    return (
        "<div class=answer style='--tone:var(--quiet)'><div class=word>"
        f"{html.escape(name)}: {row['count']:,} images by {html.escape(str(method))}</div>"
        f"<div class=text>{first}</div><ul>{items}</ul></div>"
    )


def _pictures(pictures: Mapping[str, Sequence[str | Path]]) -> str:
    figures = [
        figure(
            data_url(square_grid([Path(path) for path in paths])),
            f"{name}: the first {min(25, len(paths))} picks",
            alt=f"the first picks of {name}",
        )
        for name, paths in pictures.items()
    ]
    head = "<h2>The first picks</h2><p class=quiet>Row by row, in the order of the picks.</p>"
    return f"{head}<div class='grids large'>{''.join(figures)}</div>" if figures else ""


def _bands(report: Report) -> str:
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
            lines.append(_row(name, marks, _value(key, row[key])))
        lines.append(_axis("0", _value(key, high)))
        charts.append(_plot(what, reading, "".join(lines)))
    return (
        "<h2>Beside random subsets</h2><p class=quiet>A dot is the selection, the gray band the "
        f"range of {plural(report.bands, 'random subset')} of the same size.</p>"
        f"<div class=plots>{''.join(charts)}</div>"
    )


def _charts(shown: Mapping[str, Any], near: str) -> str:
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
        lines.append(_row(str(pool.x[place]), marks, value))
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


def _row(name: str, marks: str, value: str) -> str:
    return (
        f"<div class=row><span class=arm>{html.escape(name)}</span>"
        f"<span class=track>{marks}</span><span class=value>{value}</span></div>"
    )


def _axis(low: str, high: str) -> str:
    ends = f"<span>{low}</span><span>{high}</span>"
    return f"<div class='row axis'><span></span><span class=track>{ends}</span><span></span></div>"


def _overlap(values: Mapping[str, Mapping[str, float]]) -> str:
    """Write how much each two selections share; what one shares with itself says nothing."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in values)
    lines = "".join(
        f"<tr><th>{html.escape(a)}</th>"
        + "".join(f"<td>{'–' if a == b else f'{share:.0%}'}</td>" for b, share in row.items())
        + "</tr>"
        for a, row in values.items()
    )
    return (
        "<h2>What they share</h2><p class=quiet>Images that both chose, as a share of those that "
        "either chose (Jaccard index).</p><div class=scroll><table><thead><tr><th></th>"
        f"{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _table(numbers: Mapping[str, Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in numbers)
    titles = {**OTHERS, **{key: what for key, (what, _) in COMPARED.items()}}
    lines = ""
    for key, what in titles.items():
        if key not in next(iter(numbers.values())):
            continue
        what = what.format(near=_near(numbers))
        cells = ""
        for row in numbers.values():
            band = row.get(f"{key}_random")
            beside = (
                f"<small>random {_value(key, band[0])} to {_value(key, band[2])}</small>"
                if band
                else ""
            )
            cells += f"<td>{_value(key, row[key])}{beside}</td>"
        lines += f"<tr><th>{what[0].upper()}{what[1:]}</th>{cells}</tr>"
    return (
        "<h2>All numbers</h2><p class=quiet>Distances are between embeddings of length 1: 0 for "
        "equal directions, 2 for opposite ones.</p><div class=scroll><table><thead><tr><th></th>"
        f"{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _made(numbers: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ""
    for name, row in numbers.items():
        settings = ", ".join(f"{key} {value}" for key, value in row["settings"].items())
        lines += (
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(row['stop_reason'])} "
            f"{html.escape(settings)}; embeddings {html.escape(row['embedding_hash'])}</dd>"
        )
    return f"<h2>How each was made</h2><dl>{lines}</dl>"


def _value(key: str, value: float) -> str:
    """Write a number as the page shows it: shares in percent, counts whole, three digits else."""
    if key.endswith("_share"):
        return f"{value:.1%}" if value else "0%"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
