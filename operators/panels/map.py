"""The panel "Curadiff map": embeddings in the plane, coloured by a selection or a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from fiftyone.operators import types

from ...datasets import mapping
from ...workflows import overview
from .. import navigation
from . import layout, map_colours
from .base import BasePanel, notify_errors

MOST = 5000  # points that a browser draws and lassoes without delay
HEIGHT = 540  # pixels of the map itself


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
        ctx.panel.set_state({"key": None, "colouring": None})

    def on_choose_map(self, ctx: Any) -> None:
        """Another map."""
        ctx.panel.set_state("key", ctx.params.get("value"))

    def on_choose_colouring(self, ctx: Any) -> None:
        """Another selection, or a field, to colour the dots by."""
        ctx.panel.set_state("colouring", ctx.params.get("value"))

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
        colourings = map_colours.colourings(ctx.dataset, overview.selections_of(ctx.dataset))
        key = _chosen(ctx.panel.get_state("key"), keys[::-1])
        colouring = _chosen(ctx.panel.get_state("colouring"), list(colourings))
        menus = page.h_stack("menus", gap=2, align_x="left", componentsProps=layout.WRAPPING)
        labels = {one: layout.short(one) for one in reversed(keys)}
        _menu(menus, "key", "Map", labels, key, self.on_choose_map)
        _menu(menus, "colouring", "Coloured by", colourings, colouring, self.on_choose_colouring)
        ids, points = mapping.read_map(ctx.dataset, key)
        step = -(-len(ids) // MOST)  # every so many-th image is drawn
        drawn = map_colours.traces(ctx.dataset, colouring, ids[::step], points[::step].tolist())
        below = map_colours.room_below(drawn)
        axis = {"showticklabels": False, "zeroline": False, "showgrid": False}
        legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.02, "yanchor": "top"}
        page.plot(
            layout.name_of("map", key, colouring),
            data=drawn,
            layout={
                "height": HEIGHT + below,
                "dragmode": "lasso",
                "margin": {"l": 8, "r": 8, "t": 32, "b": below + 8},  # above: the tools
                "showlegend": True,
                "legend": legend,
                "xaxis": axis,
                "yaxis": {**axis, "scaleanchor": "x"},
            },
            height=f"{HEIGHT + below}px",
            config={"displaylogo": False, "scrollZoom": True},
            on_selected=self.on_lasso,
            on_click=self.on_point,
        )
        shown = f"{len(ids[::step]):,} of {len(ids):,}" if step > 1 else f"{len(ids):,}"
        layout.text(page, f"{shown} images. Draw a lasso or a box to see those inside it.")


def _chosen(name: str | None, names: Sequence[str]) -> str:
    """Return a name that a person chose, the first where that is none or gone."""
    return name if name is not None and name in names else names[0]


def _menu(
    row: types.Object,
    name: str,
    label: str,
    labels: Mapping[str, str],
    value: str,
    on_change: Any,
) -> None:
    menu = types.DropdownView(label=label, componentsProps=layout.flexible(140, at_most=340))
    for one, text in labels.items():
        menu.add_choice(one, label=text)
    row.enum(f"menu_{name}", menu.values(), default=value, view=menu, on_change=on_change)
