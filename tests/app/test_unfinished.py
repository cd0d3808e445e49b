"""A study or a preview that ended before its end can be gone on with, whatever came after it."""

from __future__ import annotations

from types import SimpleNamespace

import fiftyone.operators as foo
import pytest
from curadiff import config, runs
from curadiff.datasets import views
from curadiff.jobs import jobs
from curadiff.operators import follow_jobs
from curadiff.operators.panels.cards import add_cards
from curadiff.operators.panels.pipeline import PipelinePanel
from curadiff.studies import splitting
from curadiff.workflows import deleting
from curadiff.workflows.overview import overview


@pytest.fixture
def begun(home, dataset, monkeypatch):
    """Make a study and, unless a shell began it, its job, in these states."""
    monkeypatch.setattr(jobs, "_start", lambda run: None)

    def begin(name, state, job=None, *, error=None, kind="study"):
        run = runs.create(kind, config.VERBS[kind](name=name).model_dump(mode="json"), name=name)
        run.add(dataset=dataset.name)
        run.set_status(state, message="", progress=0.5, error=error)
        if job is None:
            return run, None
        made = jobs.prepare(
            kind, {"source": dataset}, {"name": name}, asked={"form": {"name": name}}
        )
        made.set_status(job, message="", error=error)
        return run, made

    return begin


def buttons(dataset, title):
    """The buttons of a card below its head, in order: what they say, and the run they are about."""
    page = foo.types.Object()
    add_cards(page, overview(dataset), PipelinePanel())
    shown: list[tuple[str, str]] = []

    def walk(described):
        for name, one in described["type"].get("properties", {}).items():
            view = one.get("view") or {}
            if view.get("name") == "Button" and "run" in (view.get("params") or {}):
                shown.append((view["label"], view["params"]["run"]))
            if name != "head":
                walk(one)

    (card,) = (
        one
        for one in page.to_json()["properties"].values()
        if "head" in one["type"].get("properties", {})
        and title in str(one["type"]["properties"]["head"]["type"]["properties"]["title"])
    )
    walk(card)
    return shown, str(card)


@pytest.mark.parametrize(("kind", "title"), [("study", "Studies"), ("preview", "Previews")])
def test_an_interrupted_one_goes_on_although_a_newer_one_has_finished(begun, dataset, kind, title):
    _, older = begun("older", "interrupted", "interrupted", kind=kind)
    begun("newer", "finished", "finished", kind=kind)
    shown, _ = buttons(dataset, title)
    assert shown == [("Resume", older.id)]


def test_one_that_failed_says_why_once_and_opens_its_form_or_goes_on(begun, dataset):
    run, job = begun("bad", "failed", "failed", error="1 of 2 trainings failed.")
    (run.path / "report.html").write_text("the other one")
    shown, card = buttons(dataset, "Studies")
    assert shown == [("Edit and retry", job.id), ("Resume", job.id)]
    assert card.count("1 of 2 trainings failed.") == 1
    assert "'label': 'Report'" in card


def test_one_at_work_has_one_row_with_one_bar_and_can_be_stopped(begun, dataset):
    run, job = begun("busy", "running", "running")
    with runs.Lease(run.path), runs.Lease(job.path):
        shown, card = buttons(dataset, "Studies")
    assert shown == [("Stop", job.id)]
    assert card.count("ProgressView") == 1
    assert job.id not in card.replace(f"'run': '{job.id}'", "")


def test_one_that_begins_again_is_shown_at_work(begun, dataset):
    _, job = begun("again", "interrupted", "running")
    with runs.Lease(job.path):
        shown, card = buttons(dataset, "Studies")
    assert shown == [("Stop", job.id)]
    assert "**again**  running" in card


def test_a_job_that_was_refused_says_why_beside_the_finished_study(begun, dataset):
    begun("same", "finished")
    refused = jobs.prepare("study", {"source": dataset}, {"name": "same"}, asked={"form": {}})
    refused.set_status("failed", error="it has other settings.")
    shown, card = buttons(dataset, "Studies")
    assert shown == [("Edit and retry", refused.id), ("Resume", refused.id)]
    assert "it has other settings." in card


@pytest.mark.parametrize(("kind", "title"), [("study", "Studies"), ("preview", "Previews")])
def test_one_that_a_shell_began_goes_on_as_a_job(begun, dataset, kind, title):
    run, _ = begun("shell", "interrupted", kind=kind)
    splitting.note_images(run, dataset.limit(7))
    assert buttons(dataset, title)[0] == [("Resume", run.id)]
    said = []
    ctx = SimpleNamespace(
        dataset=dataset,
        params={"run": run.id},
        ops=SimpleNamespace(notify=lambda text, variant: said.append((variant, text))),
    )
    PipelinePanel().resume(ctx)
    assert said == [("success", "shell goes on.")]
    (job,) = runs.listing("job")
    assert (job.record["verb"], job.record["dataset"]) == (kind, dataset.name)
    assert job.settings == run.settings
    source = views.unpack(job.record["inputs"]["source"])
    assert source.values("id") == dataset.limit(7).values("id")


def test_the_end_of_a_study_is_said_once_and_by_its_name(begun, dataset):
    run, job = begun("first", "finished", "finished")
    said = []
    kept = {"working": sorted([run.id, job.id])}
    ctx = SimpleNamespace(
        dataset=dataset,
        panel=SimpleNamespace(get_state=kept.get, set_state=kept.__setitem__),
        ops=SimpleNamespace(
            notify=lambda text, variant: said.append(text), reload_dataset=lambda: None
        ),
    )
    deleting.delete_run(begun("deleted", "stopped")[0], yes=True)
    kept["working"].append("deleted")
    PipelinePanel().on_tick(ctx)
    assert said == ["Study first has finished"]
    assert kept["working"] == []
    assert follow_jobs.subject_of(job) == "Study first"
