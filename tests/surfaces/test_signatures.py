"""What help(), notebooks, editors and type checkers say of a verb is what its settings say."""

from __future__ import annotations

import inspect
import json
import pydoc
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import curadiff
import pytest
from curadiff.config import (
    EmbedSettings,
    EvaluateSettings,
    GenerateSettings,
    ImportSettings,
    LinkSettings,
    MapSettings,
    PreviewSettings,
    RatePlanSettings,
    RateSettings,
    SelectSettings,
    SimilarSettings,
    StudySettings,
    TrainSettings,
    choices,
)
from curadiff.config.signatures import OPTIONS, options_source

ROOT = Path(__file__).resolve().parents[2]
VERBS = {
    "import_images": ImportSettings,
    "embed": EmbedSettings,
    "map_embeddings": MapSettings,
    "similar": SimilarSettings,
    "select": SelectSettings,
    "train": TrainSettings,
    "resume": TrainSettings,
    "estimate_training": TrainSettings,
    "generate": GenerateSettings,
    "import_generated": LinkSettings,
    "evaluate": EvaluateSettings,
    "study": StudySettings,
    "estimate_study": StudySettings,
    "preview": PreviewSettings,
    "rate_start": RateSettings,
    "rate_plan": RatePlanSettings,
}


def test_the_keywords_that_editors_read_are_those_of_the_settings():
    assert OPTIONS.read_text() == options_source(), (
        "the settings changed; run: python -m curadiff.config.signatures"
    )


def test_every_verb_that_takes_settings_is_held_here():
    open_ended = {
        name
        for name in curadiff.__all__
        if "Options]" in inspect.getsource(inspect.unwrap(getattr(curadiff, name)))
    }
    assert open_ended == set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_help_names_every_option_with_type_default_and_sentence(name):
    verb, model = getattr(curadiff, name), VERBS[name]
    shown = " ".join(pydoc.render_doc(verb, renderer=pydoc.plaintext).split())
    parameters = inspect.signature(verb).parameters
    assert "settings" not in parameters
    assert "**" not in shown
    for option, field in model.model_fields.items():
        parameter = parameters[option]
        assert parameter.kind == parameter.KEYWORD_ONLY
        assert f"{option} (" in shown
        assert field.description in shown
        for choice in choices(field) or ():
            assert repr(choice) in str(parameter.annotation)
        plain = isinstance(field.default, int | float | str | None)
        if plain and name != "resume" and not field.is_required():
            assert parameter.default == field.default


@pytest.mark.slow
def test_a_type_checker_knows_every_keyword_and_its_type(tmp_path):
    (tmp_path / "curadiff").symlink_to(ROOT)
    code = """
    import curadiff

    selection = curadiff.select("photos", method="coreset", budget=10)
    reveal_type(selection)
    curadiff.select("photos", budgt=10)
    curadiff.select("photos", method="corset")
    curadiff.study("photos", arms=["full", {"name": "a", "method": "random"}], train={"steps": 5})
    curadiff.train("photos", steps="many")
    """
    (tmp_path / "use.py").write_text(textwrap.dedent(code))
    config = {"include": ["use.py"], "extraPaths": [str(tmp_path)], "pythonVersion": "3.11"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    pyright = shutil.which("pyright", path=str(Path(sys.executable).parent))
    assert pyright
    words = [pyright, "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    messages = json.loads(done.stdout)["generalDiagnostics"]
    found = {one["range"]["start"]["line"] + 1: one["message"] for one in messages}
    assert set(found) == {5, 6, 7, 9}
    assert "SelectResult" in found[5]
    assert "budgt" in found[6]
    assert "corset" in found[7]
    assert "steps" in found[9]
