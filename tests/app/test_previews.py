"""Previews in the panel, from what a preview leaves behind."""

import re
from types import SimpleNamespace

import fiftyone as fo
import numpy as np
import pytest
from curadiff import runs
from curadiff.common.errors import DataError, RunError
from curadiff.config import PreviewSettings
from curadiff.datasets import attribution, generated
from curadiff.jobs import jobs
from curadiff.operators.panels import previews
from curadiff.operators.panels.cards import add_cards
from curadiff.operators.panels.pipeline import PipelinePanel
from curadiff.studies.preview import LABEL
from curadiff.workflows.overview import overview
from fiftyone.operators import types


def outcome(arm, **values):
    return {
        "arm": arm,
        "name": arm,
        "seed": 0,
        "images": 10,
        "outliers": 1,
        "near_copies": 2,
        "forecast": {"frechet_distance": 1.25},
        "drawn": {"0": {"values": {"frechet_distance": 20.5}, "intervals": {}}},
        "bad": 0.25,
        "worst": [{"id": "0", "path": "0.png", "harm": 0.5, "low": 0.1}],
        **values,
    }


@pytest.fixture
def preview(home, dataset):
    settings = PreviewSettings(name="first", arms=["coreset"]).model_dump(mode="json")
    run = runs.create("preview", settings, name="first")
    run.add(dataset=dataset.name)
    runs.write_json(run.path / "outcomes.json", [outcome("coreset")])
    run.set_status("finished", message="done", page=str(run.path / "preview.html"))
    return run


def shown(page):
    """Return all texts and button labels of a drawn page."""
    found = []
    for one in page.properties.values():
        view = one.view.to_json() if one.view else {}
        found += [str(view.get(name)) for name in ("label", "href", "content", "default")]
        found.append(str(one.to_json()))
        if isinstance(one.type, types.Object):
            found += shown(one.type)
    return found


def test_the_panel_shows_the_table_and_says_what_it_is(preview, dataset):
    inner = runs.create("train", {}, name="first-coreset", folder=preview.path / "runs")
    inner.add(dataset=dataset.name)
    seen = overview(dataset)
    assert [run.id for run in seen.previews] == ["first"]
    assert seen.trainings == []  # those of a preview are no trainings
    (preview.path / "grids").mkdir()
    (preview.path / "grids" / "coreset.png").write_bytes(b"a picture")
    page = types.Object()
    add_cards(page, seen, PipelinePanel())
    text = " ".join(shown(page))
    for words in (
        "coreset.png",
        "pictures of coreset, 10 images",
        LABEL,
        "20.5",
        "1.25",
        "preview.html",
        "Sort by harm",
        "Leave out the worst 5 %",
    ):
        assert words in text
    page = types.Object()
    with runs.Lease(preview.path):
        preview.set_status("running", message="draw coreset")
        add_cards(page, overview(dataset), PipelinePanel())
    text = " ".join(shown(page))
    assert "20.5" in text
    assert "Leave out the worst" not in text  # when all arms are done


def test_leaving_out_the_worst_adds_an_arm_to_the_same_preview(preview, dataset, monkeypatch):
    started = []
    monkeypatch.setattr(
        previews.jobs, "start", lambda *given: started.append(given) or SimpleNamespace(id="job")
    )
    assert previews.preview_without_worst("first", "coreset").id == "job"
    verb, inputs, settings = started[0]
    assert (verb, inputs) == ("preview", {"source": dataset.name})
    assert settings["arms"] == ["coreset", "coreset-less-5"]
    assert PreviewSettings(**settings).name == "first"
    preview.add(settings=settings)
    with pytest.raises(RunError, match="has the arm coreset-less-5 already"):
        previews.preview_without_worst("first", "coreset")


def test_training_images_are_sorted_by_harm_without_those_hardly_used(dataset):
    ids = dataset.values("id")[:4]
    attribution.write_harm(
        dataset,
        "first",
        "core set",
        ids=ids,
        use=np.array([0.1, 0.2, 0.3, 0.4]),
        harm=np.array([0.0, 0.5, np.nan, 0.2]),
        low=np.array([-0.1, 0.3, np.nan, 0.35]),
    )
    assert previews.by_harm(dataset, "first", "core set").values("id") == [ids[1], ids[3], ids[0]]
    with pytest.raises(DataError, match="preview again with fields"):
        previews.by_harm(dataset, "first", "other")


def test_sources_lead_from_a_drawing_to_its_images_and_back(dataset, photos, tmp_path):
    real = dataset.values("id")
    folder = tmp_path / "drawn"
    folder.mkdir()
    for number, path in enumerate(sorted(photos.rglob("*.png"))[:2]):
        (folder / f"{number:06d}.png").write_bytes(path.read_bytes())
    made, _ = generated.add_generated(
        f"{dataset.name}-drawn",
        paths=sorted(folder.glob("*.png")),
        seeds=range(2),
        source=dataset,
        run="some-run",
        arm="full",
        training_seed=0,
        origin={},
    )
    try:
        attribution.write_sources(
            made,
            folder,
            [[(real[0], 0.6), (real[1], 0.4)], [(real[1], 0.9), (real[2], 0.1)]],
            inside=[True, False],
        )
        first, second = made.values("id")
        assert attribution.sources_of(made, [second, first]) == [real[1], real[0], real[2]]
        assert attribution.drawings_with(made, [real[2]]) == [second]
        assert attribution.drawings_with(made, [real[1]]) == [first, second]
        assert made.values("near_real") == [True, False]
        for data, chosen, label in (
            (made, first, "what these drawings are made of"),
            (dataset, real[0], "the drawings that these images are in"),
        ):
            page = types.Object()
            ctx = SimpleNamespace(dataset=data, selected=[chosen])
            previews.add_sources(page, ctx, PipelinePanel())
            assert label in " ".join(shown(page))
    finally:
        made.delete()


@pytest.mark.app
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_preview_is_watched_and_its_worst_images_are_left_out(visit, embedded):
    """See, find, drop, see: in the real App, in both themes."""
    settings = {
        "name": "seen",
        "arms": ["random", "coreset"],
        "budget": 20,
        "random_draws": 1,
        "count": 12,
        "noise_seeds": [0],
        "steps": 3,
        "image_size": 16,
        "decide_size": 16,
        "held_out": 0.25,
        "embed": {"encoder": "builtin"},
        "evaluate": {"encoder": "builtin", "bootstrap": 20, "null_draws": 1},
        "device": "cpu",
    }
    person = visit(width=1500, height=1100)
    person.open(embedded.name)
    jobs.start("preview", {"source": embedded.name}, settings)
    person.open_panel("Curadiff")
    person.page.get_by_alt_text("pictures of random, 20 images").first.wait_for(timeout=120_000)
    button = "Leave out the worst 5 % and preview again"
    person.page.get_by_role("button", name=button).first.wait_for(timeout=120_000)
    person.picture("preview-dark")
    person.click(button)
    person.page.get_by_alt_text(re.compile("pictures of .*-less-5, 19 images")).first.wait_for(
        timeout=120_000
    )
    person.page.get_by_alt_text("pictures of random, 20 images").first.wait_for()  # beside it
    generated = f"{embedded.name}-seen"
    try:
        person.open(generated)
        person.switch_theme()
        person.open_panel("Curadiff")
        person.sees("These images were generated from")
        person.select_first_samples(1)
        person.picture("preview-light")
        person.click("Show what these drawings are made of")
        person.page.wait_for_url(re.compile(f"/datasets/{embedded.name}(\\?|$)"), timeout=30_000)
    finally:
        fo.delete_dataset(generated)
