"""What a request to the App may not set, and how its owner allows it."""

from __future__ import annotations

import re

import pytest
from curadiff.common.errors import EnvironmentFault
from curadiff.config import VERBS, refused_in_app
from curadiff.config.base import setting
from curadiff.config.owner import PERMISSIONS, allowed_in_app

CODE, FILES = {"code"}, {"files"}
DANGEROUS = [  # verb, values, the setting that is refused, what allows it
    ("embed", {"encoder": "python:/x/y.py:build"}, "encoder", CODE),
    ("embed", {"encoder": "python:os:system"}, "encoder", CODE),
    ("embed", {"encoder": " python:os:system"}, "encoder", CODE),
    ("embed", {"encoder": "/x/network.pt"}, "encoder", FILES),
    ("embed", {"encoder": "./network"}, "encoder", FILES),
    ("embed", {"encoder": "timm:hf-hub:someone/network"}, "encoder", FILES),
    ("embed", {"encoder": "timm:local-dir:/x"}, "encoder", FILES),
    ("embed", {"encoder": "open_clip:local-dir:/x"}, "encoder", FILES),
    ("embed", {"encoder": "open_clip:ViT-B-32:/x/network.pt"}, "encoder", FILES),
    ("embed", {"encoder": "open_clip:ViT-B-32:../network"}, "encoder", FILES),
    ("embed", {"weights": "/x/network.pt"}, "weights", FILES),
    ("embed", {"weights": "network.safetensors"}, "weights", FILES),
    ("evaluate", {"encoder": "python:/x/y.py:build"}, "encoder", CODE),
    ("evaluate", {"weights": "network.safetensors"}, "weights", FILES),
    ("train", {"accelerate": "--multi_gpu"}, "accelerate", CODE),
    ("train", {"start_from": "/x/run"}, "start_from", FILES),
    ("train", {"start_from": "../run"}, "start_from", FILES),
    ("train", {"start_from": "run\n"}, "start_from", FILES),
    ("train", {"start_from": "model-3.pt", "network": "lucidrains"}, "start_from", FILES),
    ("study", {"embed": {"encoder": "python:/x/y.py:build"}}, "embed.encoder", CODE),
    ("study", {"embed": {"weights": "/x/network.pt"}}, "embed.weights", FILES),
    ("study", {"evaluate": {"encoder": "python:/x/y.py:build"}}, "evaluate.encoder", CODE),
    ("study", {"evaluate": {"weights": "/x/network.pt"}}, "evaluate.weights", FILES),
    ("study", {"train": {"accelerate": "--multi_gpu"}}, "train.accelerate", CODE),
    ("study", {"train": {"start_from": "/x/run"}}, "train.start_from", FILES),
]


@pytest.mark.parametrize(("verb", "values", "name", "permission"), DANGEROUS)
def test_what_runs_code_or_names_files_is_refused_unless_that_is_allowed(
    verb, values, name, permission
):
    for allowed in ((), set(PERMISSIONS) - permission):
        found = refused_in_app(VERBS[verb], values, allowed=allowed)
        assert list(found) == [name]
        assert f"CURADIFF_APP_ALLOWS={next(iter(permission))}" in found[name]
    assert refused_in_app(VERBS[verb], values, allowed=permission) == {}


@pytest.mark.parametrize("verb", VERBS)
def test_the_defaults_of_every_verb_are_harmless(verb):
    assert refused_in_app(VERBS[verb], {}, allowed=()) == {}


def test_a_wrong_value_elsewhere_hides_nothing():
    values = {"encoder": "python:/x/y.py:build", "batch_size": -1}
    assert list(refused_in_app(VERBS["embed"], values, allowed=())) == ["encoder"]
    nested = {"budget": "many", "train": {"accelerate": "--multi_gpu"}}
    assert list(refused_in_app(VERBS["study"], nested, allowed=())) == ["train.accelerate"]


def test_published_encoders_and_runs_of_the_home_may_be_named():
    for name in (
        "builtin",
        "clip-vit-b32",
        "dinov2-vit-l14",
        "inception",
        "timm:resnet50",
        "timm:vit_base_patch14_dinov2.lvd142m",
        "open_clip:ViT-B-32",
        "open_clip:ViT-H-14-378-quickgelu:dfn5b",
        "open_clip:convnext_xxlarge:laion2b_s34b_b82k_augreg_soup",
    ):
        assert refused_in_app(VERBS["embed"], {"encoder": name}, allowed=()) == {}
    assert refused_in_app(VERBS["train"], {"start_from": "train-20260101-1"}, allowed=()) == {}


def test_a_setting_whose_help_speaks_of_files_or_code_is_marked():
    """A new setting that takes a path or a command fails here until it is marked."""
    speaks = re.compile(
        r"\b(files?|folders?|paths?|director\w+|python|code|script|command|flags)\b", re.I
    )
    named = re.compile(r"path|folder|file|dir|command|script|weights|flags|python|accelerate")
    harmless = {"name", "batch_size", "image"}  # names of things; says when files are written
    unmarked = [
        f"{verb}.{name}"
        for verb, model in VERBS.items()
        for name, field in model.model_fields.items()
        if (speaks.search(field.description or "") or named.search(name))
        and "Literal" not in str(field.annotation)
        and field.annotation is not bool
        and name not in harmless
        and field.json_schema_extra["owner_only"] is None
    ]
    assert unmarked == []


def test_the_owner_allows_by_words(monkeypatch):
    monkeypatch.delenv("CURADIFF_APP_ALLOWS", raising=False)
    assert allowed_in_app() == set()
    monkeypatch.setenv("CURADIFF_APP_ALLOWS", "code, files")
    assert allowed_in_app() == {"code", "files"}
    monkeypatch.setenv("CURADIFF_APP_ALLOWS", "everything")
    with pytest.raises(EnvironmentFault, match=r"may list code and files.*'everything'"):
        allowed_in_app()


def test_a_mark_that_nothing_understands_is_refused():
    with pytest.raises(TypeError, match="owner_only must be one of"):
        setting("", "A setting.", owner_only="is dangerous")
