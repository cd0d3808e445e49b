"""What was scheduled for ``fiftyone delegated launch`` is to be seen in the panel."""

import dataclasses
import datetime
import shutil
from types import SimpleNamespace

import curadiff
import fiftyone as fo
import fiftyone.operators as foo
import pytest
from curadiff import runs
from curadiff.datasets import views
from curadiff.datasets.scheduled import Scheduled, remove, scheduled
from curadiff.jobs import jobs
from curadiff.operators import base, follow_jobs
from curadiff.operators.panels import scheduled as card
from curadiff.operators.panels.pipeline import PipelinePanel
from curadiff.workflows.overview import overview
from fiftyone.operators import types
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionContext, ExecutionResult


@pytest.fixture
def one_gone(photos, tmp_path):
    """Twenty photographs, one of which is removed after the import."""
    folder = shutil.copytree(photos / "round", tmp_path / "round")
    made = curadiff.import_images(folder, name=f"scheduled-{tmp_path.name}").dataset
    (folder / "001.png").unlink()
    yield made
    made.delete()


def seen(dataset):
    """What the panel says of it, as JSON text."""
    page = types.Object()
    card.add_scheduled(page, scheduled(dataset), overview(dataset), PipelinePanel())
    return str(page.to_json())


def test_what_waits_and_what_has_failed_is_said_until_it_is_asked_for_again(plugin, home, one_gone):
    assert "Scheduled" not in seen(one_gone)
    context = {"dataset": one_gone, "params": {"selection": "-", "preset": "demo", "steps": 3}}
    train = "@curadiff/studio/train_diffusion"
    foo.execute_operator(train, context, request_delegation=True)
    assert "**Train diffusion** waits" in seen(one_gone)
    assert not card.is_running(scheduled(one_gone))

    DelegatedOperationService().execute_queued_operations(limit=1, log=False)
    failed = seen(one_gone)
    assert "**Train diffusion** failed" in failed
    assert "001.png does not exist; restore it or remove its sample" in failed
    assert "Edit and retry" in failed
    (stored,) = scheduled(one_gone)
    assert stored.form["steps"] == 3
    other = {**context, "params": {**context["params"], "steps": 4}}
    foo.execute_operator(train, other, request_delegation=True)
    assert "001.png does not exist" in seen(one_gone)  # of another form
    remove(one_gone, str(scheduled(one_gone)[0].id))

    foo.execute_operator(train, context, request_delegation=True)
    again = seen(one_gone)
    assert "waits" in again
    assert "failed" not in again
    remove(one_gone, str(stored.id))
    assert [one.state for one in scheduled(one_gone)] == ["queued"]
    DelegatedOperationService().delete_for_dataset(dataset_id=one_gone._doc.id)
    assert scheduled(one_gone) == []


def test_a_failure_is_past_once_a_run_of_the_same_form_exists(home, one_gone):
    when = datetime.datetime.now(datetime.UTC)
    given = {"preset": "demo", "steps": 3}
    failed = Scheduled(1, "train_diffusion", "failed", when, given, [], [], "gone")

    def is_past():
        trainings = runs.listing("train")
        state = dataclasses.replace(overview(one_gone), trainings=trainings)
        return card._is_past(failed, [failed], state)

    run = runs.create("train", {})
    for form, past in (({**given, "steps": 4}, False), (given, True)):
        run.add(form=form)
        assert is_past() is past
    other = views.stages_of(one_gone.limit(3))
    for view, selected, past in ((other, [], False), ([], ["1"], False), ([], [], True)):
        run.add(form_view=view, form_selected=selected)
        assert is_past() is past


