"""What all panels share: how they are listed, the page they draw, and where they lead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import fiftyone.operators as foo
from fiftyone.operators import types

from ...common.errors import CuradiffError
from ...datasets.database import lost_in_words
from .. import navigation
from ..base import URI
from . import layout


class BasePanel(foo.Panel):
    """Base of the panels; nothing is kept in one, every rendering reads what is stored.

    Attributes:
        slug: Its name.
        title: What its tab says.
        icon: Name of its icon.
        about: Its help.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    icon: ClassVar[str]
    about: ClassVar[str]

    @property
    def config(self) -> foo.PanelConfig:
        """How FiftyOne lists this panel."""
        return foo.PanelConfig(
            name=self.slug,
            label=self.title,
            icon=self.icon,
            help_markdown=self.about,
            surfaces="grid",
            category=foo.Categories.CURATE,
        )

    def on_load(self, ctx: Any) -> None:
        """FiftyOne renders; there is nothing to load."""

    def on_change_dataset(self, ctx: Any) -> None:
        """Another data set: FiftyOne renders anew."""

    def on_refresh(self, ctx: Any) -> None:
        """Look again, after a form was carried out or a clock has ticked."""

    def open_form(self, ctx: Any) -> None:
        """Open the form of an operator."""
        ctx.prompt(
            f"{URI}/{ctx.params['operator']}",
            params=ctx.params.get("given") or {},
        )

    def open_dataset(self, ctx: Any) -> None:
        """Open a linked data set."""
        ctx.ops.open_dataset(ctx.params["name"])

    def open_samples(self, ctx: Any) -> None:
        """Show samples, of the open data set or of a linked one."""
        with notify_errors(ctx):
            navigation.show_samples(ctx, ctx.params["name"], ids=ctx.params["ids"])

    def execute(self, ctx: Any) -> Any:
        """Do what was clicked, then draw the page; what goes wrong becomes a sentence."""
        try:
            with lost_in_words():
                return super().execute(ctx)
        except CuradiffError as error:
            ctx.ops.notify(str(error), variant="error")
            ctx.ops.show_panel_output(self.render(ctx))
            return None

    def render(self, ctx: Any) -> types.Property:
        """Draw the page, or say why it cannot be drawn."""
        page = types.Object()
        try:
            with lost_in_words():
                self.build(ctx, page)
        except CuradiffError as error:
            page = types.Object()
            page.view("refused", types.Error(label="Nothing can be shown", description=str(error)))
        return types.Property(
            page,
            view=types.GridView(
                orientation="vertical",
                align_x="stretch",
                gap=2,
                pad=2,
                componentsProps=layout.INSIDE,
            ),
        )

    def build(self, ctx: Any, page: types.Object) -> None:
        """Add what the panel shows."""
        raise NotImplementedError


@contextmanager
def notify_errors(ctx: Any) -> Iterator[None]:
    """Show what the user can mend as a sentence."""
    try:
        with lost_in_words():
            yield
    except CuradiffError as error:
        ctx.ops.notify(str(error), variant="error")
