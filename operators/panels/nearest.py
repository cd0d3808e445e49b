"""Generated images side by side with their nearest training images, for what is selected."""

from __future__ import annotations

from typing import Any

from fiftyone.operators import types

from ...datasets import info, pairs
from ...datasets.generated import source_name
from . import layout

SHOWN = 6  # pairs at a time


def add_nearest(page: types.Object, ctx: Any, panel: Any) -> None:
    """Add the card while samples are selected in the grid."""
    generated = bool(info.section(ctx.dataset, "generated"))
    linked = info.section(ctx.dataset, "generated_datasets")
    if not (generated or linked):
        return
    card = page.v_stack("pairs", variant="outline", gap=1, pad=2, align_x="stretch")
    card.view("title", types.HeaderView(label="**Nearest images**"))
    ids = list(ctx.selected)
    if not ids:
        subject = "generated images" if generated else "images"
        counterparts = (
            "training images they are nearest to" if generated else "generated ones near them"
        )
        layout.text(card, f"Select {subject} in the grid to see the {counterparts}.")
        return
    find = pairs.nearest_training if generated else pairs.nearest_generated
    matches = find(ctx.dataset, ids, limit=SHOWN)
    if not matches:
        layout.text(
            card,
            "Nothing is known of these: evaluate the generated images with “Trained on”"
            if generated
            else "No generated image is nearest to these.",
        )
        return
    row = types.Object()
    card.define_property("shown", row, view=types.GridView(orientation="2d", gap=2, align_x="left"))
    for number, pair in enumerate(matches):
        cell = row.h_stack(f"pair{number}", gap=0, align_x="left")
        layout.image(cell, pair.generated_path, "generated", height="96px")
        layout.image(cell, pair.real_path, "nearest training image", height="96px")
    layout.text(card, "Left: generated. Right: the training image it is nearest to.")
    name = source_name(info.read(ctx.dataset)) if generated else matches[0].dataset
    ids = [pair.real_id if generated else pair.generated_id for pair in matches]
    layout.button(card, f"Open them in {name}", panel.open_samples, name=name, ids=ids)
