"""What the dots of a map are coloured by: a selection, the classes of a field, or a number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ...datasets import selections
from ...datasets.resolving import all_samples
from ...studies.report.charts import PALETTE
from .. import suggestions
from . import layout

CHOSEN, OTHERS = "#ff6d04", "#8a8a8a"
SELECTION, FIELD, NOTHING = "selection:", "field:", "nothing"
"""How the value of the menu begins, by what it colours."""
NO_VALUE = "no value"
LONGEST = 28  # characters of a name in the legend
SCALE_HEIGHT = 70  # pixels of the scale of a number, below the map
LINE_HEIGHT = 22  # pixels of a line of the legend


def colourings(dataset: Any, names: Sequence[str]) -> dict[str, str]:
    """List what a map can be coloured by, ``{value: label}``; the first is the default.

    Args:
        dataset: The data set.
        names: Its selections, newest first.
    """
    fields = [*suggestions.text_fields(dataset), *suggestions.number_fields(dataset)]
    return {
        **{f"{SELECTION}{name}": f"selection {layout.short(name)}" for name in names},
        NOTHING: "nothing",
        **{f"{FIELD}{path}": f"field {layout.short(path)}" for path in fields},
    }


def traces(
    dataset: Any, colouring: str, ids: Sequence[str], points: Sequence[Sequence[float]]
) -> list[dict[str, Any]]:
    """Return the dots as Plotly's traces, a colour each.

    Args:
        dataset: The data set.
        colouring: One of `colourings`.
        ids: Ids of the n samples that are drawn.
        points: Their n positions, each of two numbers.
    """
    if colouring.startswith(SELECTION):
        name = colouring.removeprefix(SELECTION)
        chosen = set(selections.read_selection(dataset, name).ids)
        named = [CHOSEN if id in chosen else OTHERS for id in ids]
        groups = [("others", OTHERS), (name, CHOSEN)]
        return _of_groups(ids, points, named, groups)
    if not colouring.startswith(FIELD):
        return _of_groups(ids, points, [OTHERS] * len(ids), [("images", OTHERS)])
    path = colouring.removeprefix(FIELD)
    values = all_samples(dataset).select(list(ids), ordered=True).values(path)
    if any(isinstance(value, str) for value in values):
        return _of_classes(ids, points, values)
    return _of_numbers(ids, points, values, path)


def room_below(drawn: Sequence[dict[str, Any]]) -> int:
    """Return how many pixels the legend, or the scale, of some traces takes below a map."""
    if any("colorbar" in trace["marker"] for trace in drawn):
        return SCALE_HEIGHT
    return LINE_HEIGHT * len(drawn)  # one in a line, where the panel is narrow


def _of_classes(
    ids: Sequence[str], points: Sequence[Sequence[float]], values: Sequence[str | None]
) -> list[dict[str, Any]]:
    """Colour the classes with most images; the rest are one class of others."""
    ordered = Counter(value for value in values if value is not None).most_common()
    colours = {value: colour for (value, _), colour in zip(ordered, PALETTE, strict=False)}
    rest = len(ordered) - len(colours)
    listed = [NO_VALUE if value is None else colours.get(value, OTHERS) for value in values]
    groups = [
        (NO_VALUE, NO_VALUE),
        (f"{rest} other{'s' if rest > 1 else ''}", OTHERS),
        *colours.items(),
    ]
    return _of_groups(ids, points, listed, groups)


def _of_groups(
    ids: Sequence[str],
    points: Sequence[Sequence[float]],
    colours: Sequence[str],
    groups: Sequence[tuple[str, str]],
) -> list[dict[str, Any]]:
    """Return a trace per colour that some dot has, later ones over earlier ones."""
    made = []
    for name, colour in groups:
        rows = [row for row, own in enumerate(colours) if own == colour]
        if not rows:
            continue
        marker: dict[str, Any] = {"size": 6, "color": OTHERS if colour == NO_VALUE else colour}
        if colour == NO_VALUE:
            marker |= {"symbol": "x-thin-open", "opacity": 0.6}
        made.append(_trace(ids, points, rows, name, marker))
    return made


def _of_numbers(
    ids: Sequence[str],
    points: Sequence[Sequence[float]],
    values: Sequence[float | None],
    path: str,
) -> list[dict[str, Any]]:
    """Colour numbers by a scale below the map; dots without one stay gray, below the others."""
    known = [row for row, value in enumerate(values) if value is not None and math.isfinite(value)]
    listed = set(known)
    without = [NO_VALUE if row not in listed else "" for row in range(len(ids))]
    made = _of_groups(ids, points, without, [(NO_VALUE, NO_VALUE)])
    if not known:
        return made
    scale = {
        "orientation": "h",
        "x": 0.5,
        "y": -0.02,
        "yanchor": "top",
        "thickness": 12,
        "title": {"text": layout.short(path), "side": "bottom"},
    }
    numbers = [float(f"{values[row]:.6g}") for row in known]
    edge = {"width": 0.5, "color": OTHERS}  # the ends of the scale are near the App's grounds
    marker = {"size": 6, "color": numbers, "colorscale": "Viridis", "colorbar": scale, "line": edge}
    trace = _trace(ids, points, known, path, marker)
    hover = {"text": [f"{number:g}" for number in numbers], "hoverinfo": "text"}
    return [*made, {**trace, **hover, "showlegend": False}]


def _trace(
    ids: Sequence[str],
    points: Sequence[Sequence[float]],
    rows: Sequence[int],
    name: str,
    marker: dict[str, Any],
) -> dict[str, Any]:
    return {
        "type": "scattergl",
        "mode": "markers",
        "name": name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…",
        "ids": [ids[row] for row in rows],
        "x": [round(float(points[row][0]), 4) for row in rows],
        "y": [round(float(points[row][1]), 4) for row in rows],
        "text": [name] * len(rows) if len(name) > LONGEST else None,
        "hoverinfo": "text" if len(name) > LONGEST else "name",
        "marker": marker,
    }
