"""What has failed stands at the top of the panel until it is done, tried again or deleted."""

from __future__ import annotations

from types import SimpleNamespace

import fiftyone.operators as foo
import pytest
from curadiff import config, runs
from curadiff.jobs import jobs
from curadiff.operators import results
from curadiff.operators.panels.cards import add_cards
from curadiff.operators.panels.failed import GONE, failures
from curadiff.operators.panels.next_step import next_step
from curadiff.operators.panels.pipeline import PipelinePanel
from curadiff.workflows.overview import Overview, overview

WHY = "the disk is full; free 3 GB and resume it."


@pytest.fixture
def job(home, dataset, monkeypatch):
    """Make a job of a verb, which has ended in a state."""
    monkeypatch.setattr(jobs, "_start", lambda run: None)

    def make(verb, state, *, error=None, **settings):
        inputs = {"source" if verb in ("study", "preview") else "samples": dataset}
        run = jobs.prepare(verb, inputs, settings, asked={"form": settings})
        run.set_status(state, error=error)
        return run

    return make


@pytest.fixture
def run(home, dataset):
    """Make a run that is no job, which has ended in a state."""

    def make(kind, name, state, *, error=None, **recorded):
        settings = config.TrainSettings() if kind == "train" else config.VERBS[kind](name=name)
        made = runs.create(kind, settings.model_dump(mode="json"), name=name)
        made.add(dataset=dataset.name, **recorded)
        made.set_status(state, error=error)
        return made

    return make


def page_of(seen):
    """Names of what stands on the page, from its top, and what the box says."""
    page = foo.types.Object()
    add_cards(page, seen, PipelinePanel())
    stands = foo.types.Property(page).to_json()["type"]["properties"]
    return list(stands), str(stands.get("failed", ""))


def test_a_failed_job_is_said_above_the_next_step_with_what_can_be_done(dataset, job):
    failed = job("embed", "failed", error=WHY)
    stands, box = page_of(overview(dataset))
    assert (
        stands.index("failed")
        < stands.index("next")
        < stands.index(next(name for name in stands if name.startswith("card")))
    )
    assert WHY in box
    assert "**Embedding** failed" in box
    for label in ("Edit and retry", "Resume", "Remove"):
        assert f"'label': '{label}'" in box
    assert failed.id in box


def test_nothing_is_called_done_above_what_has_failed(home, dataset, run):
    failed = run("study", "first", "failed", error=WHY)
    seen = overview(dataset)
    whole = {
        "embeddings": [{"field": "clip", "encoder": "clip", "done": seen.images}],
        "selections": [{"name": "s", "count": 1, "pool_size": 2, "selection_method": "random"}],
        "generated": [{"name": "g", "images": 1}],
    }
    done = Overview(seen.dataset, seen.images, studies=seen.studies, **whole)
    assert next_step(done)[0] == "All steps are done"
    stands, box = page_of(done)
    assert "next" not in stands
    assert WHY in box
    failed.set_status("finished", error=None)
    stands, box = page_of(Overview(seen.dataset, seen.images, studies=[failed], **whole))
    assert "next" in stands
    assert not box


@pytest.mark.parametrize("state", ["finished", "stopped"])
def test_a_newer_job_of_the_verb_stands_for_the_one_that_failed(dataset, job, state):
    job("embed", "failed", error=WHY)
    other = job("study", "failed", error="another sentence.", name="first")
    job("embed", state)
    assert [one.run.id for one in failures(overview(dataset))] == [other.id]


def test_a_job_that_is_resumed_has_not_failed(dataset, job):
    again = job("embed", "failed", error=WHY)
    with runs.Lease(again.path):
        again.set_status("running")
        assert failures(overview(dataset)) == []
    (gone,) = failures(overview(dataset))
    assert gone.why == GONE


def test_a_newer_training_of_the_same_arm_stands_for_the_one_that_failed(dataset, run):
    run("train", "one", "failed", error=WHY, arm="full")
    run("train", "two", "failed", error=WHY, arm="mine")
    assert {one.run.id for one in failures(overview(dataset))} == {"one", "two"}
    again = run("train", "three", "finished", arm="full")
    assert [one.run.id for one in failures(overview(dataset))] == ["two"]
    again.set_status("failed", error="again.")
    assert [one.run.id for one in failures(overview(dataset))] == ["three", "two"]
    results.delete(dataset, "run:two")
    assert [one.run.id for one in failures(overview(dataset))] == ["three"]


def test_a_study_is_said_once_and_not_any_more_when_a_shell_has_finished_it(dataset, job, run):
    study = run("study", "first", "failed", error="1 of 2 trainings failed.")
    job("study", "failed", error="1 of 2 trainings failed.", name="first")
    _, box = page_of(overview(dataset))
    assert box.count("1 of 2 trainings failed.") == 1
    assert "**Study first** failed" in box
    study.set_status("finished", error=None)
    assert failures(overview(dataset)) == []
    assert "1 of 2 trainings failed." not in str(page_of(overview(dataset)))


def test_a_study_that_is_deleted_takes_its_failed_jobs_along(dataset, job, run):
    run("study", "first", "failed", error=WHY)
    job("study", "failed", error=WHY, name="first")
    other = job("study", "failed", error="of another.", name="second")
    results.delete(dataset, "run:first")
    assert [one.run.id for one in failures(overview(dataset))] == [other.id]


def test_a_failed_job_can_be_taken_off(dataset, job):
    failed = job("embed", "failed", error=WHY)
    PipelinePanel().remove_job(SimpleNamespace(params={"run": failed.id}))
    assert failures(overview(dataset)) == []
    assert not failed.exists
