"""Operators on embeddings: compute them, lay them out in the plane."""

from __future__ import annotations

from shlex import quote
from typing import Any, ClassVar

from fiftyone.operators import types

from ..config import EmbedSettings, MapSettings, Settings
from ..datasets import reading
from ..workflows import mapping, similarity
from . import checks, defaults, form_values, forms, suggestions
from .base import (
    BaseOperator,
    Results,
    add_error,
    add_menu,
    add_notice,
    add_size,
    add_target,
    start_job,
)


class ComputeEmbeddings(BaseOperator):
    """Images become vectors."""

    slug = "compute_embeddings"
    title = "Compute embeddings"
    about = (
        "Turn images into vectors by an encoder (CLIP, DINOv2, or one without weights); needed "
        "before training images are selected."
    )
    button = "Compute"
    icon = "scatter_plot"
    model: ClassVar[type[Settings] | None] = EmbedSettings
    delegates = True
    results: ClassVar[Results] = {"run": (str, "Id of the run")}

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask for the images and the encoder."""
        add_target(ctx, form, "Embed")
        add_size(ctx, form, "encoder")
        defaults_here, notes = self.form_defaults(ctx)
        values = form_values.effective_settings(EmbedSettings, ctx.params, defaults_here)
        errors = checks.embedding(ctx.dataset, values)
        forms.add_settings(
            form,
            EmbedSettings,
            ctx.params,
            leave_out=form_values.settings_refused_here(EmbedSettings),
            defaults=defaults_here,
            errors=errors,
            suggestions={
                "encoder": suggestions.encoder_names(),
                "field": suggestions.embedding_fields(ctx.dataset),
            },
        )
        add_notice(form, notes)

    def form_defaults(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return defaults.embedding()

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Start the job."""
        return start_job(
            ctx, "embed", {"samples": ctx.target_view()}, self.settings(ctx), on_view=True
        )

    def __call__(self, samples: Any, **settings: Any) -> Any:
        """Embed now; see ``curadiff.embed``."""
        from ..workflows import embedding

        return embedding.embed(samples, **settings)


class MapEmbeddings(BaseOperator):
    """Embeddings as points, for a lasso."""

    slug = "map_embeddings"
    title = "Map embeddings"
    about = (
        "Lay embeddings out in two dimensions, coloured by selection; a lasso shows the images "
        "inside it."
    )
    button = "Map"
    icon = "bubble_chart"
    model: ClassVar[type[Settings] | None] = MapSettings
    risk = types.RiskLevel.LOW
    results: ClassVar[Results] = {"key": (str, "Brain key of the map")}

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask which embeddings, and how to lay them out."""
        add_target(ctx, form, "Map")
        fields = reading.embedding_fields(ctx.dataset)
        if not fields:
            add_error(form, "There are no embeddings yet; compute them first.")
            return
        forms.add_settings(
            form,
            MapSettings,
            ctx.params,
            leave_out=form_values.settings_refused_here(MapSettings),
            defaults=self.form_defaults(ctx)[0],
            menus={"field": suggestions.as_choices(fields), "method": mapping.METHODS},
            suggestions={"similar": suggestions.as_choices(similarity.backends())},
        )
        if ctx.params.get("method") == "umap" and not mapping.has_umap():
            add_error(form, "UMAP is not installed; install it with: pip install umap-learn.")

    def form_defaults(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with the first of several embeddings."""
        return {"field": next(iter(reading.embedding_fields(ctx.dataset)), None)}, []

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Map, and open the panel."""
        key = mapping.map_embeddings(ctx.target_view(), **self.settings(ctx))
        if ctx.executor is not None:
            ctx.ops.reload_dataset()
            open_map(ctx, key)
        return {
            "key": key,
            "message": f"The map is {key}; FiftyOne's Embeddings panel lists it too.",
        }

    def __call__(self, samples: Any, **options: Any) -> str:
        """Map now; see ``curadiff.workflows.mapping.map_embeddings``."""
        return mapping.map_embeddings(samples, **options)


class IndexSimilarity(BaseOperator):
    """Images that are like a chosen one."""

    slug = "index_similarity"
    title = "Index for similarity"
    about = (
        "Index embeddings, so that FiftyOne's Sort by similarity shows the images most like a "
        "chosen one."
    )
    button = "Index"
    icon = "image_search"
    risk = types.RiskLevel.LOW
    results: ClassVar[Results] = {"key": (str, "Brain key of the index")}

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask which embeddings, and which backend holds the index."""
        fields = reading.embedding_fields(ctx.dataset)
        if not fields:
            add_error(form, "There are no embeddings yet; compute them first.")
            return
        add_menu(form, "field", {name: name for name in fields}, label="Embeddings")
        backends = {name: name for name in similarity.backends()}
        add_menu(form, "backend", backends, label="Backend", default="sklearn")

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Index, and say where it is used."""
        options = {name: ctx.params[name] for name in ("field", "backend") if ctx.params.get(name)}
        key = similarity.index_similarity(ctx.dataset, **options)
        text = similarity.takes_text(ctx.dataset, key)
        words = ", or type what to look for." if text else "."
        if not text and similarity.has_words(ctx.dataset, options.get("field")):
            words += (
                " It takes no text, for the weights of the CLIP model could not be loaded; give "
                f"them with: curadiff map {quote(ctx.dataset.name)} --similar --weights FILE"
            )
        if ctx.executor is not None:
            ctx.ops.reload_dataset()
        return {
            "key": key,
            "message": f"The index is {key}: choose an image, then Sort by similarity{words}",
        }

    def __call__(self, samples: Any, **options: Any) -> str:
        """Index now; see ``curadiff.workflows.similarity.index_similarity``."""
        return similarity.index_similarity(samples, **options)


def open_map(ctx: Any, key: str) -> None:
    """Open the panel with a map of embeddings, coloured by the newest selection.

    FiftyOne's own Embeddings panel opens on its list of maps, and no request can choose one.
    """
    ctx.ops.open_panel("curadiff_map", layout="horizontal", state={"key": key})
