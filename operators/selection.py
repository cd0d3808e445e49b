"""The operator that selects the images to train on."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from ..config import SelectSettings, Settings
from ..datasets import reading
from . import checks, defaults, form_values, forms, suggestions
from .base import BaseOperator, Results, add_error, add_menu, add_target


class SelectSamples(BaseOperator):
    """The images to train on."""

    slug = "select_samples"
    title = "Select training images"
    about = (
        "Choose which images a model is trained on, by diversity, typicality or at random; they "
        "get a tag and a saved view."
    )
    button = "Select"
    icon = "filter_center_focus"
    model: ClassVar[type[Settings] | None] = SelectSettings
    results: ClassVar[Results] = {
        "name": (str, "Name of the selection"),
        "count": (int, "Selected images"),
    }

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask for the pool and the method; say how large the pool is."""
        add_target(ctx, form, "Choose from")
        fields = reading.embedding_fields(ctx.dataset)
        left_out = form_values.settings_refused_here(SelectSettings)
        if len(fields) > 1:
            listed = suggestions.embedding_fields(ctx.dataset)
            add_menu(form, "field", listed, label="Embeddings")
            left_out = (*left_out, "field")
        size = self._describe_pool(ctx, form, fields)
        defaults_here, _ = self.form_defaults(ctx)
        values = {**SelectSettings().model_dump(), **defaults_here}
        values |= form_values.form_settings(SelectSettings, ctx.params)
        forms.add_settings(
            form,
            SelectSettings,
            ctx.params,
            leave_out=left_out,
            defaults=defaults_here,
            errors=checks.selecting(ctx.dataset, size, values),
            menus=suggestions.selection_menus(ctx.dataset),
        )

    def _describe_pool(self, ctx: Any, form: types.Object, fields: list[str]) -> int:
        size = _pool_size(ctx)
        method = ctx.params.get("method") or SelectSettings().method
        if not fields and method != "random":
            add_error(form, "There are no embeddings yet; compute them first, or select at random.")
        what = "images with embeddings" if fields else "images"
        form.view("pool", types.Notice(label=f"The pool has {size:,} {what}."))
        return size

    def form_defaults(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return {"budget": defaults.budget(_pool_size(ctx))}, []

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Select; quick enough to wait for."""
        from ..workflows import selecting

        selection = selecting.select(ctx.target_view(), **self.settings(ctx))
        if ctx.executor is not None:
            ctx.ops.reload_dataset()
        return {
            "name": selection.name,
            "count": len(selection.ids),
            "message": str(selection),
        }

    def __call__(self, samples: Any, **settings: Any) -> Any:
        """Select now; see ``curadiff.select``."""
        from ..workflows import selecting

        return selecting.select(samples, **settings)


def _pool_size(ctx: Any) -> int:
    """Count what a selection can choose from: the samples with embeddings, where there are any."""
    fields = reading.embedding_fields(ctx.dataset)
    view = ctx.target_view()
    vectors = ctx.params.get("field") or (fields[0] if fields else None)
    return view.count(vectors) if vectors in fields else len(view)
