"""A page of another site, in the same browser, asks the App for everything that does harm."""

from __future__ import annotations

import functools
import http.server
import json
import threading
import time
import urllib.error
import urllib.request

import fiftyone as fo
import pytest
from curadiff import runs
from curadiff.config import TrainSettings
from curadiff.operators.sections import key_of_section

pytestmark = pytest.mark.app
URI = "@curadiff/studio"
NOTHING_TO_DO = ("There are no generated images", "There is no trained model", "No training of")
SEND = """async ([address, path, body, kind]) => {
    if (kind === "form") {  // a form is no script: no policy of the other side is asked
        const form = document.createElement("form");
        form.method = "POST"; form.enctype = "text/plain"; form.action = address + path;
        form.target = "hidden";
        const [name, value] = [body.slice(0, -1) + ',"x":"', '"}'];
        const field = document.createElement("input");
        field.name = name; field.value = value;
        form.append(field); document.body.append(form); form.submit();
        return "sent";
    }
    const answer = await fetch(address + path, {
        method: "POST", body, headers: {"Content-Type": kind},
        mode: kind === "text/plain" ? "no-cors" : "cors",
    }).catch((fault) => ({type: "error"}));
    return answer.type;
}"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Another site: its page's address."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<iframe name=hidden></iframe><p>Nice pictures</p>")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            """Say nothing."""

    site = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{site.server_port}"
    site.shutdown()


@pytest.fixture
def runs_there(tmp_path):
    """Two stopped trainings, one in the App's home and one outside: what must not go on."""
    settings = TrainSettings(preset="demo").model_dump(mode="json")
    for run in (
        inside := runs.create("train", settings, name=f"victim-{time.time_ns()}"),
        outside := runs.create("train", settings, name="victim", folder=tmp_path / "outside"),
    ):
        run.set_status("stopped", step=1)
    return inside, outside


def attacks(dataset, inside, outside, mark, code, folder):
    """Bodies of requests: every operator and panel event that could run, write or end something."""
    runs_code = f"python:{code}:build"

    def ask(operator, /, **params):
        return {"operator_uri": f"{URI}/{operator}", "dataset_name": dataset, "params": params}

    def event(panel, method, **params):
        return ask(panel, __method__=method, panel_id="p", panel_state={}, **params)

    tiny = {"preset": "demo", "steps": 3, "image_size": 16, "multipliers": "1-2", "device": "cpu"}
    shell = f'--no_python sh -c "touch {mark}"'
    return {
        "train, a shell": ask("train_diffusion", accelerate=shell, **tiny),
        "train, a shell, folded": ask(
            "train_diffusion", **{key_of_section("Computing"): {"accelerate": shell}}, **tiny
        ),
        "train, a checkpoint": ask("train_diffusion", start_from=str(outside.path), **tiny),
        "train": ask("train_diffusion", selection="-", **tiny),
        "embed, code": ask("compute_embeddings", encoder=runs_code),
        "embed, code, said to be delegated": ask("compute_embeddings", encoder=runs_code)
        | {"delegated": True},
        "embed, code, to be delegated": ask("compute_embeddings", encoder=runs_code)
        | {"request_delegation": True},
        "embed, weights": ask("compute_embeddings", encoder="inception", weights=str(code)),
        "embed": ask("compute_embeddings", encoder="builtin"),
        "evaluate, code": ask("evaluate_generated", encoder=runs_code),
        "study, code": ask("run_study", embed={"encoder": runs_code}, train=tiny),
        "study, a judge's code": ask("run_study", evaluate={"encoder": runs_code}, train=tiny),
        "study, a shell": ask("run_study", train={"accelerate": shell, **tiny}),
        "study": ask("run_study", name="attack", budget=4, train=tiny),
        "import": ask("import_images", folder=str(folder), name="attack-import"),
        "import generated": ask("import_generated", folder=str(outside.path)),
        "select": ask("select_samples", method="random", budget=3, name="attack"),
        "resume": ask("resume_training", run=inside.id),
        "resume, a path": ask("resume_training", run=str(outside.path)),
        "stop": ask("stop_training", run=inside.id),
        "generate, a path": ask("generate_samples", run=str(outside.path), count=1),
        "panel, resume": event("curadiff", "resume", run=inside.id),
        "panel, resume, a path": event("curadiff", "resume", run=str(outside.path)),
        "panel, stop": event("curadiff", "stop", run=inside.id),
        "panel, workspace": event("curadiff", "open_workspace"),
        "measure": ask("train_diffusion", measure=True, selection="-", **tiny)
        | {"target": "inputs"},
    }


