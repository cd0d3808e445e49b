"""What the panels read: where a data set stands, pairs, maps."""

import sys
import types
from pathlib import Path
from urllib.parse import quote

import fiftyone.operators as foo
import numpy as np
import pytest
from curadiff import config, runs
from curadiff.common.errors import EnvironmentFault, SettingsError
from curadiff.datasets import generated, pairs, reading
from curadiff.operators.panels.cards import add_cards
from curadiff.operators.panels.next_step import next_step
from curadiff.operators.panels.pipeline import PipelinePanel
from curadiff.operators.panels.training import log_ticks
from curadiff.workflows.mapping import map_embeddings, principal_plane
from curadiff.workflows.overview import Overview, overview
from fiftyone.core.odm import get_db_conn


@pytest.fixture
def made(dataset, photos):
    """Four "generated" images, each nearest to the real image at the same place."""
    paths = sorted(photos.rglob("*.png"))[:4]
    found, _ = generated.add_generated(
        f"{dataset.name}-made",
        paths=paths,
        seeds=range(4),
        source=dataset,
        run="some-run",
        arm="full",
        training_seed=0,
        origin={},
    )
    found.set_values("nearest_train_id", dataset.values("id")[:4])
    yield found
    found.delete()


def test_the_next_step_follows_what_is_there(home, dataset):
    import curadiff

    assert next_step(overview(dataset))[2] == "compute_embeddings"
    curadiff.embed(dataset, encoder="builtin", progress=False)
    seen = overview(dataset)
    assert [(e["field"], e["done"]) for e in seen.embeddings] == [("builtin", 40)]
    assert next_step(seen)[2] == "select_samples"
    curadiff.select(dataset, budget=5)
    assert next_step(overview(dataset))[2] == "train_diffusion"
    run = runs.create("train", config.TrainSettings().model_dump(mode="json"), name="t")
    run.add(dataset=dataset.name)
    assert next_step(overview(dataset))[2] == "generate_samples"


@pytest.mark.parametrize("state", ["running", "stopped", "finished"])
def test_a_training_whose_record_lacks_its_steps_has_a_card_all_the_same(home, dataset, state):
    run = runs.create("train", {"batch_size": 4}, name="odd")
    run.add(dataset=dataset.name)
    run.set_status(state, step=7)
    page = foo.types.Object()
    add_cards(page, overview(dataset), PipelinePanel())
    assert "step 7" in str(page.to_json())


def test_the_report_of_a_selection_is_a_click_away_while_it_is_there(home, embedded):
    import curadiff

    chosen = curadiff.select(embedded, method="coreset", budget=6, name="six", report=True)
    report = Path(chosen.config["report"])

    def page():
        cards = foo.types.Object()
        add_cards(cards, overview(embedded), PipelinePanel())
        return str(cards.to_json())

    assert quote(str(report)) in page()
    report.unlink()
    assert quote(str(report)) not in page()


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.03, 1.2], [0.03, 0.1, 0.3, 1.0]),
        ([0.15, 0.6], [0.2, 0.3, 0.4, 0.5, 0.6]),
        ([0.001, 900.0], [0.001, 0.01, 0.1, 1.0, 10.0, 100.0]),
        ([0.98, 1.23], [0.98, 1.1, 1.23]),
        ([0.5, 0.5], [0.5]),
    ],
)
def test_a_loss_has_ticks_that_are_read_as_they_are(values, ticks):
    assert log_ticks(values) == pytest.approx(ticks, rel=0.02)


def test_trainings_of_a_study_are_shown_as_the_study(home, dataset):
    study = runs.create("study", {}, name="first")
    study.add(dataset=dataset.name)
    inner = runs.create("train", {}, name="first-full-s0", folder=study.path / "runs")
    inner.add(dataset=dataset.name)
    seen = overview(dataset)
    assert [run.id for run in seen.studies] == ["first"]
    assert seen.trainings == []


