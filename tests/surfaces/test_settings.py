"""One definition: what Python, the shell and the form say of a setting is the same."""

from __future__ import annotations

import pytest
from curadiff import cli
from curadiff.cli.commands import add_commands
from curadiff.cli.flags import Parser, given_settings
from curadiff.cli.settings_file import read_settings
from curadiff.common.errors import SettingsError
from curadiff.config import VERBS, Settings, choices, faults, limits, plain_type

FIELDS = [
    (verb, name)
    for verb, model in VERBS.items()
    for name, field in model.model_fields.items()
    if not issubclass(plain_type(field), Settings)
]
SOURCE = {
    "train": ["data"],
    "evaluate": ["data", "data"],
    "study": ["data"],
}


def parse(verb: str, *words: str) -> dict:
    parser = Parser(prog="curadiff")
    add_commands(parser)
    parsed = parser.parse([verb, *SOURCE.get(verb, ["data"]), *words])
    return given_settings(parsed, VERBS[verb])


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_given_is_the_same_default_everywhere(verb):
    assert parse(verb) == {}
    assert VERBS[verb](**parse(verb)) == VERBS[verb]()


@pytest.mark.parametrize(("verb", "name"), FIELDS)
def test_every_setting_has_a_flag_and_help(verb, name, capsys):
    field = VERBS[verb].model_fields[name]
    assert field.description
    assert field.description.endswith((".", ")", "FUNCTION."))
    with pytest.raises(SystemExit):
        cli.main([verb, "--help-all"])
    shown = capsys.readouterr().out.replace("\n", " ").replace(",", " ") + " "
    assert f"{flag(name)} " in shown


BOUNDED = [
    (v, n) for v, n in FIELDS if {"ge", "gt", "le", "lt"} & set(limits(VERBS[v].model_fields[n]))
]


def beyond(verb: str, name: str) -> float:
    bound = limits(VERBS[verb].model_fields[name])
    low = bound.get("ge", bound.get("gt"))
    return low - 1 if low is not None else bound.get("le", bound.get("lt")) + 1


@pytest.mark.parametrize(("verb", "name"), BOUNDED)
def test_a_value_beyond_its_limit_gets_one_sentence_on_all_surfaces(verb, name):
    value = beyond(verb, name)
    with pytest.raises(SettingsError) as python:
        VERBS[verb](**{name: value})
    with pytest.raises(SettingsError) as shell:
        VERBS[verb](**parse(verb, f"{flag(name)}={value:g}"))
    form = faults(VERBS[verb], {name: value})
    assert f"{name} must be" in str(python.value)
    assert form[name] == str(python.value)
    assert str(shell.value).rsplit(", got", 1)[0] == str(python.value).rsplit(", got", 1)[0]


CHOSEN = [
    (v, n)
    for v, n in FIELDS
    if choices(VERBS[v].model_fields[n]) and plain_type(VERBS[v].model_fields[n]) is str
]


@pytest.mark.parametrize(("verb", "name"), CHOSEN)
def test_a_wrong_choice_lists_the_choices(verb, name):
    with pytest.raises(SettingsError) as python:
        VERBS[verb](**{name: "zzz"})
    with pytest.raises(SettingsError) as shell:
        VERBS[verb](**parse(verb, flag(name), "zzz"))
    assert str(python.value) == str(shell.value)
    for choice in choices(VERBS[verb].model_fields[name]):
        assert str(choice) in str(python.value)


def test_settings_inside_settings_are_named_with_their_path():
    given = parse("study", "--train.steps", "0", "--evaluate.k=0")
    assert given == {"train": {"steps": "0"}, "evaluate": {"k": "0"}}
    found = faults(VERBS["study"], given)
    assert found["train.steps"] == "train.steps must be >= 1, got 0."
    assert found["evaluate.k"] == "evaluate.k must be >= 1, got 0."


def test_a_flag_may_stand_alone_where_its_setting_says_what_that_means():
    assert parse("map", "--similar") == {"similar": "sklearn"}
    assert parse("map", "--similar", "lancedb") == {"similar": "lancedb"}
    sentence = "weights is for similar; give both."
    assert faults(VERBS["map"], parse("map", "--weights", "clip.pt")) == {"": sentence}


def test_an_unknown_flag_is_answered_with_the_nearest(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["select", "data", "--budgett", "3"])
    assert ended.value.code == 2
    assert "did you mean '--budget'" in capsys.readouterr().err


def test_an_unknown_keyword_is_answered_with_the_nearest():
    with pytest.raises(SettingsError, match="did you mean 'budget'"):
        VERBS["select"](budgett=3)


@pytest.mark.parametrize(
    ("word", "name", "tag", "view"),
    [
        ("tag:sharp", "sharp", "sharp", None),
        ("view:photo: 1 a", "photo-1-a", None, "photo: 1 a"),
        ("tag:写真 1", "写真-1", "写真 1", None),
        ("tag:...", "tag", "...", None),
        ("tag:full", "tag-full", "full", None),
        ("view:random", "view-random", None, "random"),
    ],
)
def test_the_word_for_all_of_a_tag_or_view_names_no_other_arm(word, name, tag, view):
    """An arm is called after its tag, but not like one that chooses in another way."""
    (arm, *_) = VERBS["study"](arms=[word, "full", "random"]).arms
    assert (arm.name, arm.method, arm.tag, arm.view) == (name, "full", tag, view)


def test_arms_are_given_by_name_or_in_full():
    study = VERBS["study"]
    arms = study(arms=["full", {"name": "many", "method": "random", "budget": 50}]).arms
    assert [(arm.name, arm.method, arm.budget) for arm in arms] == [
        ("full", "full", None),
        ("many", "random", 50),
    ]
    with pytest.raises(SettingsError, match="different names"):
        study(arms=["random", "random"])
    with pytest.raises(SettingsError, match="got sharp twice; give one of them a name of its own"):
        study(arms=["tag:sharp", "view:sharp"])
    for wrong in ("../other", "a/b", ".hidden", ""):  # such a name would reach other folders
        with pytest.raises(SettingsError, match="letters, digits"):
            study(name=wrong)
        with pytest.raises(SettingsError, match="letters, digits"):
            study(arms=[{"name": wrong, "method": "random"}])
    with pytest.raises(SettingsError, match="different numbers"):
        study(seeds=[1, 1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("- a\n", "name: value"), ("a: [\n", "not YAML")],
)
def test_a_settings_file_that_cannot_be_used(tmp_path, text, sentence):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=sentence):
        read_settings(str(path))
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(str(tmp_path / "none.yaml"))


def test_none_takes_back_a_number_of_a_preset_and_is_a_name_elsewhere():
    train = VERBS["train"]
    assert train(**parse("train", "--preset", "demo")).min_snr == 5
    assert train(**parse("train", "--preset", "demo", "--min-snr", "none")).min_snr is None
    assert train(**parse("train", "--name", "none")).name == "none"
    with pytest.raises(SettingsError, match="steps must be a whole number, got 'none'"):
        train(**parse("train", "--steps", "none"))