def test_nothing_that_a_page_of_another_site_asks_for_happens(
    server, browser, elsewhere, dataset, photos, runs_there, tmp_path
):
    mark, code = tmp_path / "mark", tmp_path / "attack.py"
    code.write_text(f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n")
    bodies = attacks(dataset.name, *runs_there, mark, code, photos)

    def state():
        dataset.reload()
        return {
            "runs": sorted(str(path) for path in (runs.home() / "runs").glob("*")),
            "speeds": sorted(str(path) for path in runs.home().glob("cache/speeds/*")),
            "in runs": [sorted(str(p) for p in run.path.rglob("*")) for run in runs_there],
            "states": [run.status["state"] for run in runs_there],
            "data sets": sorted(fo.list_datasets()),
            "tags": dataset.count_sample_tags(),
            "fields": sorted(dataset.get_field_schema()),
            "workspaces": dataset.list_workspaces(),
            "views": dataset.list_saved_views(),
            "queued": len(_queued(dataset.name)),
            "mark": mark.exists(),
        }

    before = state()
    page = browser.new_page()
    page.goto(elsewhere)
    for body in bodies.values():
        text = json.dumps(body)
        paths = ["/operators/execute", "/operators/execute/generator", "/operators/resolve-type"]
        for path in paths:
            assert page.evaluate(SEND, [server, path, text, "text/plain"]) == "opaque"
        assert page.evaluate(SEND, [server, paths[0], text, "application/json"]) == "error"
        assert page.evaluate(SEND, [server, paths[0], text, "form"]) == "sent"
        page.wait_for_timeout(50)
    page.wait_for_timeout(4000)  # what was started by mistake would be seen by now
    page.close()
    assert state() == before


def test_the_apps_own_page_is_answered_and_refused_the_settings_of_the_owner(
    server, browser, dataset, runs_there, photos, tmp_path
):
    mark, code = tmp_path / "mark", tmp_path / "attack.py"
    code.write_text(f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n")
    bodies = attacks(dataset.name, *runs_there, mark, code, photos)
    before = sorted((runs.home() / "runs").glob("*"))
    page = browser.new_page()
    page.goto(server)
    ask = """async ([path, body]) => (await fetch(path, {method: "POST", body,
        headers: {"Content-Type": "application/json"}})).text()"""
    for name, body in bodies.items():
        if any(part in name for part in ("code", "a shell", "weights", "a checkpoint", "a path")):
            answer = page.evaluate(ask, ["/operators/execute", json.dumps(body)])
            said = "named here by its id" if "a path" in name else "CURADIFF_APP_ALLOWS="
            assert any(one in answer for one in (said, *NOTHING_TO_DO)), (name, answer)
    assert sorted((runs.home() / "runs").glob("*")) == before
    assert not mark.exists()
    assert _queued(dataset.name) == []
    page.evaluate(ask, ["/operators/execute", json.dumps(bodies["select"])])
    page.close()
    dataset.reload()
    assert dataset.count_sample_tags() == {"attack": 3}


@pytest.mark.parametrize(
    ("host", "origin", "answered"),
    [
        (None, None, True),
        ("photos.evil.example:{port}", "http://photos.evil.example:{port}", False),
        ("127.0.0.1:{port}", "null", False),
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}", True),
    ],
)
def test_a_name_that_another_site_gave_this_machine_is_not_believed(
    server, dataset, host, origin, answered
):
    port = server.rsplit(":", 1)[1]
    body = {
        "operator_uri": f"{URI}/select_samples",
        "dataset_name": dataset.name,
        "params": {"method": "random", "budget": 2},
    }
    headers = {"Content-Type": "text/plain"}
    headers |= {"Host": host.format(port=port)} if host else {}
    headers |= {"Origin": origin.format(port=port)} if origin else {}
    request = urllib.request.Request(
        f"{server}/operators/execute", json.dumps(body).encode(), headers
    )
    urllib.request.urlopen(f"{server}/operators", b"{}").close()  # as the App's page begins
    if answered:
        urllib.request.urlopen(request).close()
    else:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert "FIFTYONE_ALLOWED_ORIGINS" in refused.value.read().decode()
    dataset.reload()
    assert bool(dataset.count_sample_tags()) == answered


def _queued(dataset_name):
    from fiftyone.operators.delegated import DelegatedOperationService

    return list(DelegatedOperationService().list_operations(dataset_name=dataset_name))
