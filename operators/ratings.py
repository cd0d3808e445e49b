"""The operator that starts a rating study: people choose between two images."""

from __future__ import annotations

from typing import Any, ClassVar

from fiftyone.operators import types

from ..config import RateSettings, Settings
from . import form_values, forms
from .base import BaseOperator, Results, add_error, add_menu

BY = "compare"
FIELD, TAGS = "field", "tags"


class StartRating(BaseOperator):
    """People choose between two images."""

    slug = "start_rating"
    title = "Start a rating study"
    about = (
        "Start a rating study, in which people choose the better of two images, of generated "
        "sets or of tagged images."
    )
    button = "Start"
    icon = "how_to_vote"
    model: ClassVar[type[Settings] | None] = RateSettings
    risk = types.RiskLevel.LOW
    results: ClassVar[Results] = {"study": (str, "Name of the rating study")}

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Ask what is compared."""
        dataset = ctx.dataset
        by_field = dataset.get_field("arm") is not None and len(_arms(dataset)) > 1
        tags = [tag for tag in dataset.distinct("tags") if tag]
        listed = {FIELD: "the arms of these generated images"} if by_field else {}
        if len(tags) > 1:
            listed[TAGS] = "images with different tags"
        if not listed:
            add_error(
                form,
                "There is nothing to compare yet: people choose between images of two arms or "
                "more. Generate images from a model of another selection too, or tag two or more "
                "sets of images.",
            )
            return
        add_menu(form, BY, listed, label="Compare")
        if (ctx.params.get(BY) or next(iter(listed))) == TAGS:
            menu = types.Choices()
            for tag in tags:
                menu.add_choice(tag, label=tag)
            form.list("tags", types.String(), label="Tags", required=True, view=menu)
        forms.add_settings(form, RateSettings, ctx.params, leave_out=("tags", "arms", "by"))

    def settings(self, ctx: Any) -> dict[str, Any]:
        """Return the settings that the form gives, the tags only where they are compared."""
        params = dict(ctx.params)
        if (params.get(BY) or FIELD) != TAGS:
            params.pop("tags", None)
        settings = form_values.form_settings(RateSettings, params)
        RateSettings(**settings)
        return settings

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Store the study."""
        from ..studies import rating

        started = rating.rate_start(ctx.dataset, **self.settings(ctx))
        return {
            "study": started.name,
            "message": f"{started.name} is ready; ask people in the Curadiff people panel.",
        }

    def __call__(self, source: Any, **settings: Any) -> Any:
        """Start a study; see ``curadiff.rate_start``."""
        from ..studies import rating

        return rating.rate_start(source, **settings)


def _arms(dataset: Any) -> list[str]:
    """List the arms of generated images."""
    return [arm for arm in dataset.distinct("arm") if arm]
