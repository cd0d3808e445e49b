"""A pair to vote on, in the panel of rating studies."""

from __future__ import annotations

from typing import Any

from fiftyone.operators import types

from ...common.errors import Busy
from .. import voting
from . import layout

ANSWERS = (("left", "Left is better"), ("tie", "Not sure"), ("right", "Right is better"))
BOTH_BAD = ("both_bad", "Both are bad")


def add_ballot(page: types.Object, ctx: Any, panel: Any, name: str) -> None:
    """Add the open pair of the App's rater, or say why there is none now."""
    try:
        _add_pair(page, ctx, panel, name)
    except Busy:
        text = "The page for raters is open and hands out the pairs; vote there, or stop asking."
        row = layout.row(page, text)
        layout.button(row, "Back to the results", panel.end_voting)


def _add_pair(page: types.Object, ctx: Any, panel: Any, name: str) -> None:
    with voting.session_of(ctx, name) as (session, rater):
        state = session.state(rater)
        rating = session.rating
        pair = state.open[0] if state.open else None
        pictures = {
            side: session.picture(rater, pair.id, side).path
            for side in ("left", "right")
            if pair is not None
        }
    row = layout.row(page, f"**{rating.question}**  {state.done} of {state.total}")
    if state.can_undo:
        layout.button(row, "Undo", panel.undo, study=name, done=state.done)
    layout.button(row, "Back to the results", panel.end_voting)
    layout.bar(page, state.done / state.total, f"{state.done} of {state.total} answered")
    if pair is None:
        layout.text(page, "All pairs are answered; thank you.")
        return
    both = types.Object()
    page.define_property("pair", both, view=layout.wrapping())
    for side, path in pictures.items():
        cell = types.Object()
        column = types.GridView(
            orientation="vertical", gap=0, componentsProps=layout.flexible(160, at_most=512)
        )
        both.define_property(side, cell, view=column)
        view = types.ImageView(alt=f"the picture on the {side}", width="100%")
        shown = voting.picture(path, rating.size)
        cell.str(layout.name_of(side, pair.id), default=shown, view=view)
    answers = page.h_stack("answers", gap=1, align_x="center", componentsProps=layout.WRAPPING)
    offered = (*ANSWERS, BOTH_BAD) if rating.both_bad else ANSWERS
    for answer, label in offered:
        layout.button(
            answers,
            label,
            panel.vote,
            variant="contained",
            study=name,
            pair=pair.id,
            answer=answer,
        )