def test_generated_images_lead_to_their_training_images_and_back(dataset, made):
    real, drawn = dataset.values("id"), made.values("id")
    there = pairs.nearest_training(made, [drawn[2], drawn[0]], limit=6)
    assert [(p.generated_id, p.real_id) for p in there] == [
        (drawn[2], real[2]),
        (drawn[0], real[0]),
    ]
    dataset.reload()
    back = pairs.nearest_generated(dataset, [real[1], real[30]], limit=6)
    assert [(p.real_id, p.generated_id) for p in back] == [(real[1], drawn[1])]
    assert overview(made).source == dataset.name
    assert [told["name"] for told in overview(dataset).generated] == [made.name]


@pytest.mark.parametrize(
    ("name", "said"), [("first", "The study has compared its arms"), ("other", "Nothing evaluated")]
)
def test_images_of_a_study_are_not_called_unjudged(home, name, said):
    study = runs.create("study", {}, name=name)
    seen = Overview("photos-first", 8, studies=[study], source="photos")
    page = foo.types.Object()
    add_cards(page, seen, PipelinePanel())
    assert said in str(foo.types.Property(page).to_json())


def test_a_map_is_a_brain_run_that_the_embeddings_panel_lists(embedded):
    key = map_embeddings(embedded)
    embedded.reload()
    assert embedded.list_brain_runs() == [key]
    points = embedded.load_brain_results(key).points
    assert points.shape == (40, 2)
    assert map_embeddings(embedded) == key  # again: replaced


def test_a_map_by_umap_is_an_option_and_says_how_to_get_it(embedded, monkeypatch):
    asked = {}

    class Umap:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, x):
            return x[:, :2]

    monkeypatch.setattr("curadiff.workflows.mapping.has_umap", lambda: False)
    with pytest.raises(EnvironmentFault, match="pip install umap-learn, or map with pca"):
        map_embeddings(embedded, method="umap")
    with pytest.raises(SettingsError, match=r"got 'ump' \(did you mean 'umap'\?\)"):
        map_embeddings(embedded, method="ump")
    monkeypatch.setattr("curadiff.workflows.mapping.has_umap", lambda: True)
    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Umap))
    key = map_embeddings(embedded, method="umap")
    embedded.reload()
    points = embedded.load_brain_results(key).points
    np.testing.assert_allclose(points, np.stack(embedded.values("builtin"))[:, :2], rtol=1e-6)
    assert asked["random_state"] == 0  # the same map every time


def test_a_name_gives_the_data_set_as_it_is_now(dataset):
    """A long-lived App server has it in memory from before another process wrote to it."""
    database = get_db_conn()
    change = {"$set": {"info.elsewhere": 1}}
    database.datasets.update_one({"name": dataset.name}, change)
    assert "elsewhere" not in dataset.info
    assert reading.resolve(dataset.name)[0].info["elsewhere"] == 1


def test_the_plane_keeps_distances_of_points_that_lie_in_a_plane():
    generator = np.random.default_rng(0)
    flat = generator.normal(size=(30, 2))
    turned = flat @ np.linalg.qr(generator.normal(size=(7, 7)))[0][:2]
    plane = principal_plane(turned)
    between = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    np.testing.assert_allclose(
        np.linalg.norm(plane[:, None] - plane[None], axis=2), between, atol=1e-9
    )


def test_notes_that_another_process_made_survive_an_import(dataset, made, photos):
    here = {"name": made.name}
    noted = {"$set": {"info.curadiff.evaluations": {"theirs": {"values": {}}}}}
    get_db_conn().datasets.update_one(here, noted)
    paths = sorted(photos.rglob("*.png"))[4:6]
    found, added = generated.add_generated(
        made.name,
        paths=paths,
        seeds=range(2),
        source=dataset,
        run="some-run",
        arm="full",
        training_seed=0,
        origin={},
    )
    assert added == 2
    assert "theirs" in found.info["curadiff"]["evaluations"]


def test_one_look_shows_one_moment(home, dataset):
    run = runs.create("job", {}, name="one")
    run.add(dataset=dataset.name, verb="embed")
    with runs.Lease(run.path):
        run.set_status("running")
        seen = overview(dataset)
        run.set_status("finished")
    assert next_step(seen)[0] == "At work"
    assert [job.status["state"] for job in seen.jobs] == ["running"]
    assert next_step(overview(dataset))[0] == "Next: compute embeddings"
