"""A form that is open again holds all that was typed, whatever the browser makes of its groups."""

from __future__ import annotations

import pytest
from curadiff import runs
from curadiff.jobs import jobs
from curadiff.operators import follow_jobs, form_values, selection, studies
from curadiff.operators.base import storable
from fiftyone.operators.executor import ExecutionContext

TYPED = {
    "name": "again",
    "budget": 5,
    "seeds": "0",
    "train": {
        "preset": "demo",
        "steps": 4,
        "section_images_and_checkpoints": {"bad_images": "refuse", "horizontal_flip": False},
    },
    "section_held_out_images": {"held_out": 0.3},
}


class Asked:
    """Notes what the browser would be asked to do."""

    def __init__(self):
        self.params = {}
        self._operator_uri = None

    def trigger(self, operator_name, params=None):
        self.params[operator_name.rpartition("/")[2]] = params or {}


def context(dataset, params):
    return ExecutionContext(
        request_params={"dataset_name": dataset.name, "params": params, "prompt_id": "prompt"},
        operator_uri="@curadiff/studio/any",
        executor=Asked(),
    )


@pytest.fixture
def again(home, dataset, monkeypatch):
    """The values with which the browser is asked to open a study's form again."""
    monkeypatch.setattr(jobs, "_start", lambda run: None)
    monkeypatch.setattr(jobs, "import_once", lambda: None)
    run = jobs.prepare("study", {"source": dataset}, {"name": "again"}, asked={"form": TYPED})
    run.set_status("failed", error="it was so.")
    ctx = context(dataset, {})
    follow_jobs.edit_and_retry(ctx, run)
    return ctx.executor.params["prompt_user_for_operation"]["params"]


def started(dataset, params):
    """The settings of the study that the form starts."""
    done = studies.RunStudy().execute(context(dataset, params))
    return runs.open_by_id(done["run"])


def test_its_fields_show_what_was_typed(dataset, again):
    form = studies.RunStudy().resolve_input(context(dataset, again)).type.properties
    assert "it was so." in form["why_again"].view.label
    train = form["train"].type.properties
    assert train["steps"].default == 4
    inside = train["section_images_and_checkpoints"].type.properties
    assert inside["horizontal_flip"].default is False
    assert form["section_held_out_images"].type.properties["held_out"].default == 0.3


def test_a_browser_that_fills_one_default_into_a_group_loses_no_other_value(dataset, again):
    filled_in = {
        "train": {"section_images_and_checkpoints": {"bad_images": "skip"}},
        "section_held_out_images": {},
    }
    run = started(dataset, {**again, **filled_in})
    train = run.settings["train"]
    assert (train["preset"], train["steps"]) == ("demo", 4)
    assert (train["bad_images"], train["horizontal_flip"]) == ("skip", False)
    assert (run.settings["budget"], run.settings["held_out"]) == (5, 0.3)


def test_the_next_time_it_holds_what_was_changed(dataset, again):
    run = started(dataset, {**again, "train": {"steps": 6}})
    form = run.record["form"]
    assert form["train"]["steps"] == 6
    assert form["train"]["section_images_and_checkpoints"]["horizontal_flip"] is False
    assert not {form_values.GIVEN, follow_jobs.FAULT} & set(form)


def test_a_value_that_is_cleared_is_the_default_and_not_the_old_one(dataset, again):
    run = started(dataset, {**again, "train": {"steps": None}})
    assert "steps" not in run.settings["train"]


def test_what_was_scheduled_from_it_is_the_same_form_when_it_is_opened_once_more(dataset, again):
    """FiftyOne keeps what is scheduled as the browser sent it: groups beside their old values."""
    sent = {**again, "train": {"steps": 6}}
    once_more = form_values.to_open_again(sent)
    assert started(dataset, once_more).record["form"] == storable(sent)
    train = storable(sent)["train"]
    assert (train["steps"], train["preset"]) == (6, "demo")
    assert storable(sent)["section_held_out_images"] == {"held_out": 0.3}
    assert once_more["given_before"]["train"]["preset"] == "demo"


def test_a_form_without_groups_is_opened_as_it_was():
    flat = {"method": "random", "budget": 9, "folder": {"absolute_path": "/photos"}}
    assert form_values.to_open_again(flat) == flat


def test_a_section_of_a_flat_form_is_kept_too(embedded):
    typed = {"method": "random", "budget": 9, "section_computing": {"seed": 3}}
    sent = form_values.to_open_again(typed)
    ctx = context(embedded, {**sent, "section_computing": {"overwrite": False}})
    selection.SelectSamples().resolve_input(ctx)
    assert storable(ctx.params)["section_computing"] == {"seed": 3, "overwrite": False}
