"""The database stops answering in a form, a call, a panel, a job or a command: one sentence."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from curadiff import cli
from curadiff.cli import verbs
from curadiff.common.errors import EnvironmentFault
from curadiff.jobs import jobs
from curadiff.jobs.carry_out import carry_out
from curadiff.operators.base import BaseOperator
from curadiff.operators.panels.base import BasePanel
from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError

SENTENCE = "the connection to FiftyOne's database was lost (connection refused)"


def lost(*_, **__):
    raise AutoReconnect("connection refused, Timeout: 30s, Topology Description: <...>")


class Form(BaseOperator):
    slug = title = about = "test"
    build_form = perform = lost


class Panel(BasePanel):
    slug = title = icon = about = "test"
    build = on_click = lost


class App:
    """Remembers what an operator asks the App to do."""

    def __init__(self):
        self.said, self.pages, self.triggered = [], [], []
        self.ops = SimpleNamespace(
            notify=lambda text, variant: self.said.append((text, variant)),
            show_panel_output=lambda page: self.pages.append(page.to_json()),
        )
        self.trigger = lambda uri, params: self.triggered.append((uri, params))
        self.params, self.prompt_id, self.panel_id, self.delegated = {}, "p", None, False
        self.dataset = object()


def test_a_form_says_it_and_cannot_be_sent():
    form = str(Form().resolve_input(App()).to_json())
    assert SENTENCE in form
    assert "'invalid': True" in form


def test_a_call_says_it_in_the_app_and_raises_it_elsewhere():
    app = App()
    assert SENTENCE in Form().execute(app)["error"]
    ((uri, params),) = app.triggered  # the form opens again and says it
    assert uri.endswith("/reopen_form")
    assert SENTENCE in params["error"]
    app.prompt_id = None
    with pytest.raises(EnvironmentFault, match="was lost"):
        Form().execute(app)


def test_a_panel_says_it_instead_of_its_page():
    app = App()
    app.params = {"__method__": "on_refresh"}
    Panel().execute(app)
    assert SENTENCE in str(app.pages)
    app.params = {"__method__": "on_click"}
    Panel().execute(app)
    assert SENTENCE in app.said[-1][0]
    assert len(app.pages) == 2


def test_a_job_keeps_the_sentence_in_its_status(home, dataset, monkeypatch):
    run = jobs.prepare("embed", {"samples": dataset}, {"encoder": "builtin"})
    monkeypatch.setattr(jobs.views, "unpack", lost)
    with pytest.raises(EnvironmentFault, match="was lost"):
        carry_out(run)
    status = run.status
    assert status["state"] == "failed"
    assert status["error"].startswith(SENTENCE)
    assert "Topology" not in status["error"]


def test_a_command_prints_it(monkeypatch, capsys):
    monkeypatch.setattr(verbs, "select", lost)
    assert cli.main(["select", "some"]) == 2
    assert capsys.readouterr().err.startswith(f"curadiff: {SENTENCE}")

    def late(words):
        raise ServerSelectionTimeoutError

    monkeypatch.setattr(verbs, "select", late)
    assert cli.main(["select", "some"]) == 2
    assert "was lost (ServerSelectionTimeoutError)" in capsys.readouterr().err
