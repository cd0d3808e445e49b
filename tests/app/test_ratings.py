"""People in the App: a study is started, asked and read without leaving it."""

from __future__ import annotations

import os
import threading
import time
import urllib.request
from types import SimpleNamespace

import curadiff
import fiftyone as fo
import pytest
from curadiff.datasets import locking, ratings
from curadiff.jobs import jobs
from curadiff.operators import voting
from curadiff.operators.panels.ratings import RatingsPanel
from curadiff.operators.ratings import StartRating
from curadiff.preferences.session import Session
from fiftyone.operators.executor import ExecutionContext

pytestmark = pytest.mark.app


@pytest.fixture
def drawn(photos):
    """Two arms of pictures as import-generated leaves them."""
    made = fo.Dataset(f"people-{os.getpid()}", persistent=True)
    files = sorted(photos.rglob("*.png"))
    made.add_samples(
        [
            fo.Sample(
                filepath=str(file),
                arm=("typicality", "random")[number % 2],
                training_seed=0,
                image_seed=number // 2,
            )
            for number, file in enumerate(files)
        ]
    )
    yield made
    for name in ratings.rating_names():
        ratings.delete_rating(name)
    made.delete()


def test_images_of_one_arm_are_not_offered_for_comparison(drawn):
    def form():
        ctx = ExecutionContext(
            request_params={"dataset_name": drawn.name, "params": {}},
            operator_uri="@curadiff/studio/start_rating",
        )
        return StartRating().resolve_input(ctx).type.properties

    assert "refused" not in form()
    drawn.set_values("arm", ["typicality"] * len(drawn))
    assert "Generate images from a model of another selection" in form()["refused"].error_message


def vote(name, raters=3):
    """Raters who prefer typicality, and are not sure in one of four pairs."""
    store = ratings.open_rating(name)
    session = Session(store)
    for _ in range(raters):
        rater = session.rater(session.join(store.rating().invite, most=9))
        while (state := session.state(rater)).open:
            pair = state.open[0]
            typical = "left" if pair.left_arm == "typicality" else "right"
            session.vote(rater, pair.id, typical if state.done % 4 else "tie", 1.0)


def test_the_panel_says_what_the_votes_mean(drawn):
    name = curadiff.rate_start(drawn).name
    vote(name)
    ctx = SimpleNamespace(dataset=drawn, panel=SimpleNamespace(get_state=lambda _: None))
    page = RatingsPanel().render(ctx).type
    shown = str(page.to_json())
    assert "typicality was preferred to random in" in shown
    assert "3 of 3 raters are done" in shown


def test_a_single_rater_is_no_plural(drawn):
    vote(curadiff.rate_start(drawn).name, raters=1)
    ctx = SimpleNamespace(dataset=drawn, panel=SimpleNamespace(get_state=lambda _: None))
    assert "1 of 1 rater is done" in str(RatingsPanel().render(ctx).type.to_json())


class App:
    """A panel's context with a store, as the App's server gives it."""

    def __init__(self, dataset):
        self.dataset, self.params, self.state, self.kept, self.said = dataset, {}, {}, {}, []
        self.panel = SimpleNamespace(get_state=self.state.get, set_state=self.state.__setitem__)
        self.ops = SimpleNamespace(notify=lambda text, variant: self.said.append(text))

    def store(self, name):
        assert name == "curadiff_ratings"
        return SimpleNamespace(get=self.kept.get, set=self.kept.__setitem__)


def test_votes_in_the_panel_are_stored_once_and_can_be_taken_back(drawn):
    name = curadiff.rate_start(drawn, votes_per_rater=3).name
    panel, ctx = RatingsPanel(), App(drawn)

    def act(method, **params):
        ctx.params = {"study": name, **params}
        method(ctx)

    act(panel.vote_here)

    def page():
        return str(panel.render(ctx).type.to_json())

    shown = page()
    assert "0 of 3" in shown
    assert "data:image/png;base64," in shown
    assert "typicality" not in shown  # which arm it is must not be seen
    assert ".png" not in shown.replace("image/png", "")
    with voting.session_of(ctx, name) as (session, rater):
        pair = session.state(rater).open[0].id
    for _ in range(2):  # a click that is sent twice
        act(panel.vote, pair=pair, answer="left")
    assert curadiff.rate_status(name).votes == 1
    assert curadiff.rate_status(name).raters == 1
    act(panel.vote, pair=pair, answer="right")
    assert "answered already" in ctx.said[-1]
    assert "1 of 3" in page()
    for _ in range(2):
        act(panel.undo, done=1)
    assert curadiff.rate_status(name).votes == 0
    assert "0 of 3" in page()
    for _ in range(3):
        with voting.session_of(ctx, name) as (session, rater):
            pair = session.state(rater).open[0].id
        act(panel.vote, pair=pair, answer="tie")
    assert "thank you" in page()
    act(panel.end_voting)
    assert "Vote here" in page()


def test_while_the_page_is_open_the_panel_says_so_and_stores_nothing(drawn):
    name = curadiff.rate_start(drawn, votes_per_rater=3).name
    panel, ctx = RatingsPanel(), App(drawn)
    store = ratings.open_rating(name)
    ctx.params = {"study": name}
    panel.vote_here(ctx)
    with locking.hold(f"rating:{store.key}", "rate serve", what="the study"):
        errors = []  # locks are held by threads of work: another one stands for another process

        def other():
            errors.append(str(panel.render(ctx).type.to_json()))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "The page for raters is open" in errors[0]
    assert "Back to the results" in errors[0]
    assert curadiff.rate_status(name).votes == 0


def test_from_a_form_to_a_win_rate(drawn, visit):
    visit = visit(width=1600, height=1000)
    visit.open(drawn.name)
    visit.open_panel("Curadiff people")
    visit.sees("No study of people yet")
    visit.click("Start a study")
    visit.sees("Images per arm")
    visit.click("Start", nth=-1)
    visit.sees(f"{drawn.name} is ready")
    visit.sees("nobody has joined yet")
    visit.click("Ask people")
    link = visit.page.locator("a[href*='/join/']").first
    link.wait_for(timeout=90_000)
    with urllib.request.urlopen(link.get_attribute("href"), timeout=20) as answer:
        assert b"Which picture is better?" in answer.read()
    visit.click("Stop asking")
    vote(drawn.name)
    visit.open(drawn.name)
    visit.open_panel("Curadiff people")
    visit.sees("typicality was preferred to random in", timeout=60)
    visit.picture("app-people")


def test_the_page_runs_as_a_job_and_ends_when_asked(drawn):
    name = curadiff.rate_start(drawn, votes_per_rater=3, same_noise=True).name
    run = jobs.start("rate-serve", {"study": name}, {"port": 5299})
    try:
        until = time.monotonic() + 90
        while "address" not in run.status and time.monotonic() < until:
            time.sleep(0.5)
        assert run.status["address"].endswith(curadiff.rate_status(name).link)
    finally:
        jobs.stop(run)
    until = time.monotonic() + 30
    while run.status["state"] not in ("stopped", "failed") and time.monotonic() < until:
        time.sleep(0.3)
    assert run.status["state"] == "stopped"
