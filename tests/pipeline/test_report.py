"""The report: one small page without a script that can be read on a phone and printed."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import numpy as np
import pytest
from curadiff import runs
from curadiff.common.page import PAGE
from curadiff.config import StudySettings
from curadiff.studies import comparing
from curadiff.studies.conclusions import conclude
from curadiff.studies.report import reporting
from curadiff.studies.report.data import ReportData
from curadiff.studies.used_settings import used
from PIL import Image

from .test_conclusions import outcome

ARMS = ("full", "random", "coreset", "typicality")


def written(home, seeds, values):
    """A study of four arms whose models drew noise; returns its report and what it is about."""
    config = StudySettings(name="four", seeds=list(range(seeds)), budget=150)
    run = runs.create("study", config.model_dump(mode="json"), name="four")
    noise = np.random.default_rng(0)
    outcomes = []
    for seed in range(seeds):
        for place, arm in enumerate(ARMS):
            training = runs.create(
                "train", {}, name=f"four-{arm}-s{seed}", folder=run.path / "runs"
            )
            lines = [json.dumps({"step": n, "loss": 1 / (n + 1)}) for n in range(1000)]
            (training.path / "log.jsonl").write_text("\n".join(lines))
            folder = training.path / "drawn"
            folder.mkdir()
            for n in range(25):
                pixels = noise.integers(0, 255, (32, 32, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{n:06d}.png")
            (folder / "generated.json").write_text(json.dumps({"seeds": list(range(25))}))
            (folder / ".tmp-1-000009.png").write_bytes(b"cut off")
            (folder / "notes.png").write_bytes(b"not an image")
            (folder / "000003.png").write_bytes(b"damaged")
            record = outcome(arm, seed, **values(place, seed))
            record |= {
                "images": 150,
                "images_seen": 2560,
                "exposure": 17.07,
                "loss": 0.05,
                "stopped_early": 80 if (arm, seed) == ("random", 1) else None,
                "run": training.id,
                "run_path": str(training.path),
                "generated": str(folder),
            }
            outcomes.append(record)
    summary = {"held_out": comparing.table(outcomes, "held_out")}
    data = ReportData(
        outcomes, summary, conclude(outcomes, "held_out"), ["A <note>."], "photos", (480, 120)
    )
    return reporting.write_report(run, config, data), data


def close(place, seed):
    return {"frechet_distance": 0.3 + 0.01 * seed, "precision": 0.7, "recall": 0.5}


def apart(place, seed):
    return {"frechet_distance": 0.3 + 0.1 * place + 0.01 * seed, "precision": 0.7, "recall": 0.5}


def test_the_page_is_small_safe_and_says_what_it_is_about(home):
    path, data = written(home, 2, close)
    page = path.read_text()
    assert path.stat().st_size < 2_000_000
    assert "<script" not in page
    assert not re.findall(r"<(?:link|img)\b[^>]*?(?:src|href)='?(?!data:)\w", page)
    assert "A &lt;note&gt;." in page
    record = runs.open_run("four").record
    for known in (record["python"], record["packages"]["torch"], record["curadiff"]):
        assert f" {known}" in page[page.index("<dt>versions") : page.index("<dt>command")]
    assert "not recorded" not in page
    assert "4 arms × 2 seeds = 8 trainings, 600 images (120 held out)" in page
    assert runs.open_run("four").record["created"][:10] in page
    assert "not distinguishable" in page
    assert page.count("had stopped falling: four-random-s1 at step 80.") == 1
    assert "class=best" not in page, "nothing is marked where nothing is distinguishable"
    assert "±" not in page.replace("mean ± standard deviation", "")
    assert json.loads((path.parent / "report.json").read_text())["conclusion"]["best"] is None
    # Arms stand in the same order in charts and tables.
    order = data.conclusion.order
    below = page[page.index("Arms and seeds") :]
    charts = re.findall(r"<span class=arm>(\w+)</span>", below)
    table = re.findall(r"<tr><th>(\w+)</th><td", below)
    assert charts == order * (len(charts) // len(order))
    assert table[:4] == order


def test_a_leader_beyond_chance_is_marked_in_its_column_alone(home):
    path, data = written(home, 4, apart)
    assert data.conclusion.best == "full"
    assert re.findall(r"<td class=best>([\d.]+)", path.read_text()) == ["0.315"]


def test_the_page_fits_a_phone_and_paper(home):
    playwright = pytest.importorskip("playwright.sync_api")
    path, _ = written(home, 2, close)
    with playwright.sync_playwright() as browsers:
        try:
            browser = browsers.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox"]
            )
        except playwright.Error:
            pytest.skip("there is no Chromium here")
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        boxes = page.evaluate(
            "[...document.querySelectorAll('.plot')].map(e => e.getBoundingClientRect())"
            ".map(b => [b.top, b.bottom])"
        )
        assert all(a[1] <= b[0] for a, b in pairwise(boxes)), "charts overlap"
        answer = page.locator(".answer .text").bounding_box()
        assert answer is not None
        assert answer["y"] + answer["height"] < 844, "the answer is on the first screen"
        folded = "<details><summary>more</summary><pre>settings</pre></details>"
        page.set_content(PAGE.format(title="folded", body=folded))
        assert not page.get_by_text("settings").is_visible()
        page.emulate_media(media="print")  # nobody can unfold paper
        assert page.get_by_text("settings").is_visible()
        browser.close()


def test_only_settings_that_were_used_are_shown():
    config = StudySettings(arms=["full"], budget=7, select={"alpha": 0.4}, seeds=[3])
    assert used(config).keys() == {"name", "arms", "seeds", "held_out"}
    own = StudySettings(arms=[{"name": "a", "method": "random", "budget": 5}], budget=7)
    assert "budget" not in used(own)
    assert used(own)["arms"] == [{"name": "a", "method": "random", "budget": 5}]
    assert used(StudySettings(budget=1000))["budget"] == 1000
    again = StudySettings(**used(StudySettings(budget=9, train={"steps": 5})))
    assert (again.budget, again.train.steps) == (9, 5)
