"""Whom the operators and panels answer, and what they refuse a request of the App itself."""

from __future__ import annotations

import sys  # the plugin's classes are not those of the package: errors are told by their base

import fiftyone.operators as foo
import pytest
from curadiff import runs
from curadiff.common.errors import DataError, RequestRefused, RunError
from curadiff.config import TrainSettings
from curadiff.operators import access
from fiftyone.operators.executor import ExecutionContext, ExecutionError

URI = "@curadiff/studio"
PLUGIN = "fiftyone.plugins.orgs.curadiff.studio"
HOSTILE = "python:/nowhere/attack.py:build"  # refused by every mark there is
OWN = {"host": "localhost:5151", "origin": "http://localhost:5151"}


@pytest.fixture(autouse=True)
def linked(plugin, home, monkeypatch):
    """The plugin is installed and has a home of the test's own; its owner allows nothing."""
    monkeypatch.delenv("CURADIFF_APP_ALLOWS", raising=False)
    monkeypatch.delenv("CURADIFF_APP_FOLDERS", raising=False)


def ours():
    """All operators and panels of the plugin, as the server runs them."""
    found = [
        operator
        for kind in ("operator", "panel")
        for operator in foo.list_operators(builtin=False, type=kind)
        if operator.plugin_name == URI
    ]
    assert len(found) >= 16
    return found


def marked(model, prefix=()):
    """Every setting that only the owner may give, as a path of names."""
    owner = sys.modules[f"{PLUGIN}.config.owner"]
    for name, field in model.model_fields.items():
        inner = owner.settings_inside(field.annotation)
        if inner is not None:
            yield from marked(inner, (*prefix, name))
        elif owner.owner_only(field, HOSTILE):
            yield (*prefix, name)


def nested(path, value):
    for name in reversed(path):
        value = {name: value}
    return value


def folded(path, value):
    """The same in the sections of a form."""
    return nested((*path[:-1], "section_any", path[-1]), value)


def context_of(operator, dataset, params, **request):
    return ExecutionContext(
        {"dataset_name": dataset.name, "params": params, **request},
        operator_uri=operator.uri,
    )


def test_every_operator_refuses_every_setting_that_is_the_owners(dataset, home):
    tried = 0
    for operator in ours():
        if getattr(operator, "model", None) is None:
            continue
        for path in marked(operator.model):
            for shape in (nested, folded):
                for request in ({}, {"delegated": True}, {"prompt_id": None}):
                    params = shape(path, HOSTILE) | {"measure": True}
                    context = context_of(operator, dataset, params, **request)
                    with pytest.raises(PermissionError, match="CURADIFF_APP_ALLOWS="):
                        operator.execute(context)
                    options = operator.resolve_execution_options(context)
                    assert not options.allow_delegated_execution
                    tried += 1
                form = operator.resolve_type(context, "inputs")
                assert "'invalid': True" in str(form.to_json())
    assert tried >= 6 * 12
    assert not (home / "runs").exists()
    assert not (home / "cache" / "speeds").exists()


def test_a_form_marks_the_field_and_allows_what_the_owner_allows(dataset, monkeypatch):
    def field():
        operator = foo.get_operator(f"{URI}/compute_embeddings")
        context = context_of(operator, dataset, {"encoder": "python:os:getcwd"})
        return operator.resolve_type(context, "inputs").type.properties["encoder"]

    assert field().invalid
    assert "start the App with CURADIFF_APP_ALLOWS=code" in field().error_message
    monkeypatch.setenv("CURADIFF_APP_ALLOWS", "code")
    assert not field().invalid


def test_the_owner_calls_an_operator_from_python_as_before(dataset, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import torch\n\ndef build(weights):\n    return torch.nn.Flatten()\n"
    )
    embed = foo.get_operator(f"{URI}/compute_embeddings")
    done = embed(dataset.limit(2), encoder=f"python:{tmp_path / 'mine.py'}:build", progress=False)
    assert dataset.count(done.field) == 2
    with pytest.raises(ExecutionError, match="CURADIFF_APP_ALLOWS=code"):
        foo.execute_operator(
            f"{URI}/compute_embeddings", dataset=dataset, params={"encoder": "python:os:getcwd"}
        )


@pytest.mark.parametrize(
    "headers",
    [
        OWN,
        {"host": "127.0.0.1:5151", "origin": "http://127.0.0.1:5151"},
        {"host": "[::1]:5151", "origin": "http://[::1]:5151"},
        {"host": "10.0.0.7:5151", "origin": "http://10.0.0.7:5151"},
        {"host": "app.localhost", "origin": "https://app.localhost"},
        {"host": "localhost:5151"},  # a program, not a page
        {"host": "localhost:5151", "sec-fetch-site": "same-origin"},
        {"host": "inner:5151", "origin": "https://photos.example.org"},  # listed by the owner
    ],
)
def test_the_apps_own_page_and_programs_are_answered(headers):
    access.refuse_other_sites(headers, "https://photos.example.org, https://other.example")


