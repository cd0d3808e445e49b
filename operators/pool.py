"""Operators on real images: import, embed, select."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import fiftyone as fo
from fiftyone.operators import types

from ..common.errors import CuradiffError, DataError
from ..config import EmbedSettings, ImportSettings, SelectSettings, Settings
from ..datasets import reading, resolving, selections
from ..workflows import mapping
from . import checks, defaults, forms
from .access import folder_of_images
from .base import Doorway, choose, in_app, job, refuse

NUMBERS = (fo.IntField, fo.FloatField)


class ImportImages(Doorway):
    """Photographs of a folder become a data set."""

    slug = "import_images"
    title = "Import images"
    about = "Make a data set of a folder of images or of a VITON-HD download."
    button = "Import"
    icon = "add_photo_alternate"
    model: ClassVar[type[Settings]] = ImportSettings
    risk = types.RiskLevel.LOW
    delegates = True

    def fill(self, ctx: Any, form: types.Object) -> None:
        """Ask for the folder."""
        form.file(
            "folder",
            label="Folder",
            description="The folder that holds the images, as the server sees it.",
            required=True,
            view=types.FileExplorerView(choose_dir=True, button_label="Choose a folder"),
        )
        fault = _wrong_folder(ctx.params)
        if fault:
            forms.mark(form, "folder", fault)
        forms.add_settings(form, ImportSettings, ctx.params)

    def act(self, ctx: Any) -> dict[str, Any]:
        """Start the import."""
        fault = _wrong_folder(ctx.params)
        if fault:
            raise DataError(fault)
        folder = folder_of_images(_folder(ctx.params))
        settings = self.settings(ctx)
        if in_app(ctx) and ctx.dataset is not None and not len(ctx.dataset):
            settings.setdefault("name", ctx.dataset.name)
        return job(ctx, "import", {"source": folder}, settings)

    def __call__(self, source: Any, **settings: Any) -> Any:
        """Import now; see ``curadiff.import_images``."""
        from ..workflows import importing

        return importing.import_images(source, **settings)


class ComputeEmbeddings(Doorway):
    """Images become vectors."""

    slug = "compute_embeddings"
    title = "Compute embeddings"
    about = "Turn images into vectors; selection and evaluation work on these."
    button = "Compute"
    icon = "scatter_plot"
    model: ClassVar[type[Settings]] = EmbedSettings
    delegates = True

    def fill(self, ctx: Any, form: types.Object) -> None:
        """Ask for the images and the encoder."""
        target(ctx, form, "Embed")
        begin, said = self.begin(ctx)
        values = forms.begun(EmbedSettings, ctx.params, begin)
        wrong = checks.embedding(ctx.dataset, values)
        forms.add_settings(
            form,
            EmbedSettings,
            ctx.params,
            leave_out=forms.always_refused(EmbedSettings),
            defaults=begin,
            wrong=wrong,
        )
        say(form, said)

    def begin(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return defaults.embedding()

    def act(self, ctx: Any) -> dict[str, Any]:
        """Start the job."""
        return job(ctx, "embed", {"samples": ctx.target_view()}, self.settings(ctx))

    def __call__(self, samples: Any, **settings: Any) -> Any:
        """Embed now; see ``curadiff.embed``."""
        from ..workflows import embedding

        return embedding.embed(samples, **settings)


class SelectSamples(Doorway):
    """The images to train on."""

    slug = "select_samples"
    title = "Select training images"
    about = "Choose which images a model will be trained on; they get a tag and a saved view."
    button = "Select"
    icon = "filter_center_focus"
    model: ClassVar[type[Settings]] = SelectSettings

    def fill(self, ctx: Any, form: types.Object) -> None:
        """Ask for the pool and the method; say how large the pool is."""
        target(ctx, form, "Choose from")
        fields = reading.embedding_fields(ctx.dataset)
        left_out: tuple[str, ...] = ()
        if len(fields) > 1:
            listed = {name: f"{name} ({reading.encoder_of(ctx.dataset, name)})" for name in fields}
            choose(form, "field", listed, label="Embeddings")
            left_out = ("field",)
        size = self._say_pool(ctx, form, fields)
        begin, _ = self.begin(ctx)
        values = {**SelectSettings().model_dump(), **begin}
        values |= forms.given(SelectSettings, ctx.params)
        forms.add_settings(
            form,
            SelectSettings,
            ctx.params,
            leave_out=left_out,
            defaults=begin,
            wrong=checks.selecting(ctx.dataset, size, values),
            menus=_menus(ctx.dataset),
        )

    def _say_pool(self, ctx: Any, form: types.Object, fields: list[str]) -> int:
        size = _pool_size(ctx)
        method = ctx.params.get("method") or SelectSettings().method
        if not fields and method != "random":
            refuse(form, "There are no embeddings yet; compute them first, or select at random.")
        what = "images with embeddings" if fields else "images"
        form.view("pool", types.Notice(label=f"The pool has {size:,} {what}."))
        return size

    def begin(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Begin with what is here; see `defaults`."""
        return {"budget": defaults.budget(_pool_size(ctx))}, []

    def act(self, ctx: Any) -> dict[str, Any]:
        """Select; quick enough to wait for."""
        from ..workflows import selecting

        done = selecting.select(ctx.target_view(), **self.settings(ctx))
        if ctx.executor is not None:
            ctx.ops.reload_dataset()
        return {"name": done.name, "count": len(done.ids), "message": str(done)}

    def __call__(self, samples: Any, **settings: Any) -> Any:
        """Select now; see ``curadiff.select``."""
        from ..workflows import selecting

        return selecting.select(samples, **settings)


