"""What there is to choose from on the open data set: encoders, fields, tags, selections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import fiftyone as fo

from .. import encoders
from ..config.evaluate import METRICS
from ..config.select import Method
from ..datasets import reading, selections
from .forms import explained

NUMBERS = (fo.IntField, fo.FloatField)
OWN_TEXTS = ("filepath", "source_id", "source_hash", "metadata.mime_type", "tags")
"""Text fields by which nobody groups images."""
NONE = {"": "none"}

Choices = dict[str, str]
"""What a menu lists: ``{value: label}``."""


def encoder_names() -> Choices:
    """List the encoders, those first whose weights are on this machine."""
    on_machine = {name: encoders.is_here(name) for name in encoders.NAMES}
    ordered = sorted(encoders.NAMES, key=lambda name: not on_machine[name])
    state = {True: "ready", False: "its weights are not on this machine"}
    return {name: f"{name} ({state[on_machine[name]]})" for name in ordered}


def metric_names() -> Choices:
    """List the metrics of an evaluation."""
    return {name: name.replace("_", " ") for name in METRICS}


def arm_names() -> Choices:
    """List the arms that a study can have: the whole pool, and every selection method."""
    methods = {name: explained("method", name) for name in get_args(Method)}
    return {"full": "full: the whole pool"} | methods


def selection_menus(dataset: Any) -> dict[str, Choices]:
    """List what the settings of ``select`` can refer to, by setting; the first is none."""
    numbers, texts = number_fields(dataset), text_fields(dataset)
    listed = {
        "keep": selections.selection_names(dataset),
        **dict.fromkeys(("exclude_tag", "toward", "away"), tags(dataset)),
        "group_field": texts,
        "together_field": texts,
        "weight_field": numbers,
    }
    return {setting: NONE | as_choices(names) for setting, names in listed.items()}


def text_fields(dataset: Any) -> list[str]:
    """List the fields with texts that images can be grouped by."""
    schema = _fields_of_one_value(dataset)
    texts = [name for name, field in schema.items() if isinstance(field, fo.StringField)]
    return [name for name in texts if name not in OWN_TEXTS and not name.endswith(".tags")]


def number_fields(dataset: Any) -> list[str]:
    """List the fields with a number of each image, but for those of its file."""
    schema = _fields_of_one_value(dataset)
    numbers = [name for name, field in schema.items() if type(field) in NUMBERS]
    return [name for name in numbers if not name.startswith("metadata.")]


def _fields_of_one_value(dataset: Any) -> dict[str, Any]:
    """Return the fields by path, without those inside lists, such as of detections."""
    schema = dataset.get_field_schema(flat=True)
    inside = tuple(f"{path}." for path, field in schema.items() if isinstance(field, fo.ListField))
    return {path: field for path, field in schema.items() if not path.startswith(inside)}


def tags(dataset: Any) -> list[str]:
    """List the tags that samples have."""
    return sorted(tag for tag in dataset.distinct("tags") if tag)


def embedding_fields(dataset: Any) -> Choices:
    """List the fields with embeddings, with the encoder that each is of, without its details."""
    encoders = {
        name: (reading.encoder_of(dataset, name) or "").partition("|")[0]
        for name in reading.embedding_fields(dataset)
    }
    return {name: f"{name} ({made_by})" if made_by else name for name, made_by in encoders.items()}


def as_choices(names: Iterable[str]) -> Choices:
    """Return names as a menu that shows them as they are."""
    return {name: name for name in names}


def plan_menus(dataset: Any) -> dict[str, Choices]:
    """List what a study or a preview can refer to, by dotted setting."""
    select = {f"select.{name}": menu for name, menu in selection_menus(dataset).items()}
    groups = NONE | as_choices(text_fields(dataset))
    return dict.fromkeys(("group_field", "leave_out", "captions"), groups) | select


def plan_suggestions(dataset: Any) -> dict[str, Choices]:
    """List the arms, encoders, fields and metrics of a study or a preview, by dotted setting."""
    encoder_choices = encoder_names()
    return {
        "arms": arm_names(),
        "embed.encoder": encoder_choices,
        "embed.field": embedding_fields(dataset),
        "evaluate.encoder": encoder_choices,
        "evaluate.metrics": metric_names(),
    }