@pytest.mark.parametrize(
    "headers",
    [
        OWN | {"origin": "http://evil.example"},
        OWN | {"origin": "http://localhost:8000"},
        OWN | {"origin": "http://localhost:5151.evil.example"},
        OWN | {"origin": "http://localhost:5151@evil.example"},
        OWN | {"origin": "null"},
        OWN | {"origin": ""},
        OWN | {"origin": "http://[bad"},
        OWN | {"origin": "file://"},
        {"host": "evil.example:5151", "origin": "http://evil.example:5151"},  # DNS rebinding
        {"host": "localhost.evil.example", "origin": "http://localhost.evil.example"},
        {"host": "127.0.0.1.nip.example", "origin": "http://127.0.0.1.nip.example"},
        {"host": "localhost:5151", "sec-fetch-site": "cross-site"},
        {"host": "localhost:5151", "sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
    ],
)
def test_pages_of_other_sites_are_refused(headers):
    with pytest.raises(RequestRefused, match="list it in FIFTYONE_ALLOWED_ORIGINS"):
        access.refuse_other_sites(headers, "https://photos.example.org")


def test_all_origins_are_let_in_where_the_owner_let_them_into_fiftyone():
    access.refuse_other_sites(OWN | {"origin": "http://evil.example"}, "*")


def test_in_the_server_every_operator_and_panel_asks_where_a_request_came_from(
    dataset, monkeypatch, home
):
    operators = ours()  # loads the plugin
    guard = sys.modules[f"{PLUGIN}.operators.access"]
    monkeypatch.setenv("FIFTYONE_SERVER", "1")
    for operator in operators:
        unseen = context_of(operator, dataset, {})
        with pytest.raises(PermissionError, match="not known where this request came from"):
            operator.execute(unseen)
        token = guard._headers.set(OWN | {"origin": "http://evil.example"})
        try:
            with pytest.raises(PermissionError, match=r"a page of http://evil\.example"):
                operator.resolve_execution_options(unseen)
            with pytest.raises(PermissionError, match="not known where"):
                operator.execute(unseen)
        finally:
            guard._headers.reset(token)
    assert not list(home.rglob("run.json"))


@pytest.mark.parametrize("given", ["../t", "/etc", "t/../t", "", ".", "..", "t\n", None, ["t"], 3])
def test_a_run_is_named_by_its_id_and_in_no_other_way(given, home):
    runs.create("train", {}, name="t")
    assert runs.open_by_id("t").path == home / "runs" / "t"
    with pytest.raises(RunError, match="named here by its id"):
        runs.open_by_id(given)


def test_a_link_that_leads_out_of_the_home_names_no_run(home, tmp_path):
    outside = runs.create("train", {}, name="outside", folder=tmp_path / "elsewhere")
    inside = runs.create("train", {}, name="inside")
    (home / "runs" / "linked").symlink_to(outside.path)
    for name in ("linked", "outside"):
        with pytest.raises(RunError, match="there is no run"):
            runs.open_by_id(name)
    with pytest.raises(RunError, match="is not a folder of a run"):
        runs.inside_runs(home / "runs" / "linked")
    assert runs.inside_runs(inside.path / "generated") == inside.path / "generated"


@pytest.mark.parametrize(
    "name", ["stop_training", "resume_training", "generate_samples", "stop", "resume"]
)
def test_no_operator_and_no_panel_opens_a_run_by_its_path(name, dataset, home, tmp_path):
    settings = TrainSettings(preset="demo").model_dump(mode="json")
    run = runs.create("train", settings, name="theirs", folder=tmp_path / "elsewhere")
    run.set_status("stopped", step=1)
    before = sorted(run.path.iterdir())
    if name in ("stop", "resume"):
        panel = foo.get_operator(f"{URI}/curadiff")
        said = []
        context = context_of(panel, dataset, {"run": str(run.path)})
        context._ops = type("Ops", (), {"notify": lambda self, text, **_: said.append(text)})()
        getattr(panel, name)(context)
        assert "named here by its id" in said[0]
    else:
        operator = foo.get_operator(f"{URI}/{name}")
        with pytest.raises(RuntimeError, match="named here by its id"):
            operator.execute(context_of(operator, dataset, {"run": str(run.path)}))
    assert sorted(run.path.iterdir()) == before
    assert not list(home.rglob("run.json"))


def test_generated_images_come_from_a_run_of_the_home_only(dataset, tmp_path):
    (tmp_path / "generated.json").write_text("{}")
    operator = foo.get_operator(f"{URI}/import_generated")
    for folder in (str(tmp_path), "..", "/"):
        with pytest.raises(RuntimeError, match="is not a folder of a run"):
            operator.execute(context_of(operator, dataset, {"folder": folder}))


def test_images_come_from_any_folder_but_the_systems_or_from_the_owners(
    tmp_path, photos, monkeypatch
):
    assert access.folder_of_images(str(photos)) == str(photos)
    assert access.folder_of_images("my-data-set") == "my-data-set"
    (tmp_path / "link").symlink_to("/proc")
    for given in (
        "/",
        "/proc/self",
        "/dev",
        str(tmp_path / "link"),
        f"{photos}/../../../../../../",
    ):
        with pytest.raises(DataError, match="holds no photographs"):
            access.folder_of_images(given)
    for given in (3, "a\0b", {"x": 1}):
        with pytest.raises(DataError, match="must be the path of a folder"):
            access.folder_of_images(given)
    monkeypatch.setenv("CURADIFF_APP_FOLDERS", f"{tmp_path}:{photos}")
    assert access.folder_of_images(str(photos / "round")) == str(photos / "round")
    with pytest.raises(RequestRefused, match="outside the folders that this App imports from"):
        access.folder_of_images(f"{photos}/..")
