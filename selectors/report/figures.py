"""The figures of a report: values in, plotly out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ...common.plane import has_umap, principal_plane, umap_plane
from ..core.frechet import PoolGaussian
from ..core.rows import Array

COLORS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d", "#eeca3b")
MAPPED = 20_000  # points of the pool that a map draws at most


def color(place: int) -> str:
    """Return the colour of the n-th selection, the same in all figures."""
    return COLORS[place % len(COLORS)]


def coverage(curves: Mapping[str, Array], random: Array | None) -> go.Figure:
    """Coverage radius against the number of picks; a steep end means more would help."""
    figure = go.Figure()
    for place, (name, radius) in enumerate(curves.items()):
        at = np.arange(1, len(radius) + 1)
        figure.add_scatter(x=at, y=radius, name=name, line_color=color(place))
    if random is not None:
        at = np.arange(1, len(random) + 1)
        line = {"color": "#888", "dash": "dot"}
        figure.add_scatter(x=at, y=random, name="one random", line=line)
    return _named(figure, "Coverage radius after each pick", "picks", "largest distance to a pick")


def band(numbers: dict[str, dict[str, Any]], key: str, title: str) -> go.Figure:
    """A value of each selection, beside the range of random subsets of the same size."""
    figure = go.Figure()
    for place, (name, row) in enumerate(numbers.items()):
        low, mean, high = row[f"{key}_random"]
        figure.add_scatter(
            x=[name],
            y=[mean],
            error_y={"type": "data", "array": [high - mean], "arrayminus": [mean - low]},
            mode="markers",
            marker={"color": "#888", "symbol": "line-ew-open", "size": 14},
            name="random subsets",
            showlegend=place == 0,
        )
        figure.add_scatter(
            x=[name],
            y=[row[key]],
            mode="markers",
            marker={"color": color(place), "size": 12},
            name=name,
        )
    return _named(figure, title, "", title)


def density(rho: Array, picks: Mapping[str, Array]) -> go.Figure:
    """Where in the pool's range of density the picks lie."""
    figure = go.Figure()
    edges = np.linspace(rho.min(), rho.max() + 1e-12, 41)
    middle = (edges[1:] + edges[:-1]) / 2
    share = np.histogram(rho, edges)[0] / len(rho)
    figure.add_bar(x=middle, y=share, name="pool", marker_color="#ccc")
    for place, (name, rows) in enumerate(picks.items()):
        share = np.histogram(rho[rows], edges)[0] / max(1, len(rows))
        line = {"color": color(place), "shape": "hvh"}
        figure.add_scatter(x=middle, y=share, name=name, line=line)
    return _named(figure, "Density", "mean distance to neighbours (small: crowded)", "share")


def faults(numbers: dict[str, dict[str, Any]]) -> go.Figure:
    """Shares of outliers and near-duplicates."""
    figure = go.Figure()
    for key, text in (("outlier_share", "outliers"), ("duplicate_share", "near-duplicates")):
        own = [row[key] for row in numbers.values()]
        figure.add_bar(x=list(numbers), y=own, name=text)
        mean = [row[f"{key}_random"][1] for row in numbers.values()]
        figure.add_scatter(x=list(numbers), y=mean, name=f"{text}, random", mode="markers")
    return _named(figure, "Outliers and near-duplicates", "", "share of the picks")


def shares(numbers: dict[str, dict[str, Any]]) -> go.Figure:
    """Class shares of each selection beside the pool's."""
    figure = go.Figure()
    pool = next(iter(numbers.values()))["pool_shares"]
    figure.add_bar(x=list(pool), y=list(pool.values()), name="pool", marker_color="#ccc")
    for place, (name, row) in enumerate(numbers.items()):
        own = [row["shares"].get(label, 0.0) for label in pool]
        figure.add_bar(x=list(pool), y=own, name=name, marker_color=color(place))
    return _named(figure, "Class shares", "", "share")


def overlap(values: dict[str, dict[str, float]]) -> go.Figure:
    """Jaccard index between selections."""
    names = list(values)
    grid = [[values[a][b] for b in names] for a in names]
    figure = go.Figure(
        go.Heatmap(x=names, y=names, z=grid, zmin=0, zmax=1, texttemplate="%{z:.2f}")
    )
    return _named(figure, "Overlap (Jaccard index)", "", "")


def plane(unit: Array, pool: PoolGaussian) -> tuple[Array, str]:
    """Place the pool in two dimensions: UMAP where it is installed, else two components."""
    placed = pool.place(np.arange(len(unit)))
    if has_umap() and 50 < len(unit) <= MAPPED:
        return umap_plane(placed), "UMAP"
    return principal_plane(placed), "first two principal components"


def scatter(
    placed: tuple[Array, str], picks: Mapping[str, Array], labels: Array | None
) -> go.Figure:
    """Map of the pool with the picks on top."""
    place, kind = placed
    rows = np.arange(len(place))
    if len(rows) > MAPPED:
        rows = np.sort(np.random.default_rng(0).choice(rows, MAPPED, replace=False))
    text = None if labels is None else [str(label) for label in labels[rows]]
    grey = {"color": "#ccc", "size": 3}
    figure = go.Figure()
    figure.add_scattergl(
        x=place[rows, 0], y=place[rows, 1], mode="markers", marker=grey, name="pool", text=text
    )
    for order, (name, chosen) in enumerate(picks.items()):
        figure.add_scattergl(
            x=place[chosen, 0],
            y=place[chosen, 1],
            mode="markers",
            marker={"color": color(order), "size": 6},
            name=name,
            text=[f"pick {rank + 1}" for rank in range(len(chosen))],
            visible=True if order == 0 else "legendonly",
        )
    return _named(figure, f"Pool and picks ({kind})", "", "")


def _named(figure: go.Figure, title: str, x: str, y: str) -> go.Figure:
    return figure.update_layout(
        title=title, xaxis_title=x, yaxis_title=y, template="plotly_white", barmode="group"
    )
