"""Forms and settings are one definition: same fields, defaults and sentences."""

import pytest
from curadiff import config
from curadiff.common.errors import SettingsError
from curadiff.config import VERBS
from curadiff.config.sections import SECTIONS
from curadiff.operators import form_values, forms, sections
from fiftyone.operators import types


def built(model, params=None):
    form = types.Object()
    good = forms.add_settings(form, model, params or {})
    return form, good


def fields_of(form, prefix=""):
    """All fields of a form by dotted setting name, groups walked, the fold seen through."""
    found = {}
    for name, field in form.properties.items():
        if isinstance(field.type, types.Object):
            inner = prefix if sections.is_section(name) else f"{prefix}{name}."
            found |= fields_of(field.type, inner)
        else:
            found[f"{prefix}{name}"] = field
    return found


def settings_of(model, prefix=""):
    found = {}
    for name, field in model.model_fields.items():
        inner = config.plain_type(field)
        if isinstance(inner, type) and issubclass(inner, config.Settings):
            found |= settings_of(inner, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = field
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_every_setting_is_a_field_with_its_help_and_the_defaults_are_good(verb):
    form, good = built(VERBS[verb])
    fields, settings = fields_of(form), settings_of(VERBS[verb])
    assert good
    assert set(fields) == set(settings)
    for name, setting in settings.items():
        assert fields[name].view.description.startswith(setting.description)


@pytest.mark.parametrize("verb", VERBS)
def test_an_untouched_form_gives_the_default_settings(verb):
    model = VERBS[verb]
    form, _ = built(model)

    def untouched(properties):
        return {
            name: untouched(field.type.properties)
            if isinstance(field.type, types.Object)
            else field.default
            for name, field in properties.items()
        }

    assert model(**form_values.form_settings(model, untouched(form.properties))) == model()


@pytest.mark.parametrize(
    ("verb", "params", "where"),
    [
        ("select", {"budget": 0}, "budget"),
        ("select", {"method": "corset"}, "method"),
        ("select", {"section_density_and_outliers": {"alpha": 9}}, "alpha"),
        ("embed", {"section_computing": {"batch_size": "many"}}, "batch_size"),
        ("train", {"image_size": 100}, "image_size"),
        ("train", {"batch_size": 30, "section_optimizer": {"accumulate": 4}}, "batch_size"),
        ("evaluate", {"metrics": "precision_recall, beauty"}, "metrics"),
        ("study", {"seeds": "0, 0"}, "seeds"),
        ("study", {"train": {"steps": 0}}, "train.steps"),
        ("study", {"arms": "full, corset"}, "arms"),
    ],
)
def test_a_wrong_value_is_marked_on_its_field_with_pythons_sentence(verb, params, where):
    form, good = built(VERBS[verb], params)
    with pytest.raises(SettingsError) as raised:
        VERBS[verb](**form_values.form_settings(VERBS[verb], params))
    assert not good
    wrong = {name: f.error_message for name, f in fields_of(form).items() if f.invalid}
    assert list(wrong) == [where]
    assert wrong[where] == str(raised.value)


def test_presets_show_what_they_give_and_leave_the_fields_empty():
    form, _ = built(VERBS["train"], {"preset": "demo"})
    steps = fields_of(form)["steps"]
    assert steps.default is None
    assert steps.view.placeholder == "300 (preset)"
    values = form_values.form_settings(
        VERBS["train"], {"preset": "demo", "steps": None, "batch_size": 8}
    )
    assert VERBS["train"](**values).steps == 300


def test_choices_are_a_menu_and_limits_are_said():
    form, _ = built(VERBS["select"])
    assert form.properties["method"].type.values == list(
        config.choices(VERBS["select"].model_fields["method"])
    )
    assert form.properties["budget"].view.description.endswith("(at least 1)")


@pytest.mark.parametrize("verb", VERBS)
def test_sections_name_settings_that_there_are_each_once(verb):
    listed = [name for names in SECTIONS.get(verb, {}).values() for name in names]
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(VERBS[verb].model_fields)


def test_a_form_begins_with_few_fields_and_folds_the_others_under_titles():
    for verb in ("train", "study", "select", "evaluate", "generate", "embed"):
        properties = built(VERBS[verb])[0].properties
        first = [name for name, p in properties.items() if not isinstance(p.type, types.Object)]
        assert len(first) <= 6, verb
        folded = [p for p in properties.values() if isinstance(p.type, types.Object)]
        assert all(p.view.label and p.view.to_json()["collapsible"] for p in folded)
        assert not any(p.view.to_json()["default_expanded"] for p in folded)


def test_a_section_with_a_wrong_value_is_unfolded():
    form, _ = built(VERBS["select"], {"section_density_and_outliers": {"alpha": 9}})
    assert form.properties["section_density_and_outliers"].view.to_json()["default_expanded"]
    assert not form.properties["section_computing"].view.to_json()["default_expanded"]


def test_an_empty_field_says_what_is_used_instead():
    form, _ = built(VERBS["select"])
    assert fields_of(form)["name"].view.placeholder == "METHOD-BUDGET"
    assert fields_of(form)["keep"].view.placeholder == "none"


def test_suggestions_offer_what_exists_and_let_another_value_be_typed():
    form = types.Object()
    offered = {"arms": {"full": "full: the whole pool", "random": "random: by lot"}}
    model = VERBS["study"]
    assert forms.add_settings(form, model, {}, suggestions=offered)
    arms = form.properties["arms"]
    assert isinstance(arms.type, types.List)
    assert isinstance(arms.view, types.AutocompleteView)
    assert arms.default == ["full", "random", "coreset", "typicality"]
    assert [choice.label for choice in arms.view.choices] == list(offered["arms"].values())
    values = form_values.form_settings(model, {"arms": ["full", "coreset"]})
    assert [arm.method for arm in model(**values).arms] == ["full", "coreset"]
    assert form_values.form_settings(model, {"arms": []}) == {}
