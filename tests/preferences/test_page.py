"""The page in Chromium: by keyboard alone, by touch, through reloads and restarts."""

import importlib.util
import os
import shutil
import socket
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from curadiff.preferences.serving import serve
from curadiff.preferences.session import Session

SPEC = importlib.util.spec_from_file_location("memory", Path(__file__).with_name("memory.py"))
memory = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(memory)

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(str(find_spec("axe_playwright_python").origin)).with_name("axe.min.js")

pytestmark = pytest.mark.app


class Server:
    """The page's server in a thread; it can be stopped and started again at the same address."""

    def __init__(self, store):
        self.store = store
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self):
        self.end = threading.Event()
        session = Session(self.store)
        self.thread = threading.Thread(
            target=serve,
            args=(session,),
            kwargs={"host": "127.0.0.1", "port": self.port, "until": self.end},
        )
        self.thread.start()
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        pytest.fail("the server did not start")

    def stop(self):
        self.end.set()
        self.thread.join(20)
        assert not self.thread.is_alive()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing; install it with: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def place(tmp_path):
    rating, invite = memory.study(tmp_path, count=8, votes_per_rater=100, both_bad=True)
    server = Server(memory.MemoryStore(rating))
    yield server, invite
    server.stop()


def join(page, server, invite):
    page.goto(server.url(f"/join/{invite}"))
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/rate/*")
    wait_done(page, 0)


def wait_done(page, count):
    page.locator("body:not(.waiting) #count").filter(has_text=f"{count} of 100").wait_for()


def test_a_hundred_votes_by_keyboard_with_undo_reload_and_restart(browser, place):
    server, invite = place
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    join(page, server, invite)
    keys = ["ArrowLeft", "ArrowRight", "a", "b", " ", "x"]
    meant = {"ArrowLeft": "left", "a": "left", "ArrowRight": "right", "b": "right", " ": "tie"}
    expected = []
    for number in range(100):
        key = keys[number % len(keys)]
        page.keyboard.press(key)
        expected.append(meant.get(key, "both_bad"))
        wait_done(page, number + 1)
        if number == 20:
            page.keyboard.press("u")
            wait_done(page, 20)
            page.keyboard.press("b")
            expected[-1] = "right"
            wait_done(page, 21)
        if number == 40:
            page.reload()
            wait_done(page, 41)
        if number == 60:
            server.stop()
            page.keyboard.press("ArrowLeft")  # kept by the page, sent when the server is back
            page.get_by_text("No connection").wait_for()
            server.start()
            wait_done(page, 62)
            expected.append("left")
            page.keyboard.press("u")
            wait_done(page, 61)
            expected.pop()
    page.get_by_role("heading", name="Thank you").wait_for()
    kept = [vote for vote in server.store.votes() if not vote.undone]
    assert [vote.answer for vote in kept] == expected
    assert len({vote.assignment for vote in kept}) == 100
    assert all(vote.seconds < 60 for vote in kept)


def test_the_space_bar_is_for_a_button_that_tab_reached_and_not_sure_after_a_click(browser, place):
    server, invite = place
    page = browser.new_context().new_page()
    page.goto(server.url(f"/join/{invite}"))
    page.get_by_text("100 times, which takes about 7 minutes").wait_for()
    page.get_by_role("button", name="Start").click()
    wait_done(page, 0)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    wait_done(page, 1)
    page.locator("#pick-right").click()
    wait_done(page, 2)
    page.keyboard.press("Space")
    wait_done(page, 3)
    assert [vote.answer for vote in server.store.votes()] == ["left", "right", "tie"]


def test_touch_on_a_phone(browser, place, tmp_path):
    server, invite = place
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = browser.new_context(**phone).new_page()
    join(page, server, invite)
    for number, target in enumerate(["#pick-left", "#pick-right", "[data-answer=tie]"] * 2):
        page.locator(target).tap()
        wait_done(page, number + 1)
    page.locator("#undo").tap()
    wait_done(page, 5)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    boxes = [page.locator(f"#image-{side}").bounding_box() for side in ("left", "right")]
    assert boxes[0]["width"] == pytest.approx(boxes[1]["width"])
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    _picture(page, tmp_path, "rate-phone")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_tells_nothing_and_reads_well(browser, place, tmp_path, scheme):
    server, invite = place
    errors = []
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    join(page, server, invite)
    html = page.content()
    for word in ("typicality", "random", "coreset", "sample-", "/tmp"):
        assert word not in html
    _picture(page, tmp_path, f"rate-{scheme}")
    page.keyboard.press("?")
    page.get_by_role("heading", name="How to answer").wait_for()
    page.keyboard.press("ArrowLeft")  # no answer while the help is open
    page.keyboard.press("?")
    wait_done(page, 0)
    page.evaluate(AXE.read_text())  # not as a script element: the policy forbids it
    found = page.evaluate("axe.run().then(r => r.violations.map(v => v.id + ': ' + v.help))")
    assert found == []
    assert errors == []


def _picture(page, folder, name):
    page.screenshot(path=folder / f"{name}.png")
    wanted = os.environ.get("CURADIFF_SCREENSHOTS")
    if wanted:
        target = Path(__file__).resolve().parents[2] / "docs" / "images" / f"{name}.png"
        shutil.copy(folder / f"{name}.png", target)
