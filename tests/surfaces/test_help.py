"""The help of a command explains what most people change, and names everything else."""

from __future__ import annotations

import re

import pytest
from curadiff import cli
from curadiff.config import VERBS, Settings, plain_type
from curadiff.config.sections import ELSEWHERE, FIRST, SECTIONS
from curadiff.operators import forms
from fiftyone.operators import types

OTHERS = "other settings"


def shown(capsys, *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    assert ended.value.code == 0
    return capsys.readouterr().out


def explained(text: str) -> set[str]:
    """The flags that begin a line of the settings, by their dotted setting."""
    settings = text.partition("\nsettings:\n")[2].partition(OTHERS)[0]
    flags = re.findall(r"^  --([a-z._-]+)", settings, re.MULTILINE)
    return {flag.replace("-", "_") for flag in flags}


def named(text: str) -> set[str]:
    """The flags of the last part of the help: ``--train.network, .layers`` are two."""
    settings, prefix = set(), ""
    for flag in re.findall(r"(--[a-z._-]+|(?<= )\.[a-z_-]+)", text.partition(OTHERS)[2]):
        whole = f"{prefix}{flag}" if flag.startswith(".") else flag[2:]
        prefix = whole.partition(".")[0]
        settings.add(whole.replace("-", "_"))
    return settings - {"help_all"}


def every_setting(model: type[Settings], prefix: str = "") -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        inner = plain_type(field)
        if isinstance(inner, type) and issubclass(inner, Settings):
            names |= every_setting(inner, f"{prefix}{name}.")
        else:
            names.add(f"{prefix}{name}")
    return names


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_explains_what_the_form_shows_first_and_names_the_rest(verb, capsys):
    form = types.Object()
    forms.add_settings(form, VERBS[verb], {})
    unfolded = {
        n for n, field in form.properties.items() if not isinstance(field.type, types.Object)
    }
    brief, whole = shown(capsys, verb, "--help"), shown(capsys, verb, "--help-all")
    every = every_setting(VERBS[verb]) - set(ELSEWHERE.get(verb, ()))
    assert explained(brief) == unfolded | set(FIRST.get(verb, ()))
    assert named(brief) == every - explained(brief)
    assert explained(whole) == every
    assert OTHERS not in whole


@pytest.mark.parametrize("verb", FIRST)
def test_the_help_of_a_whole_study_stays_readable(verb, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = shown(capsys, verb, "--help").splitlines()
    assert len(lines) <= 100
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("columns", ["3", "40"])
def test_a_narrow_terminal_breaks_no_flag(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    assert "--together-field" in shown(capsys, "select", "--help").partition(OTHERS)[2]


def test_the_help_of_all_has_the_titles_of_the_form_and_of_its_steps(capsys):
    whole = shown(capsys, "study", "--help-all")
    for title in (*SECTIONS["study"], "Training", "Training: optimizer", "Evaluation: computing"):
        assert f"\n{title}:\n" in whole, title


def test_where_nothing_is_folded_the_help_offers_no_longer_one(capsys):
    assert "--help-all" not in shown(capsys, "map", "--help")
    assert shown(capsys, "map", "--help-all") == shown(capsys, "map", "--help")
