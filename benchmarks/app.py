"""How fast the panels are on a large data set: opening, looking again, and what is sent.

    python benchmarks/app.py --samples 100000 --browser

Makes a data set in which every sample shares one small picture and has a random 64-d
embedding and two selections, measures, and deletes it again. With
``--browser`` the real App is opened in Chromium too: the time is from the click on the
panel's tab until its text stands there.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROUNDS = 7
OPENED = {  # what is read once the panel is there
    "Curadiff": "Selections",
    "Curadiff selections": "Two random choices",
    "Curadiff study": "No study yet",
}


def make(samples: int, folder: Path):
    import curadiff
    import fiftyone as fo
    import numpy as np
    from PIL import Image

    name = f"benchmark-{samples}"
    if fo.dataset_exists(name):
        kept = fo.load_dataset(name)
        if len(kept) == samples and len(kept.list_runs()) == 2:  # made in full by a run before
            return kept
        kept.delete()
    picture = folder / "shared.png"
    Image.new("RGB", (32, 32), "gray").save(picture)
    dataset = fo.Dataset(name, persistent=True)
    dataset.add_samples(
        [fo.Sample(filepath=str(picture), source_id=str(n)) for n in range(samples)], progress=False
    )
    for seed in (0, 1):  # before there are vectors, which would be searched for outliers
        name, budget = f"random-{seed}", samples // 10
        curadiff.select(dataset, name=name, method="random", budget=budget, seed=seed)
    x = np.random.default_rng(0).normal(size=(samples, 64)).astype(np.float32)
    dataset.add_sample_field("vectors", fo.VectorField)
    dataset.set_values("vectors", list(x))
    dataset.reload()
    return dataset


def in_process(dataset):
    """Time what the server does for one look: wall and CPU, and count what it sends."""
    from curadiff.operators.panels.pipeline import POLL, PipelinePanel
    from curadiff.operators.panels.selections import SelectionsPanel
    from curadiff.operators.panels.study import StudyPanel
    from fiftyone.operators.executor import ExecutionContext

    for kind in (PipelinePanel, SelectionsPanel, StudyPanel):
        wall, cpu, sent = [], [], 0
        for _ in range(ROUNDS):
            params = {"panel_id": "one", "panel_state": {}}
            asked = {"dataset_name": dataset.name, "params": params}
            uri = f"@curadiff/studio/{kind.slug}"
            before, began = time.process_time(), time.perf_counter()
            context = ExecutionContext(asked, operator_uri=uri)
            drawn = json.dumps(kind().render(context).to_json())
            wall.append(time.perf_counter() - began)
            cpu.append(time.process_time() - before)
            sent = len(drawn)
        look = statistics.median(cpu)
        print(
            f"{kind.title:22} first {wall[0]:.3f} s, then {statistics.median(wall):.3f} s "
            f"({look:.3f} s of CPU), {sent / 1000:,.0f} kB sent"
        )
        if kind is PipelinePanel:
            share = look / (POLL / 1000)
            print(f"{'':22} looking every {POLL / 1000:g} s: {share:.1%} of a core")


def in_browser(dataset, folder: Path):
    """Time from the click on a panel until it shows, in Chromium."""
    from playwright.sync_api import sync_playwright

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-P", "-m", "fiftyone.server.main", "--port", str(port)]
    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "curadiff").symlink_to(Path(__file__).resolve().parents[1])
    environment = os.environ | {"FIFTYONE_PLUGINS_DIR": str(plugins)}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*words, "--address", "127.0.0.1"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        with sync_playwright() as playwright:
            chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for title, words in OPENED.items():
                took = [_open(browser, address, dataset.name, title, words) for _ in range(3)]
                print(f"{title:22} in the browser {statistics.median(took):.2f} s after the click")
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


def _open(browser, address: str, name: str, title: str, words: str) -> float:
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.goto(f"{address}/datasets/{name}")
    page.get_by_text("Samples", exact=True).first.wait_for(timeout=60_000)
    page.wait_for_timeout(4000)  # the grid and the sidebar are done
    page.keyboard.press("Escape")  # a menu may be open
    advertisement = page.get_by_text("Dismiss", exact=True)
    if advertisement.count():
        advertisement.first.click()
    page.locator("[title='New panel'], [data-cy=new-panel-btn]").first.click()
    entry = page.get_by_text(title, exact=True).first
    entry.wait_for()
    began = time.perf_counter()
    entry.click()
    page.get_by_text(words).first.wait_for(timeout=60_000)
    took = time.perf_counter() - began
    page.close()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--browser", action="store_true", help="measure in Chromium too")
    parser.add_argument("--keep", action="store_true", help="leave the data set for the next run")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["CURADIFF_HOME"] = scratch  # no runs but those of this benchmark
        dataset = make(given.samples, Path(scratch))
        try:
            print(f"{len(dataset):,} samples")
            in_process(dataset)
            if given.browser:
                in_browser(dataset, Path(scratch))
        finally:
            if not given.keep:
                dataset.delete()


if __name__ == "__main__":
    main()