class MapEmbeddings(Doorway):
    """Embeddings as points, for a lasso."""

    slug = "map_embeddings"
    title = "Map embeddings"
    about = "Lay the embeddings out in the plane, for FiftyOne's Embeddings panel."
    button = "Map"
    icon = "bubble_chart"
    risk = types.RiskLevel.LOW

    def fill(self, ctx: Any, form: types.Object) -> None:
        """Ask which embeddings, and how to lay them out."""
        target(ctx, form, "Map")
        fields = reading.embedding_fields(ctx.dataset)
        if not fields:
            refuse(form, "There are no embeddings yet; compute them first.")
            return
        choose(form, "field", {name: name for name in fields}, label="Embeddings")
        choose(form, "method", mapping.METHODS, label="Method")
        if ctx.params.get("method") == "umap" and not mapping.has_umap():
            refuse(form, "UMAP is not installed; install it with: pip install umap-learn.")

    def act(self, ctx: Any) -> dict[str, Any]:
        """Map, and open the panel."""
        given = {name: ctx.params[name] for name in ("field", "method") if ctx.params.get(name)}
        key = mapping.map_embeddings(ctx.target_view(), **given)
        if ctx.executor is not None:
            ctx.ops.reload_dataset()
            ctx.ops.open_panel("Embeddings", layout="horizontal", state={"brainResult": key})
        return {"key": key, "message": f"Choose {key!r} in the Embeddings panel."}

    def __call__(self, samples: Any, **options: Any) -> str:
        """Map now; see ``curadiff.workflows.mapping.map_embeddings``."""
        return mapping.map_embeddings(samples, **options)


def target(ctx: Any, form: types.Object, verb: str) -> None:
    """Let the user say which samples are meant: data set, current view or selected ones."""
    if ctx.dataset is None:
        raise DataError("Open a data set first, or import images.")
    form.view_target(ctx, action_description=verb)
    passing = resolving.passing(ctx.dataset)
    if passing:
        form.view("passing", types.Warning(label=passing))


def _pool_size(ctx: Any) -> int:
    """Count what a selection can choose from: the samples with embeddings, where there are any."""
    fields = reading.embedding_fields(ctx.dataset)
    view = ctx.target_view()
    vectors = ctx.params.get("field") or (fields[0] if fields else None)
    return view.count(vectors) if vectors in fields else len(view)


def _menus(dataset: Any) -> dict[str, dict[str, str]]:
    """List what a selection can refer to: tags, selections and fields that there are."""
    schema = dataset.get_field_schema(flat=True)
    numbers = [name for name, field in schema.items() if type(field) in NUMBERS]
    texts = [name for name, field in schema.items() if isinstance(field, fo.StringField)]
    own = ("filepath", "source_id", "source_hash", "metadata.mime_type", "tags")
    texts = [name for name in texts if name not in own and not name.endswith(".tags")]
    listed = {
        "keep": selections.selection_names(dataset),
        "exclude_tag": sorted(dataset.distinct("tags")),
        "group_field": texts,
        "together_field": texts,
        "weight_field": [name for name in numbers if not name.startswith("metadata.")],
    }
    return {
        setting: {"": "none", **{one: one for one in found}} for setting, found in listed.items()
    }


def say(form: types.Object, sentences: list[str]) -> None:
    """Say what a form chose by what is here."""
    if sentences:
        form.view("chosen", types.Notice(label=" ".join(dict.fromkeys(sentences))))


def _folder(params: dict[str, Any]) -> str | None:
    given = params.get("folder")
    return given.get("absolute_path") if isinstance(given, dict) else given


def _wrong_folder(params: dict[str, Any]) -> str | None:
    """Say what is wrong with the folder that a form gives, None if nothing."""
    given = _folder(params)
    if not given:
        return "Choose the folder that holds the images."
    try:
        folder = Path(folder_of_images(given))
    except CuradiffError as fault:
        return str(fault)
    if not folder.exists():
        if "/" not in given and fo.dataset_exists(given):
            return None  # a data set can be imported too
        return f"{given} does not exist on the machine that the App runs on; choose a folder there."
    return None if folder.is_dir() else f"{given} is a file; choose the folder that it is in."
