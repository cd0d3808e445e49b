"""The operator that finds near-duplicates."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from ..datasets import reading
from ..datasets.resolving import all_samples
from . import navigation, suggestions
from .base import BaseOperator, Results, add_error, add_menu, add_target


class FindDuplicates(BaseOperator):
    """Images that are copies of one another, or nearly."""

    slug = "find_duplicates"
    title = "Find near-duplicates"
    about = (
        "Show the images that are copies of others, or nearly, side by side; nothing is changed."
    )
    button = "Find"
    icon = "filter_none"
    risk: ClassVar[types.RiskLevel] = types.RiskLevel.LOW
    results: ClassVar[Results] = {
        "groups": (int, "Groups of near-duplicates"),
        "images": (int, "Images in them"),
    }

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask which images and embeddings."""
        add_target(ctx, form, "Search")
        if _has_embeddings(ctx, form):
            add_menu(form, "field", suggestions.embedding_fields(ctx.dataset), label="Embeddings")

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Find them, and show them group by group."""
        field = ctx.params.get("field") or reading.only_embedding_field(ctx.dataset)
        return show_duplicates(ctx, ctx.target_view(), field)

    def __call__(self, samples: Any, *, field: str | None = None) -> list[list[str]]:
        """Return the groups of sample ids."""
        from ..studies.near_duplicates import near_duplicates

        return near_duplicates(samples, field=field)


def show_duplicates(ctx: Any, samples: Any, field: str) -> dict[str, Any]:
    """Find near-duplicates among samples, show them in the App, and count them."""
    from ..studies.near_duplicates import near_duplicates

    groups = near_duplicates(samples, field=field)
    ids = [id for group in groups for id in group]
    message = "No two images are near-duplicates."
    if ids:
        word = "group" if len(groups) == 1 else "groups"
        message = f"{len(ids):,} images in {len(groups):,} {word} are copies, or nearly."
        if ctx.executor is not None:
            navigation.show_view(ctx, all_samples(ctx.dataset).select(ids, ordered=True))
    return {"groups": len(groups), "images": len(ids), "message": message}


def _has_embeddings(ctx: Any, form: types.Object) -> bool:
    """Tell whether there are embeddings, and say in the form where there are none."""
    if reading.embedding_fields(ctx.dataset):
        return True
    add_error(form, "There are no embeddings yet; compute them first.")
    return False
