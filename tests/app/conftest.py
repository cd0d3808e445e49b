"""The real App: FiftyOne's server on a free port, Debian's Chromium, the plugin as a link."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
NO_POP_OVER = "localStorage.setItem('fiftyone-do-not-track', 'true')"  # which asks for a click


@pytest.fixture(scope="session")
def plugin():
    """Link the checkout into the plugins folder of the tests."""
    import fiftyone as fo

    folder = Path(fo.config.plugins_dir)
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "curadiff"
    if not link.exists():
        link.symlink_to(ROOT, target_is_directory=True)
    return link


@pytest.fixture(scope="session")
def server(plugin, tmp_path_factory):
    """Address of a running App server."""
    import fiftyone as fo

    fo.list_datasets()  # the database is up before the server looks for it
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    environment = os.environ | {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
    words = ["-m", "fiftyone.server.main", "--address", "127.0.0.1", "--port", str(port)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=folder, env=environment, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _await(address, process, folder / "server.log")
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _await(address, process, log):
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"the App server did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")  # its event loop would make FiftyOne run operators later elsewhere
def browser():
    """Chromium without a window."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing; install it with: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield found
        found.close()


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Note which tests fail, so that what was on the screen is kept."""
    report = yield
    if call.when == "call":
        item.stash[FAILED] = report.failed
    return report


class Visit:
    """A person in front of the App.

    Args:
        page: Playwright's page.
        address: Where the App is.
    """

    def __init__(self, page, address):
        self.page, self.address = page, address
        page.add_init_script(NO_POP_OVER)
        self._unanswered = set()
        page.on("request", self._note_request)
        page.on("requestfinished", self._note_answer)
        page.on("requestfailed", self._note_answer)

    def _note_request(self, request):
        if request.url.endswith("/operators/resolve-type"):
            self._unanswered.add(request)

    def _note_answer(self, request):
        self._unanswered.discard(request)

    def settle(self):
        """Wait until the form is checked: the browser asks a moment after each change."""
        self.page.wait_for_timeout(1200)
        asked, patience = set(self._unanswered), time.monotonic() + 60
        while asked & self._unanswered and time.monotonic() < patience:
            self.page.wait_for_timeout(100)

    def open(self, dataset):
        self.page.goto(f"{self.address}/datasets/{dataset}")
        self.page.get_by_text("Samples", exact=True).first.wait_for(timeout=60_000)
        self.page.keyboard.press("Escape")  # a menu may be open

    def open_panel(self, label):
        self.page.locator("[title='New panel'], [data-cy=new-panel-btn]").first.click()
        self.page.get_by_text(label, exact=True).first.click()

    def click(self, label, nth=0):
        button = self.page.get_by_role("button", name=label, exact=True).nth(nth)
        button.wait_for(timeout=90_000)
        button.click()

    def sees(self, words, timeout=90):
        """Wait until words are on the screen; what holds them unseen does not count."""
        self.page.get_by_text(words).filter(visible=True).first.wait_for(timeout=1000 * timeout)

    def field(self, label):
        """The input under a label of the open form."""
        return self.page.locator(
            f"xpath=//*[@role='dialog']//*[normalize-space(text())='{label}']/following::input[1]"
        )

    def choose(self, label, choice):
        """Choose from the menu under a label of the open form."""
        self.page.locator(
            f"xpath=//*[@role='dialog']//*[normalize-space(text())='{label}']"
            "/following::*[@role='combobox'][1]"
        ).click()
        self.page.get_by_role("option", name=choice, exact=True).click()
        self.settle()

    def pick(self, label, choice):
        """Choose from the suggestions under a label of the open form."""
        self.field(label).click()
        self.page.get_by_role("option", name=choice, exact=True).click()
        self.settle()

    def unfold(self, title):
        """Open a section of the form by its title."""
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_text(f"{title}: ").first.click()
        self.page.wait_for_timeout(600)

    def still(self, locator):
        """Return where something is, once it has stopped moving."""
        box, before = locator.bounding_box(), None
        while box is None or box != before:
            self.page.wait_for_timeout(300)
            box, before = locator.bounding_box(), box
        return box

    def select_first_samples(self, count):
        """Tick samples in the grid, once it has stopped moving."""
        boxes, before = self._boxes(), None
        while len(boxes) < count or boxes != before:
            self.page.wait_for_timeout(500)
            boxes, before = self._boxes(), boxes
        for x, y, width, height in boxes[:count]:
            self.page.mouse.move(x + width / 2, y + height / 2)  # the box appears on hovering
            self.page.wait_for_timeout(300)
            self.page.mouse.click(x + 14, y + 14)
            self.page.wait_for_timeout(500)

    def _boxes(self):
        return self.page.evaluate(
            """() => [...document.querySelectorAll("[data-cy=fo-grid] canvas")]
                .map((canvas) => canvas.getBoundingClientRect())
                .filter((box) => box.width > 20 && box.y > 0)
                .map((box) => [box.x, box.y, box.width, box.height])"""
        )

    def switch_theme(self):
        """Click the sun or the moon."""
        self.page.locator("[title='Light mode'], [title='Dark mode']").first.click()
        self.page.wait_for_timeout(800)

    def submit(self, label):
        dialog = self.page.get_by_role("dialog")
        button = dialog.get_by_role("button", name=label, exact=True)
        button.wait_for(timeout=90_000)
        self.settle()
        button.click()

    def picture(self, name):
        """Make the picture of the documentation, where pictures are wanted."""
        if os.environ.get("CURADIFF_SCREENSHOTS"):
            self.page.wait_for_timeout(1500)  # charts draw themselves
            self.page.screenshot(path=ROOT / "docs" / "images" / f"{name}.png")


@pytest.fixture
def visit(server, browser, request, tmp_path):
    """Open the App: ``visit(dark=True, width=1400, height=900)``."""
    contexts = []

    def start(*, dark=True, width=1400, height=900):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        return Visit(context.new_page(), server)

    yield start
    for number, context in enumerate(contexts):
        if context.pages and request.node.stash.get(FAILED, False):
            context.pages[-1].screenshot(path=str(tmp_path / f"end-{number}.png"))
        context.close()
