"""The operator that makes a data set of a folder of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import fiftyone as fo
from fiftyone.operators import types

from ..common.errors import CuradiffError, DataError
from ..config import ImportSettings, Settings
from ..datasets import counting
from . import form_values, forms
from .access import folder_of_images
from .base import BaseOperator, Results, in_app, start_job


class ImportImages(BaseOperator):
    """Photographs of a folder become a data set."""

    slug = "import_images"
    title = "Import images"
    about = (
        "Make a FiftyOne data set of a folder of photographs, or of a VITON-HD or Dress Code "
        "download."
    )
    button = "Import"
    icon = "add_photo_alternate"
    model: ClassVar[type[Settings] | None] = ImportSettings
    needs_dataset = False
    risk = types.RiskLevel.LOW
    delegates = True
    results: ClassVar[Results] = {"run": (str, "Id of the run")}

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask for the folder."""
        about: dict[str, Any] = {
            "label": "Folder",
            "description": "The folder that holds the images, on the machine that the App runs on.",
            "required": True,
        }
        if isinstance(ctx.params.get("folder"), str):  # by a program: FiftyOne's File takes no text
            form.str("folder", **about)
        else:
            view = types.FileExplorerView(choose_dir=True, button_label="Choose a folder")
            form.file("folder", view=view, **about)
        error = _folder_error(ctx.params)
        if error:
            forms.mark(form, "folder", error)
        refused = form_values.settings_refused_here(ImportSettings)
        forms.add_settings(form, ImportSettings, ctx.params, leave_out=refused)

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Start the import."""
        error = _folder_error(ctx.params)
        if error:
            raise DataError(error)
        folder = folder_of_images(_folder(ctx.params))
        settings = self.settings(ctx)
        if in_app(ctx) and ctx.dataset is not None and not counting.exact(ctx.dataset):
            settings.setdefault("name", ctx.dataset.name)
        return start_job(ctx, "import", {"source": folder}, settings)

    def __call__(self, source: Any, **settings: Any) -> Any:
        """Import now; see ``curadiff.import_images``."""
        from ..workflows import importing

        return importing.import_images(source, **settings)


def _folder(params: dict[str, Any]) -> str | None:
    given = params.get("folder")
    return given.get("absolute_path") if isinstance(given, dict) else given


def _folder_error(params: dict[str, Any]) -> str | None:
    """Say what is wrong with the folder that a form gives, None if nothing."""
    path = _folder(params)
    if not path:
        return "Choose the folder that holds the images."
    try:
        folder = Path(folder_of_images(path))
    except CuradiffError as error:
        return str(error)
    if not folder.exists():
        if "/" not in path and fo.dataset_exists(path):
            return None  # a data set can be imported too
        return f"{path} does not exist on the machine that the App runs on; choose a folder there."
    return None if folder.is_dir() else f"{path} is a file; choose the folder that it is in."
