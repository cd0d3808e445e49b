"""A report as a page: sentences, pictures and charts without a script, for screen and paper."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...common.contact_sheet import data_url, square_grid
from ...common.page import PAGE, figure
from ...common.words import plural
from .charts import COMPARED, draw_bands, draw_charts, number_text

if TYPE_CHECKING:
    from .report import Report

OTHERS = {
    "count": "images",
    "shortfall": "fewer than asked for",
    "coverage_max": "farthest image from {near}",
    "coverage_p99": "99 % are nearer than",
    "coverage_mean": "mean distance to {near}",
    "min_pair_distance": "nearest two picks",
}
"""The other numbers, with what they are called in the table."""


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
        draw_bands(report),
        draw_charts(report.figures, _near(report.numbers)),
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
            f"{what}: {number_text(key, value)}, {place} the range of random subsets "
            f"({number_text(key, low)} to {number_text(key, high)})."
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
        "either chose (Jaccard index).</p><div class=scroll><table><thead><tr><td></td>"
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
                f"<small>random {number_text(key, band[0])} to {number_text(key, band[2])}</small>"
                if band
                else ""
            )
            cells += f"<td>{number_text(key, row[key])}{beside}</td>"
        lines += f"<tr><th>{what[0].upper()}{what[1:]}</th>{cells}</tr>"
    return (
        "<h2>All numbers</h2><p class=quiet>Distances are between embeddings of length 1: 0 for "
        "equal directions, 2 for opposite ones.</p><div class=scroll><table><thead><tr><td></td>"
        f"{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _made(numbers: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ""
    for name, row in numbers.items():
        settings = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in row["settings"].items()
        )
        settings = settings[:1].upper() + settings[1:]
        lines += (
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(row['stop_reason'])} "
            f"{html.escape(settings)}; embeddings {html.escape(row['embedding_hash'])}</dd>"
        )
    return f"<h2>How each was made</h2><dl>{lines}</dl>"
