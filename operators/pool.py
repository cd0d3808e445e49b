"""Operators on real images: import, embed, select."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from fiftyone.operators import types

from .. import api, runs
from ..api import mapping
from ..config import EmbedSettings, ImportSettings, SelectSettings, Settings
from ..datasets import reading, resolving
from ..datasets.glance import glance
from ..errors import DataError
from . import forms
from .access import folder_of_images
from .doorway import Doorway, choose, job, refuse

WAIT = 300  # seconds until an import into an empty data set is left to itself


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
        forms.add_settings(form, ImportSettings, ctx.params)

    def act(self, ctx: Any) -> dict[str, Any]:
        """Start the import."""
        folder = folder_of_images(_folder(ctx.params))
        done = job(ctx, "import", {"source": folder}, self.settings(ctx))
        if ctx.dataset is not None and not ctx.delegated:
            _follow(ctx, runs.open_run(done["run"]), folder)
        return done

    def __call__(self, source: Any, **settings: Any) -> Any:
        """Import now; see ``curadiff.import_images``."""
        return api.import_images(source, **settings)


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
        forms.add_settings(form, EmbedSettings, ctx.params)

    def act(self, ctx: Any) -> dict[str, Any]:
        """Start the job."""
        return job(ctx, "embed", {"samples": ctx.target_view()}, self.settings(ctx))

    def __call__(self, samples: Any, **settings: Any) -> Any:
        """Embed now; see ``curadiff.embed``."""
        return api.embed(samples, **settings)


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
        forms.add_settings(form, SelectSettings, ctx.params, leave_out=left_out)
        self._say_pool(ctx, form, fields)

    def _say_pool(self, ctx: Any, form: types.Object, fields: list[str]) -> None:
        view = ctx.target_view()
        vectors = ctx.params.get("field") or (fields[0] if fields else None)
        size = view.count(vectors) if vectors in fields else len(view)
        method = ctx.params.get("method") or SelectSettings().method
        if not fields and method != "random":
            refuse(form, "There are no embeddings yet; compute them first, or select at random.")
        budget = ctx.params.get("budget")
        if isinstance(budget, int) and budget > size:
            field = form.properties["budget"]
            field.invalid = True
            field.error_message = (
                f"budget must be <= {size}, the samples that can be chosen, got {budget}."
            )
        what = "images with embeddings" if fields else "images"
        form.view("pool", types.Notice(label=f"The pool has {size:,} {what}."))

    def act(self, ctx: Any) -> dict[str, Any]:
        """Select; quick enough to wait for."""
        done = api.select(ctx.target_view(), **self.settings(ctx))
        if ctx.executor is not None:
            ctx.ops.reload_dataset()
        return {"name": done.name, "count": len(done.ids), "message": str(done)}

    def __call__(self, samples: Any, **settings: Any) -> Any:
        """Select now; see ``curadiff.select``."""
        return api.select(samples, **settings)


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
        """Map now; see ``curadiff.api.mapping.map_embeddings``."""
        return mapping.map_embeddings(samples, **options)


def target(ctx: Any, form: types.Object, verb: str) -> None:
    """Let the user say which samples are meant: data set, current view or selected ones."""
    if ctx.dataset is None:
        raise DataError("Open a data set first, or import images.")
    form.view_target(ctx, action_description=verb)
    passing = resolving.passing(ctx.dataset)
    if passing:
        form.view("passing", types.Warning(label=passing))


def _follow(ctx: Any, run: runs.Run, folder: str) -> None:
    """Let the open data set's panel show an import; where it is empty there is none: wait."""
    name = ctx.dataset.name
    run.add(datasets=[folder, name])
    until = time.monotonic() + WAIT
    while not (glance(name) or (0,))[0] and time.monotonic() < until:
        if run.status["state"] not in runs.ACTIVE:
            break
        time.sleep(0.5)
    ctx.ops.reload_dataset()


def _folder(params: dict[str, Any]) -> str:
    given = params.get("folder")
    path = given.get("absolute_path") if isinstance(given, dict) else given
    if not path:
        raise DataError("folder is needed: the folder that holds the images.")
    return path
