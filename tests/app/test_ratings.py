"""People in the App: a study is started, asked and read without leaving it."""

from __future__ import annotations

import os
import time
import urllib.request
from types import SimpleNamespace

import curadiff
import fiftyone as fo
import pytest
from curadiff.datasets import ratings
from curadiff.jobs import jobs
from curadiff.operators.panels.ratings import RatingsPanel
from curadiff.preferences.session import Session

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


def test_from_a_form_to_a_win_rate(drawn, server, browser, pictures):
    from .conftest import Visit

    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    visit = Visit(page, server, pictures)
    visit.open(drawn.name)
    visit.open_panel("Curadiff people")
    visit.sees("No study of people yet")
    visit.click("Start a study")
    visit.sees("Images per arm")
    visit.click("Start", nth=-1)
    visit.sees(f"{drawn.name} is ready")
    visit.sees("nobody has joined yet")
    visit.click("Ask people")
    link = page.locator("a[href*='/join/']").first
    link.wait_for(timeout=90_000)
    with urllib.request.urlopen(link.get_attribute("href"), timeout=20) as answer:
        assert b"Which picture is better?" in answer.read()
    visit.click("Stop asking")
    vote(drawn.name)
    visit.open(drawn.name)
    visit.open_panel("Curadiff people")
    visit.sees("typicality was preferred to random in", timeout=60)
    page.wait_for_timeout(1500)  # the chart draws itself
    page.screenshot(path=pictures / "app-people.png")


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
