"""The panel "Curadiff" in the real App."""

import pytest

pytestmark = pytest.mark.app


def test_selecting_by_clicking_tags_the_samples_and_shows_in_the_panel(visit, embedded):
    person = visit()
    person.open(embedded.name)
    person.open_panel("Curadiff")
    person.sees("Next: select training images")
    person.click("Select")
    person.field("Budget").fill("100")
    person.sees("budget must be <= 40, the samples that can be chosen, got 100.")
    person.picture("app-wrong-value")
    person.field("Budget").fill("10")
    person.submit("Select")
    person.sees("10 of 40 by typicality")
    person.sees("Next: train a model")
    person.picture("app-selected")
    embedded.reload()
    assert embedded.count_sample_tags() == {"typicality-10": 10}
    assert embedded.list_saved_views() == ["typicality-10"]


def test_a_new_data_set_is_told_what_to_do_first(visit, dataset):
    person = visit()
    person.open(dataset.name)
    person.open_panel("Curadiff")
    person.sees("Next: compute embeddings")
    person.sees("No embeddings yet.")
