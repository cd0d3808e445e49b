"""The panel "Curadiff map": embeddings in the plane, coloured by a selection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from fiftyone.operators import types

from ...datasets import mapping, selections
from ...workflows import overview
from .. import navigation
from . import layout
from .base import BasePanel, notify_errors

MOST = 5000  # points that a browser draws and lassoes without delay
CHOSEN, OTHERS = "#ff6d04", "#8a8a8a"


class MapPanel(BasePanel):
    """A map of the embeddings; a lasso shows the images inside it."""

    slug: ClassVar[str] = "curadiff_map"
    title: ClassVar[str] = "Curadiff map"
    icon: ClassVar[str] = "bubble_chart"
    about: ClassVar[str] = (
        "Each dot is an image; near dots look alike to the encoder. Draw a lasso or a box to see "
        "the images inside."
    )

    def on_change_dataset(self, ctx: Any) -> None:
        """Another data set has other maps."""
        ctx.panel.set_state({"key": None, "selection": None})

    def on_choose_map(self, ctx: Any) -> None:
        """Another map."""
        ctx.panel.set_state("key", ctx.params.get("value"))

    def on_choose_selection(self, ctx: Any) -> None:
        """Another selection to colour."""
        ctx.panel.set_state("selection", ctx.params.get("value"))

    def on_lasso(self, ctx: Any) -> None:
        """Show the images inside a lasso or a box."""
        ids = [point["id"] for point in ctx.params.get("data") or [] if point.get("id")]
        if ids:
            with notify_errors(ctx):
                navigation.show_samples(ctx, ctx.dataset.name, ids=ids)

    def on_point(self, ctx: Any) -> None:
        """Show the image of a dot."""
        if ctx.params.get("id"):
            with notify_errors(ctx):
                navigation.show_samples(ctx, ctx.dataset.name, ids=[ctx.params["id"]])

    def build(self, ctx: Any, page: types.Object) -> None:
        """Add the menus and the plot."""
        keys = mapping.map_keys(ctx.dataset) if ctx.dataset is not None else []
        if not keys:
            page.view(
                "none",
                types.AlertView(
                    severity="info",
                    label="No map yet",
                    description="Press Map beside the embeddings in the Curadiff panel.",
                ),
            )
            return
        names = overview.selections_of(ctx.dataset)[::-1]
        key = _chosen(ctx.panel.get_state("key"), keys)
        menus = page.h_stack("menus", gap=2, align_x="left", componentsProps=layout.WRAPPING)
        _menu(menus, "key", "Map", keys, key, self.on_choose_map)
        chosen: set[str] = set()
        if names:
            name = _chosen(ctx.panel.get_state("selection"), names)
            _menu(menus, "selection", "Coloured", names, name, self.on_choose_selection)
            chosen = set(selections.read_selection(ctx.dataset, name).ids)
        else:
            name = ""
        ids, points = mapping.read_map(ctx.dataset, key)
        step = -(-len(ids) // MOST)  # every so many-th image is drawn
        rows = range(0, len(ids), step)
        data = [
            _trace(ids, points, [row for row in rows if ids[row] not in chosen], "others", OTHERS)
        ]
        if chosen:
            inside = [row for row in rows if ids[row] in chosen]
            data.append(_trace(ids, points, inside, layout.short(name), CHOSEN))
        axis = {"showticklabels": False, "zeroline": False, "showgrid": False}
        page.plot(
            layout.name_of("map", key, name),
            data=data,
            layout={
                "height": 560,
                "dragmode": "lasso",
                "margin": {
                    "l": 8,
                    "r": 8,
                    "t": 48,
                    "b": 8,
                },  # above: the legend, and tools at its right
                "showlegend": True,
                "legend": {
                    "orientation": "h",
                    "x": 0,
                    "xanchor": "left",
                    "y": 1,
                    "yanchor": "bottom",
                },
                "xaxis": axis,
                "yaxis": {**axis, "scaleanchor": "x"},
            },
            height="560px",
            config={"displaylogo": False, "scrollZoom": True},
            on_selected=self.on_lasso,
            on_click=self.on_point,
        )
        shown = f"{len(rows):,} of {len(ids):,}" if step > 1 else f"{len(ids):,}"
        layout.text(page, f"{shown} images. Draw a lasso or a box to see those inside it.")


def _trace(
    ids: Sequence[str], points: Any, rows: Sequence[int], name: str, colour: str
) -> dict[str, Any]:
    return {
        "type": "scattergl",
        "mode": "markers",
        "name": name,
        "ids": [ids[row] for row in rows],
        "x": [round(float(points[row][0]), 4) for row in rows],
        "y": [round(float(points[row][1]), 4) for row in rows],
        "marker": {"size": 6, "color": colour},
        "hoverinfo": "name",
    }


def _chosen(name: str | None, names: Sequence[str]) -> str:
    """Return a name that a person chose, the newest where that is none or gone."""
    return name if name is not None and name in names else names[-1]


def _menu(
    row: types.Object, name: str, label: str, names: Sequence[str], value: str, on_change: Any
) -> None:
    menu = types.DropdownView(label=label, componentsProps=layout.flexible(140, at_most=340))
    for one in reversed(names):
        menu.add_choice(one, label=layout.short(one))
    row.enum(f"menu_{name}", menu.values(), default=value, view=menu, on_change=on_change)
