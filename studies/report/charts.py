"""Plots for the panels of the App; the report draws its own, see `figures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..comparing import SHOWN, Spread

PALETTE = ("#4c78a8", "#e4a140", "#6aa56f", "#b65d7a", "#8074a8", "#5fa5a8", "#a87c5f")
RANDOM_BAND = "rgba(120, 120, 120, 0.18)"


def colors(arms: Sequence[str]) -> dict[str, str]:
    """Give each arm a colour that it keeps in every plot."""
    return {arm: PALETTE[number % len(PALETTE)] for number, arm in enumerate(arms)}


def metric_bars(
    summary: Mapping[str, Mapping[str, Spread]], metrics: Sequence[str], *, random: str | None
) -> go.Figure:
    """Draw each metric's mean per arm, every seed as a dot, and the band of the random arm.

    Args:
        summary: ``{arm: {metric: Spread}}``.
        metrics: Which metrics, one plot each.
        random: The arm whose smallest to largest seed is shaded, if there is one.
    """
    arms = list(summary)
    titles = [f"{SHOWN[name][0]} ({SHOWN[name][1]} is better)" for name in metrics]
    figure = make_subplots(rows=1, cols=len(metrics), subplot_titles=titles)
    color = colors(arms)
    for column, name in enumerate(metrics, 1):
        have = [arm for arm in arms if name in summary[arm]]
        figure.add_bar(
            x=have,
            y=[summary[arm][name].mean for arm in have],
            marker_color=[color[arm] for arm in have],
            opacity=0.75,
            hovertemplate="%{x}: %{y:.4g}<extra>mean</extra>",
            row=1,
            col=column,
        )
        dots = [(arm, s, v) for arm in have for s, v in summary[arm][name].values.items()]
        figure.add_scatter(
            x=[arm for arm, _, _ in dots],
            y=[value for _, _, value in dots],
            customdata=[seed for _, seed, _ in dots],
            mode="markers",
            marker={"color": "#222", "size": 7, "line": {"color": "white", "width": 1}},
            hovertemplate="%{x}, seed %{customdata}: %{y:.4g}<extra></extra>",
            row=1,
            col=column,
        )
        if random is not None and name in summary.get(random, {}):
            seeds = summary[random][name].values.values()
            band = {"y0": min(seeds), "y1": max(seeds), "fillcolor": RANDOM_BAND, "line_width": 0}
            figure.add_hrect(**band, row=1, col=column)  # pyright: ignore[reportArgumentType]
    return _styled(figure, height=340)


def loss_curves(
    curves: Mapping[str, Sequence[Mapping[str, Any]]], arm_of: Mapping[str, str]
) -> go.Figure:
    """Draw the training loss over steps, one line per training.

    Args:
        curves: ``{training: entries of its log.jsonl}``.
        arm_of: The arm of each training, for its colour.
    """
    color = colors(list(dict.fromkeys(arm_of.values())))
    figure = go.Figure()
    for training, entries in curves.items():
        points = [(e["step"], e["loss"]) for e in entries if e.get("loss") is not None]
        figure.add_scatter(
            x=[step for step, _ in points],
            y=[loss for _, loss in points],
            name=training,
            mode="lines",
            line={"color": color[arm_of[training]], "width": 1.5},
        )
    figure.update_yaxes(type="log", title="loss")
    figure.update_xaxes(title="step")
    return _styled(figure, height=320, legend=True)


def _styled(figure: go.Figure, *, height: int, legend: bool = False) -> go.Figure:
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 50, "r": 20, "t": 50, "b": 40},
        showlegend=legend,
        font={"family": "system-ui, sans-serif", "size": 13},
    )
    return figure
