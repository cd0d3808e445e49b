"""The panel "Curadiff selections": two of them side by side."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from ...datasets import selections
from ...workflows import overlap
from .. import navigation
from . import layout
from .base import BasePanel, notify_errors


class SelectionsPanel(BasePanel):
    """What two selections share, and what only one of them has."""

    slug: ClassVar[str] = "curadiff_selections"
    title: ClassVar[str] = "Curadiff selections"
    icon: ClassVar[str] = "compare"
    about: ClassVar[str] = "Choose two selections to see what both chose and what only one did."

    def on_change_dataset(self, ctx: Any) -> None:
        """Another data set has other selections."""
        ctx.panel.set_state({"a": None, "b": None})

    def on_choose_a(self, ctx: Any) -> None:
        """Another first selection."""
        ctx.panel.set_state("a", ctx.params.get("value"))

    def on_choose_b(self, ctx: Any) -> None:
        """Another second selection."""
        ctx.panel.set_state("b", ctx.params.get("value"))

    def open_part(self, ctx: Any) -> None:
        """Show what only one, or both, chose, in the order of the picks."""
        with notify_errors(ctx):
            shared = overlap.overlap(ctx.dataset, ctx.params["a"], ctx.params["b"])
            navigation.show_samples(ctx, ctx.dataset.name, ids=getattr(shared, ctx.params["part"]))

    def build(self, ctx: Any, page: types.Object) -> None:
        """Add two menus, how much the two share, and the first picks of each part."""
        names = selections.selection_names(ctx.dataset) if ctx.dataset is not None else []
        if len(names) < 2:
            page.view(
                "few",
                types.AlertView(
                    severity="info",
                    label="Two selections are needed",
                    description=f"This data set has {('none', 'one')[len(names)]}. Select in the "
                    "Curadiff panel, in two ways, and compare them here.",
                ),
            )
            return
        a, b = chosen(names, ctx.panel.get_state("a"), ctx.panel.get_state("b"))
        menus = page.h_stack("menus", gap=2, align_x="left", componentsProps=layout.WRAPPING)
        for letter, name, on_choose in (
            ("a", a, self.on_choose_a),
            ("b", b, self.on_choose_b),
        ):
            menu = types.DropdownView(
                label=f"Selection {letter.upper()}", componentsProps=layout.flexible(140)
            )
            for one in reversed(names):
                menu.add_choice(one, label=one)
            menus.enum(
                f"menu_{letter}", menu.values(), default=name, view=menu, on_change=on_choose
            )
        shared = overlap.overlap(ctx.dataset, a, b)
        page.view("said", types.AlertView(severity="info", label=str(shared)))
        columns = types.Object()
        page.define_property("parts", columns, view=layout.wrapping())
        titles = {"only_a": f"Only {a}", "both": "Both", "only_b": f"Only {b}"}
        for part in overlap.PARTS:
            self._part(ctx, columns, shared, part, titles[part])
        layout.text(page, "The first picks of each part, best first; Show opens all of them.")

    def _part(
        self, ctx: Any, columns: types.Object, shared: overlap.Overlap, part: str, title: str
    ) -> None:
        ids = getattr(shared, part)
        column = types.Object()
        view = types.GridView(
            orientation="vertical",
            gap=1,
            align_x="stretch",
            componentsProps=layout.flexible(140, at_most=340),
        )
        columns.define_property(part, column, view=view)
        head = layout.row(column, f"**{title}**  {len(ids):,}")
        if not ids:
            layout.text(column, "No image.")
            return
        layout.button(head, "Show", self.open_part, part=part, a=shared.a.name, b=shared.b.name)
        file = overlap.contact_sheet(ctx.dataset, ids)
        layout.image(column, file, f"First picks of: {title}", width="100%")


def chosen(names: list[str], a: str | None, b: str | None) -> tuple[str, str]:
    """Complete a choice of two: what is missing or gone becomes the newest other selection."""
    newest = names[::-1]
    a = a if a in names else next(name for name in newest if name != b)
    b = b if b in names else next(name for name in newest if name != a)
    return a, b
