"""Work started in the App: the start answers, the end is seen, a failure opens the form again."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from curadiff import runs
from curadiff.jobs import jobs
from curadiff.operators import embeddings, follow_jobs, images, reopening, selection
from fiftyone.operators.executor import ExecutionContext

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    """No process is kept for forking: nothing is started here."""
    monkeypatch.setattr(jobs, "import_once", lambda: None)


def context(dataset, params, *, spaces=None):
    """What the browser's request gives an operator, opened from the list or from a panel."""
    requested = {"dataset_name": dataset.name if dataset else None, "params": params}
    return ExecutionContext(
        request_params={**requested, "prompt_id": "prompt", "spaces": spaces},
        operator_uri="@curadiff/studio/any",
        executor=_Executor(),
    )


class _Executor:
    """Notes what the browser would be asked to do."""

    def __init__(self):
        self.asked = []
        self._operator_uri = None

    def trigger(self, operator_name, params=None):
        self.asked.append((operator_name.rpartition("/")[2], params or {}))

    def named(self, name):
        return [params for asked, params in self.asked if asked == name]


SPACES = {
    "component_id": "root",
    "children": [
        {"component_id": "p1", "type": "Samples"},
        {"component_id": "s", "children": [{"component_id": "p2", "type": "curadiff"}]},
    ],
}


def test_success_is_said_and_open_panels_look_again(embedded):
    ctx = context(embedded, {"method": "random", "budget": 9}, spaces=SPACES)
    selection.SelectSamples().execute(ctx)
    (said,) = ctx.executor.named("notify")
    assert said["variant"] == "success"
    (refresh,) = ctx.executor.named("prompt_user_for_operation")
    assert refresh["panel_id"] == "p2"
    assert refresh["operator_uri"] == "@curadiff/studio/curadiff#on_refresh"
    assert refresh["skip_prompt"] is True


def test_a_failure_opens_the_form_again_with_what_was_typed(embedded):
    given = {"method": "random", "budget": 99}
    ctx = context(embedded, given)
    failed = selection.SelectSamples().execute(ctx)
    assert "budget must be <= 40" in failed["error"]
    assert ctx.executor.named("prompt_user_for_operation") == []  # the browser would close it
    (asked,) = ctx.executor.named("reopen_form")
    with ThreadPoolExecutor() as pool:
        reopening_ctx = context(embedded, asked)
        opened = pool.submit(reopening.ReopenForm().execute, reopening_ctx)
        time.sleep(0.1)
        assert not opened.done()
        answer = context(embedded, given)
        answer.request_params["results"] = failed
        selection.SelectSamples().resolve_output(answer)
        opened.result(timeout=3)
    (again,) = reopening_ctx.executor.named("prompt_user_for_operation")
    assert again["operator_uri"].endswith("/select_samples")
    assert again["params"].items() >= given.items()
    form = selection.SelectSamples().resolve_input(context(embedded, again["params"])).type
    assert "budget must be <= 40" in form.properties["why_again"].view.label


def test_a_start_says_what_runs_and_is_followed_where_no_panel_is_open(home, dataset, monkeypatch):
    monkeypatch.setattr(jobs, "_start", lambda run: None)
    ctx = context(dataset, {"encoder": "builtin"})
    done = embeddings.ComputeEmbeddings().execute(ctx)
    (said,) = ctx.executor.named("notify")
    assert said["message"].startswith(f"Embedding of {dataset.name} has started ({done['run']})")
    assert ctx.executor.named("follow_job") == [{"run": done["run"], "opened": dataset.name}]
    assert runs.open_by_id(done["run"]).record["form"] == {"encoder": "builtin"}


@pytest.mark.parametrize("given", [{}, {"folder": {"absolute_path": "/nowhere/at/all"}}])
def test_a_folder_that_is_not_there_is_marked_before_anything_starts(home, given):
    form = images.ImportImages().resolve_input(context(None, given)).type
    assert form.properties["folder"].invalid
    assert "older" in form.properties["folder"].error_message
    assert runs.listing("job") == []


def test_an_import_that_ends_shows_its_data_set_and_one_that_fails_its_form(
    home, monkeypatch, tmp_path
):
    monkeypatch.setattr(jobs, "_start", lambda run: None)
    given = {"folder": {"absolute_path": str(tmp_path)}, "name": "made"}
    ctx = context(None, given)
    run = runs.open_by_id(images.ImportImages().execute(ctx)["run"])

    monkeypatch.setattr(follow_jobs, "PAUSE", 0)
    asked = {"run": run.id, "opened": None}
    with runs.Lease(run.path):
        run.set_status("running", message="400 of 800 images", eta_seconds=40)
        for look in range(1, follow_jobs.SAY_EVERY + 1):
            ctx = context(None, asked)
            follow_jobs.FollowJob().execute(ctx)
            (asked,) = ctx.executor.named("follow_job")
            messages = [said["message"] for said in ctx.executor.named("notify")]
            expected = ["Import: 400 of 800 images, about 40 s left"]
            assert messages == (expected if look == follow_jobs.SAY_EVERY else [])

    run.set_status("finished", message="3 images imported", outcome={"dataset": "made"})
    ctx = context(None, {"run": run.id, "opened": None})
    follow_jobs.FollowJob().execute(ctx)
    assert ctx.executor.named("open_dataset") == [{"dataset": "made"}]
    assert "3 images imported" in ctx.executor.named("notify")[0]["message"]

    run.set_status("failed", error="it holds no images.")
    ctx = context(None, {"run": run.id, "opened": None})
    follow_jobs.FollowJob().execute(ctx)
    (again,) = ctx.executor.named("prompt_user_for_operation")
    assert again["params"] == {**given, "fault": "it holds no images."}


def test_a_job_that_fails_where_no_panel_is_open_opens_the_one_that_says_why(home, dataset):
    run = jobs.prepare("embed", {"samples": dataset}, {"encoder": "builtin"}, asked={"form": {}})
    run.set_status("failed", error="the weights are not on this machine.")
    asked = {"run": run.id, "opened": dataset.name}
    for spaces, opened in ((None, ["curadiff"]), (SPACES, [])):
        ctx = context(dataset, asked, spaces=spaces)
        follow_jobs.FollowJob().execute(ctx)
        assert "the weights are not" in ctx.executor.named("notify")[0]["message"]
        assert [one["name"] for one in ctx.executor.named("open_panel")] == opened


def test_every_panel_of_the_plugin_is_refreshed():
    manifest = yaml.safe_load((ROOT / "fiftyone.yml").read_text())
    assert list(follow_jobs.PANELS) == manifest["panels"]