def test_the_same_view_is_the_same_whether_work_on_it_is_scheduled_or_started(
    plugin, home, one_gone, monkeypatch
):
    monkeypatch.setattr(jobs, "_start", lambda run: None)
    view = one_gone.match({"filepath": {"$exists": True}}).limit(7)
    chosen = view.values("id")[:2]
    filters = {"id": {"values": view.values("id")[:5], "exclude": False, "isMatching": True}}
    params = {"encoder": "builtin", "view_target": "SELECTED_SAMPLES"}
    request = {"selected": chosen, "filters": filters, "params": params}
    embed = "@curadiff/studio/compute_embeddings"
    foo.execute_operator(embed, {"view": view, **request}, request_delegation=True)
    (stored,) = scheduled(one_gone)
    DelegatedOperationService().set_failed(
        stored.id, ExecutionResult(error="it broke"), required_state=None
    )
    (failed,) = scheduled(one_gone)
    assert (failed.state, failed.selected) == ("failed", chosen)
    assert views.rebuilt(one_gone, failed.view).values("id") == view.values("id")[:5]

    def start(view, selected):
        browser = {"dataset_name": one_gone.name, "prompt_id": "p", "view": view._serialize()}
        ctx = ExecutionContext(request_params={**browser, **request, "selected": selected})
        done = base.start_job(ctx, "embed", {"samples": view}, {}, on_view=True)
        run = runs.open_by_id(done["run"])
        run.set_status("failed", error="it broke too")
        return run

    def is_past():
        return card._is_past(failed, [failed], overview(one_gone))

    start(one_gone.limit(7), chosen)
    start(view, chosen[:1])
    assert not is_past()
    run = start(view, chosen)
    assert is_past()

    asked = []
    ctx = SimpleNamespace(
        dataset=one_gone,
        ops=SimpleNamespace(
            set_view=lambda view: asked.append(view.values("id")),
            set_selected_samples=asked.append,
            notify=lambda sentence, variant: asked.append(sentence),
        ),
        prompt=lambda name, params: asked.append(params["encoder"]),
    )
    follow_jobs.edit_and_retry(ctx, run)
    assert asked == [view.values("id")[:5], chosen, "builtin"]
    asked.clear()
    one_gone.add_sample_field("later", fo.IntField)
    stages = views.stages_of(one_gone.select_fields("later"))
    one_gone.delete_sample_field("later")
    run.add(form_view=stages)
    follow_jobs.edit_and_retry(ctx, run)
    assert asked == [
        "The view that this was asked for on is gone; look at what the form says.", "builtin"
    ]  # fmt: skip
    DelegatedOperationService().delete_for_dataset(dataset_id=one_gone._doc.id)


def test_work_whose_launcher_has_died_can_be_removed(plugin, home, one_gone):
    context = {"dataset": one_gone, "params": {"selection": "-", "preset": "demo", "steps": 3}}
    foo.execute_operator("@curadiff/studio/train_diffusion", context, request_delegation=True)
    (waits,) = scheduled(one_gone)
    assert "Remove" in seen(one_gone)
    DelegatedOperationService().set_running(waits.id)
    (at_work,) = scheduled(one_gone)
    assert card.is_running([at_work])
    assert "does not end a launcher that is at work" in seen(one_gone)
    assert "Remove" in seen(one_gone)
    remove(one_gone, str(at_work.id))
    assert scheduled(one_gone) == []


def test_a_retry_begins_with_the_view_that_the_work_was_scheduled_on(plugin, home, one_gone):
    view = one_gone.limit(7)
    context = {"view": view, "params": {"selection": "-", "preset": "demo", "steps": 3}}
    foo.execute_operator("@curadiff/studio/train_diffusion", context, request_delegation=True)
    (stored,) = scheduled(one_gone)
    asked = []
    ctx = SimpleNamespace(
        dataset=one_gone,
        params={"id": str(stored.id)},
        ops=SimpleNamespace(set_view=lambda view: asked.append(view.values("id"))),
        prompt=lambda name, params: asked.append((name, params["steps"])),
    )
    PipelinePanel().edit_scheduled(ctx)
    assert asked == [view.values("id"), ("@curadiff/studio/train_diffusion", 3)]
    remove(one_gone, str(stored.id))
