"""Rows, buttons, pictures: the pieces that panels are made of."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from fiftyone.operators import types

from ...runs import Run

INSIDE = {
    "item": {"sx": {"minWidth": 0, "maxWidth": "100%"}},
    "grid": {"sx": {"boxSizing": "border-box", "minWidth": 0, "maxWidth": "100%"}},
}
"""Keeps a stack as wide as what it stands in, however wide its contents would like to be."""
WRAPPING = {
    "item": INSIDE["item"],
    "grid": {"sx": {**INSIDE["grid"]["sx"], "display": "flex", "flexWrap": "wrap"}},
}
"""The same for a row, which wraps where it is too narrow; FiftyOne lays a row out as a grid."""
NARROW = {"width": "auto"}
"""Takes the room that it needs, where a row would give it all of a line."""
WHOLE = {**WRAPPING, "item": {"sx": {"flex": "0 0 auto", "maxWidth": "100%", **NARROW}}}
"""Keeps the buttons of a row beside one another, or moves all of them below its text."""
SCROLLING = {"item": {"sx": {"minWidth": 0, "maxWidth": "100%", "overflowX": "auto"}}}
"""Lets a wide table scroll inside of its card."""
SMALL = {"minWidth": 32, "px": 0.5}
"""A button as wide as its icon."""


LONGEST = 48  # characters of a name that a row shows


def outlined(page: types.Object, name: str, *, title: str | None = None) -> types.Object:
    """Add a card with an outline, and a title where it has no row of its own for it."""
    card = page.v_stack(
        name, variant="outline", gap=1, pad=2, align_x="stretch", componentsProps=INSIDE
    )
    if title:
        card.view("title", types.HeaderView(label=f"**{title}**"))
    return card


def row(card: types.Object, markdown: str, *, tooltip: str | None = None) -> types.Object:
    """Add a row with text at its left end; return where its buttons go, at the right end.

    Where the panel is narrow the buttons wrap below the text.

    Args:
        card: What it is added to.
        markdown: The text.
        tooltip: As for `text`.
    """
    line = card.h_stack(
        f"row{len(card.properties)}",
        gap=1,
        align_x="space-between",
        align_y="center",
        componentsProps=WRAPPING,
    )
    text(line, markdown, width=200, tooltip=tooltip)
    return line.h_stack("buttons", gap=1, align_x="left", align_y="center", componentsProps=WHOLE)


def text(
    where: types.Object,
    markdown: str,
    *,
    width: int | None = None,
    scrolls: bool = False,
    tooltip: str | None = None,
) -> None:
    """Add text; named after what it says, so that the App never keeps an older one.

    Args:
        where: What it is added to.
        markdown: The text.
        width: Pixels below which what stands beside it wraps.
        scrolls: It is a table that scrolls inside of its card where it is too wide.
        tooltip: What stands in full over a name that `short` has cut.
    """
    style: dict[str, Any] = {} if width is None else at_least(width)
    if scrolls:
        style = {**SCROLLING}
    if tooltip is not None:
        style["container"] = {"title": tooltip}
    described = {"componentsProps": style} if style else {}
    where.md(markdown, name=name_of("text", str(len(where.properties)), markdown), **described)


def short(name: str) -> str:
    """Cut the middle out of a long name; see `cut_name` for the tooltip that says it whole."""
    half = (LONGEST - 1) // 2
    return name if len(name) <= LONGEST else f"{name[:half]}…{name[-half:]}"


def cut_name(*names: str) -> str | None:
    """Return the tooltip of a text with these names: those that `short` cuts, None if none."""
    return ", ".join(name for name in names if len(name) > LONGEST) or None


def button(
    where: types.Object,
    label: str,
    on_click: Any,
    *,
    variant: str = "outlined",
    **params: Any,
) -> None:
    """Add a button that calls a method of the panel."""
    name = name_of("button", label, str(sorted(params.items())))
    described: dict[str, Any] = {"item": {"sx": NARROW}}
    where.btn(
        name,
        label=label,
        on_click=on_click,
        params=params,
        variant=variant,
        componentsProps=described,
    )


def icon_button(where: types.Object, icon: str, label: str, on_click: Any, **params: Any) -> None:
    """Add a button that is an icon; its tooltip, which is read aloud too, is the label."""
    name = name_of("icon", label, str(sorted(params.items())))
    described = {
        "item": {"sx": NARROW},
        "button": {"aria-label": label, "title": label, "sx": SMALL},
    }
    where.btn(
        name,
        label=None,  # FiftyOne gives the icon of an empty label the room of a text beside it
        icon=icon,
        on_click=on_click,
        params=params,
        variant="outlined",
        componentsProps=described,
    )


def image(where: types.Object, path: Any, alt: str, **size: str) -> None:
    """Show a picture of a run."""
    fit = {"item": {"sx": {"width": "100%" if "width" in size else "auto"}}}
    view = types.ImageView(alt=alt, componentsProps=fit, **size)
    where.str(name_of("image", str(path)), default=media(path), view=view)


def figure(
    where: types.Object, path: Any, label: str, *, alt: str, width: int, at_most: int | None = None
) -> None:
    """Show a picture of a run below its label, beside others in a wrapping row.

    Args:
        where: The row.
        path: The picture.
        label: What stands above it.
        alt: What it shows, for those who do not see it.
        width: As for `flexible`, and
        at_most: so is this.
    """
    cell = types.Object()
    view = types.GridView(
        orientation="vertical",
        gap=0,
        align_x="stretch",
        componentsProps=flexible(width, at_most=at_most),
    )
    where.define_property(name_of("figure", str(path)), cell, view=view)
    text(cell, label)
    image(cell, path, alt, width="100%")


def link(where: types.Object, label: str, path: Any) -> None:
    """Add a button that opens a file of a run in a tab of its own."""
    name = name_of("link", str(path))
    described = {
        "item": {"sx": NARROW},
        "button": {"target": "_blank", "rel": "noopener noreferrer"},  # keep the App open
    }
    where.btn(name, label=label, href=media(path), variant="outlined", componentsProps=described)


def at_least(width: int) -> dict[str, Any]:
    """Let text take the room that is left in a row, down to a width in pixels."""
    return {"item": {"sx": {"flex": f"1 1 {width}px", "minWidth": 0, **NARROW}}}


def flexible(width: int, *, at_most: int | None = None) -> dict[str, Any]:
    """Let something in a wrapping row grow, and shrink to ``width`` pixels before it wraps.

    Args:
        width: Pixels that it does not go below while there is room for others beside it.
        at_most: Pixels that it does not grow above, where it stays alone in a row.
    """
    limit = {} if at_most is None else {"maxWidth": at_most}
    style = {"flex": f"1 1 {width}px", "width": "auto", "minWidth": 0, "pb": 3, **limit}
    return {"item": {"sx": style}}


def wrapping() -> types.GridView:
    """Return a row that wraps where the panel is narrow."""
    return types.GridView(
        orientation="2d", gap=2, align_x="left", componentsProps={"item": INSIDE["item"]}
    )


def media(path: Any) -> str:
    """Return the address at which the App serves a file."""
    return f"/media?filepath={quote(str(path))}"


def bar(where: types.Object, share: float, label: str) -> None:
    """Add a progress bar."""
    where.float(
        f"bar{len(where.properties)}",
        default=round(share, 3),
        view=types.ProgressView(label=label),
    )


def fault(where: types.Object, run: Run) -> None:
    """Add why a run failed, if it did."""
    error = run.status.get("error")
    if error:
        sentence(where, run.id, error)


def sentence(where: types.Object, of: str, error: str) -> None:
    """Add why something failed.

    Args:
        where: What it is added to.
        of: Id of what failed.
        error: The sentence; a long path in it breaks where the panel is narrow.
    """
    breaking = {"item": {"sx": {"minWidth": 0, "maxWidth": "100%", "overflowWrap": "anywhere"}}}
    where.view(name_of(of, "error", error), types.Error(label=error, componentsProps=breaking))


def name_of(*parts: str) -> str:
    """Make a property's name that changes with what it shows, so that nothing old stays."""
    digest = hashlib.sha1("\0".join(parts).encode(), usedforsecurity=False).hexdigest()[:10]
    return f"{parts[0].lower().replace('-', '_').replace(' ', '_')}_{digest}"
