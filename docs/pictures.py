"""Take the pictures of the App for these pages, from the data of ``curadiff demo``.

    curadiff demo
    curadiff train tryon:demo-typicality --name people --preset demo --image-size 24 \
        --steps 20000 --checkpoint-every 150 --detach
    fiftyone app launch tryon --remote  # and look at every picture that this writes:
    python docs/pictures.py http://127.0.0.1:5151

The first picture of the README is drawn by the analytic model from photographs of garments (CC0):

    curadiff import GARMENTS --name garments
    curadiff embed garments --encoder builtin
    curadiff preview garments --name garments --budget 400 --random-draws 1 \
        --group-field sender_id --embed.encoder builtin --evaluate.encoder builtin
    python docs/pictures.py preview ~/curadiff/runs/garments/preview.html

Needs Playwright and Chromium (``$CHROMIUM``, by default /usr/bin/chromium).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent / "images"
PATIENCE = 120_000  # milliseconds
REAL, GENERATED = "tryon", "tryon-demo"


def main(address: str) -> None:
    """Take every picture."""
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        if address == "preview":
            preview_grids(browser, Path(sys.argv[2]))
            browser.close()
            return
        for name, dataset, panel, words in (
            ("app-training", REAL, "Curadiff", "Loss over steps"),
            ("app-selections", REAL, "Curadiff selections", "The first picks of each part"),
            ("app-study", GENERATED, "Curadiff study", "What the models draw"),
            ("app-nearest", GENERATED, "Curadiff", "These images were generated from"),
        ):
            if sys.argv[2:] and name not in sys.argv[2:]:
                continue
            page = browser.new_page(viewport={"width": 1500, "height": 1100}, color_scheme="dark")
            page.set_default_timeout(PATIENCE)
            _open(page, f"{address}/datasets/{dataset}", panel)
            page.get_by_text(words).first.wait_for()
            if name == "app-nearest":
                _select(page, 3)
                page.get_by_text("Left: generated.").first.wait_for()
            page.mouse.move(5, 5)  # over nothing that lights up
            page.wait_for_timeout(8000)  # pictures and plots are there
            page.screenshot(path=str(HERE / f"{name}.png"))
            page.close()
        browser.close()


def preview_grids(browser: Browser, path: Path) -> None:
    """Take the same-noise grids of a preview's page."""
    page = browser.new_page(viewport={"width": 1640, "height": 900}, color_scheme="light")
    page.goto(path.resolve().as_uri())
    page.add_style_tag(
        content="body{max-width:none}.grids{grid-template-columns:repeat(4,1fr)!important}"
    )
    grids = page.locator(".grids").first
    grids.screenshot(path=str(HERE / "preview-garments.jpg"), type="jpeg", quality=80)
    page.close()


def _open(page: Page, address: str, panel: str) -> None:
    page.goto(address)
    page.get_by_text("Samples", exact=True).first.wait_for()
    page.wait_for_timeout(6000)
    page.keyboard.press("Escape")  # a menu may be open
    for word in ("Dismiss", "Disable"):  # an advertisement, a question about cookies
        button = page.get_by_text(word, exact=True)
        if button.count():
            button.first.click()
    others = page.locator("[data-cy^=panel-tab-curadiff] [data-testid=CloseIcon]")
    while others.count():  # of the picture before; the App remembers them
        others.first.click()
        page.wait_for_timeout(1000)
    page.locator("[title='New panel'], [data-cy=new-panel-btn]").first.click()
    page.get_by_text(panel, exact=True).first.click()


def _select(page: Page, count: int) -> None:
    """Tick samples in the grid, once it has stopped moving."""
    page.wait_for_timeout(6000)
    boxes: list[Any] = page.evaluate(
        """() => [...document.querySelectorAll("[data-cy=fo-grid] canvas")]
            .map((canvas) => canvas.getBoundingClientRect())
            .filter((box) => box.width > 20 && box.y > 0)
            .map((box) => [box.x, box.y, box.width, box.height])"""
    )
    for x, y, width, height in boxes[:count]:
        page.mouse.move(x + width / 2, y + height / 2)  # its box appears
        page.wait_for_timeout(1000)
        page.mouse.click(x + 14, y + 14)
        page.wait_for_timeout(1000)


if __name__ == "__main__":
    main(sys.argv[1])
