"""Each verb on a real data set: what it writes, repeats, resumes and refuses."""

from __future__ import annotations

import shutil

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff import diffusion
from curadiff.common.errors import DataError, RunError, SettingsError
from curadiff.datasets import info, reading, selections, writing
from curadiff.diffusion import manifest
from curadiff.selectors.registry import METHODS, OWN_DENSITY
from curadiff.workflows import selecting
from PIL import Image

TRAIN = {
    "preset": "demo",
    "image_size": 16,
    "base_channels": 16,
    "multipliers": "1-1",
    "steps": 4,
    "batch_size": 4,
    "warmup": 0,
    "cooldown": 0,
    "checkpoint_every": 2,
}


def test_import_reads_a_folder_once(photos):
    first = curadiff.import_images(photos, name="test-import")
    again = curadiff.import_images(photos, name="test-import")
    assert (first.added, again.added, again.total) == (40, 0, 40)
    assert set(first.dataset.distinct("label.label")) == {"round", "other"}
    assert first.dataset.persistent
    first.dataset.delete()


def test_import_copies_a_view(dataset):
    copied = curadiff.import_images(dataset.limit(5), name="test-copy")
    assert copied.total == 5
    with pytest.raises(SettingsError, match="name is needed"):
        curadiff.import_images(dataset.limit(5))
    copied.dataset.delete()


def test_embed_writes_unit_vectors_and_does_nothing_twice(dataset):
    done = curadiff.embed(dataset, encoder="builtin", progress=False)
    x = reading.read_embeddings(dataset.view(), "builtin").x
    assert x.dtype == np.float32
    assert np.allclose(np.linalg.norm(x, axis=1), 1, atol=1e-5)
    assert isinstance(dataset.get_field("builtin"), fo.VectorField)
    again = curadiff.embed(dataset, encoder="builtin", progress=False)
    assert (done.done, again.done, again.kept) == (40, 0, 40)


def test_embed_resumes_with_what_is_missing(embedded):
    embedded.limit(7).set_values("builtin", [None] * 7)
    assert curadiff.embed(embedded, encoder="builtin", progress=False).done == 7


def test_an_unreadable_image_costs_one_sample(dataset, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    dataset.add_sample(fo.Sample(filepath=str(bad), source_id="bad"))
    found = curadiff.embed(dataset, encoder="builtin", progress=False)
    assert found.done == 40
    assert list(found.faults) == [str(bad)]
    assert dataset.match_tags("unreadable").values("filepath") == [str(bad)]
    assert "1 unreadable" in str(found)
    Image.new("RGB", (8, 8), "red").save(bad)
    again = curadiff.embed(dataset, encoder="builtin", progress=False)
    assert (again.done, again.faults) == (1, {})
    assert "is of one colour throughout" in again.notes[str(bad)]
    assert len(dataset.match_tags("unreadable")) == 0


def test_a_field_of_another_encoder_is_not_mixed(embedded):
    info.put(embedded, "encoders", {"builtin": "something else"})
    with pytest.raises(DataError, match="another encoder"):
        curadiff.embed(embedded, encoder="builtin", progress=False)


def test_select_writes_tag_rank_view_and_run(embedded):
    found = curadiff.select(embedded, method="coreset", budget=8, name="eight")
    assert len(embedded.match_tags("eight")) == 8
    assert embedded.load_saved_view("eight").values("eight_rank") == list(range(1, 9))
    assert embedded.load_saved_view("eight").values("id") == found.ids
    config = writing.recorded(embedded, "select_eight")
    assert config["ids_hash"] == writing.ids_hash(found.ids)
    assert selections.read_selection(embedded, "eight").ids == found.ids


def test_select_leans_toward_tagged_examples(embedded):
    examples = embedded.limit(2)
    examples.tag_samples("like")
    x = np.stack(embedded.values("builtin"))
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    ids = np.array(embedded.values("id"))
    nearest = ids[np.argsort(-(x @ x[:2].T).mean(1))[:5]]
    found = curadiff.select(embedded, method="top", budget=5, name="near", toward="like")
    assert set(found.ids) == set(nearest)
    assert found.config["used"]["toward"] == 2
    assert len(embedded.match_tags("like")) == 2
    with pytest.raises(DataError, match=r"away: no sample .* has the tag 'unlike'; tag some"):
        curadiff.select(embedded, method="random", budget=5, name="far", away="unlike")


def test_a_random_choice_needs_no_embeddings_and_explains_nothing(dataset):
    found = curadiff.select(dataset, method="random", budget=6, name="six")
    assert dataset.load_saved_view("six").values("id") == found.ids
    assert (found.config["flagged"], found.config["coverage_radius"]) == (None, None)
    own = [field for field in dataset.get_field_schema() if field.startswith("six_")]
    assert own == ["six_rank", "six_score"]


SHARED = [f"builtin_{name}" for name in ("density", "outlier_score", "flagged")]


def test_what_a_pool_says_is_written_once_for_all_selections_of_it(embedded):
    before = set(embedded.get_field_schema())
    for method in ("random", "coreset", "typicality"):
        curadiff.select(embedded, method=method, budget=6)
    own = {
        f"{method}_6_{name}"
        for method in ("random", "coreset", "typicality")
        for name in ("rank", "score", "nearest_pick_distance")
    }
    own.add("typicality_6_density")  # over fewer neighbours than the others, for its budget
    assert set(embedded.get_field_schema()) - before == {*own, *SHARED}
    x = np.stack(embedded.values("builtin")).astype(np.float64)
    gaps = np.sort(np.linalg.norm(x[:, None] - x[None], axis=2), axis=1)[:, 1:21]
    np.testing.assert_allclose(embedded.values("builtin_density"), gaps.mean(1), atol=1e-5)
    assert "Among the 40 samples of a pool, by builtin." in (
        embedded.get_field("builtin_density").description
    )
    group = next(
        one for one in embedded.app_config.sidebar_groups if one.name == "Curadiff: selection"
    )
    assert set(group.paths) == {*own, *SHARED}


def test_no_method_writes_a_density_of_its_own_where_others_look_for_the_usual_one(embedded):
    embedded.set_values("value", [1 + n / 40 for n in range(40)])
    valued = ("top", "difficulty", "preview-harm")
    own = set()
    for method in sorted(METHODS, key=lambda one: one not in OWN_DENSITY):  # these first
        weights = {"weight_field": "value"} if method in valued else {}
        chosen = curadiff.select(embedded, method=method, budget=6, **weights)
        if "density" not in chosen.config["shared_fields"]:
            own.add(method)
    assert own == {"typicality", "transport", "preview-harm"}  # densest takes 20 neighbours
    assert own < set(OWN_DENSITY)
    x = np.stack(embedded.values("builtin")).astype(np.float64)
    gaps = np.sort(np.linalg.norm(x[:, None] - x[None], axis=2), axis=1)
    np.testing.assert_allclose(embedded.values("builtin_density"), gaps[:, 1:21].mean(1), atol=1e-5)
    np.testing.assert_allclose(  # 2 * 40 / 6 neighbours
        embedded.values("transport_6_density"), gaps[:, 1:14].mean(1), atol=1e-5
    )


@pytest.mark.parametrize("method", OWN_DENSITY)
def test_a_taken_field_is_refused_before_anything_is_chosen(embedded, method, monkeypatch):
    embedded.add_sample_field("mine_density", fo.StringField)
    monkeypatch.setattr(selecting, "_choose", lambda *_: pytest.fail("it chose"))
    embedded.set_values("value", [1.0] * 40)
    weights = {"weight_field": "value"} if method == "preview-harm" else {}
    with pytest.raises(DataError, match="field 'mine_density' that Curadiff did not make"):
        curadiff.select(embedded, method=method, budget=6, name="mine", **weights)


def test_another_pool_has_fields_of_its_own(embedded):
    whole = curadiff.select(embedded, method="coreset", budget=6, name="whole")
    half = curadiff.select(embedded.limit(20), method="coreset", budget=6, name="half")
    assert whole.config["shared_fields"]["flagged"] == "builtin_flagged"
    assert half.config["shared_fields"]["flagged"] == "builtin_2_flagged"
    assert embedded.count("builtin_density") == 40
    assert embedded.count("builtin_2_density") == 20
    stored = selections.read_selection(embedded, "half")
    assert (stored.field("flagged"), stored.field("rank")) == ("builtin_2_flagged", "half_rank")
    again = curadiff.select(embedded, method="coreset", budget=5, name="half", overwrite=True)
    assert again.config["shared_fields"]["flagged"] == "builtin_flagged"
    assert embedded.get_field("builtin_2_density") is None


def test_a_random_choice_is_the_same_whichever_embeddings_there_are_besides(embedded):
    first = curadiff.select(embedded, method="random", budget=6, name="six")
    embedded.set_values("other", [np.ones(3, np.float32)] * len(embedded), dynamic=True)
    assert reading.embedding_fields(embedded) == ["builtin", "other"]
    assert curadiff.select(embedded, method="random", budget=6, name="six").repeated
    again = curadiff.select(embedded, method="random", budget=6, name="again")
    assert again.ids == first.ids
    with pytest.raises(DataError, match="several fields"):
        curadiff.select(embedded, method="coreset", budget=6)


def test_untagging_leaves_the_frozen_ids(embedded):
    found = curadiff.select(embedded, method="coreset", budget=8, name="eight")
    embedded.untag_samples("eight")
    assert len(embedded.load_saved_view("eight")) == 8
    assert selections.read_selection(embedded, "eight").ids == found.ids


def test_the_same_selection_is_not_made_twice_and_another_needs_a_word(embedded):
    curadiff.select(embedded, method="coreset", budget=8, name="eight")
    assert curadiff.select(embedded, method="coreset", budget=8, name="eight").repeated
    with pytest.raises(DataError, match="overwrite"):
        curadiff.select(embedded, method="coreset", budget=9, name="eight")
    curadiff.select(embedded, method="coreset", budget=9, name="eight", overwrite=True)
    assert len(embedded.match_tags("eight")) == 9
    assert embedded.count("eight_rank") == 9


def test_a_selection_depends_on_the_photographs_not_on_the_database(photos):
    picked = []
    for name in ("test-one", "test-two"):
        made = curadiff.import_images(photos, name=name).dataset
        view = curadiff.select(made, method="random", budget=6, seed=3).view
        picked.append(view.values("source_id"))
        made.delete()
    assert picked[0] == picked[1]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"budget": 41}, "40"),
        ({"budget": 0}, "budget must be >= 1, got 0"),
        ({"budget": 5, "field": "bultin"}, "did you mean 'builtin'"),
        ({"budget": 5, "method": "corset"}, "did you mean 'coreset'"),
    ],
)
def test_select_refuses(embedded, settings, sentence):
    with pytest.raises((DataError, SettingsError), match=sentence):
        curadiff.select(embedded, **settings)


def test_what_cannot_be_selected_from_is_named(embedded, dataset):
    with pytest.raises(DataError, match="has no samples"):
        curadiff.select(embedded.limit(0), budget=1)
    with pytest.raises(DataError, match="did you mean"):
        curadiff.select(embedded.name[:-1] + "x", budget=1)
    embedded.first().set_field("builtin", None)
    sample = embedded.first()
    sample["builtin"] = np.full(len(sample["builtin"]), np.nan, np.float32)
    sample.save()
    with pytest.raises(DataError, match="NaN"):
        curadiff.select(embedded, budget=2)


def test_names_of_views_work_wherever_data_sets_do(embedded):
    curadiff.select(embedded, method="coreset", budget=8, name="eight")
    _, view = reading.resolve(f"{embedded.name}:eight")
    assert len(view) == 8
    with pytest.raises(DataError, match="did you mean 'eight'"):
        reading.resolve(f"{embedded.name}:eigth")


def test_from_training_to_linked_evaluation(embedded, home):
    chosen = curadiff.select(embedded, method="coreset", budget=10, name="ten")
    run = curadiff.train(chosen.view, progress=False, name="small", **TRAIN)
    assert run.status["state"] == "finished"
    assert run.record["arm"] == "ten"
    assert (run.path / "model_index.json").exists()

    folder = curadiff.generate(run, count=6, steps=2, progress=False)
    assert len(list(folder.glob("*.png"))) == 6
    with pytest.raises(DataError, match="data set of their own"):
        curadiff.import_generated(folder, name=embedded.name)

    linked = curadiff.import_generated(folder)
    assert (linked.added, curadiff.import_generated(folder).added) == (6, 0)
    sample = linked.dataset.first()
    assert (sample.source_run, sample.arm, sample.image_seed) == ("small", "ten", 0)
    assert linked.dataset.info["curadiff"]["generated"]["source_dataset"] == embedded.name

    found = curadiff.evaluate(
        linked.dataset,
        embedded,
        train=chosen.view,
        encoder="builtin",
        counts="subsample",
        progress=False,
    )
    linked.dataset.reload()
    stored = linked.dataset.info["curadiff"]["evaluations"]["evaluation"]
    assert stored["values"] == found.to_json()
    inside = linked.dataset.values("in_manifold")
    assert np.mean(inside) == pytest.approx(found.values["precision"])
    assert set(linked.dataset.values("nearest_train_id")) <= set(chosen.ids)
    assert linked.dataset.count("realism") == 6
    linked.dataset.delete()

    with pytest.raises(RunError, match="did you mean 'small'"):
        curadiff.generate("smal")


def test_a_refused_training_leaves_its_name_free(dataset, home, monkeypatch):
    def end_at_once(run):  # what a training begins from is all there
        assert sorted(manifest.read(run)["paths"]) == sorted(dataset.values("filepath"))
        assert run.settings["name"] == "mine"
        assert run.record["dataset"] == dataset.name
        run.set_status("finished", step=2)

    monkeypatch.setattr(diffusion, "start", end_at_once)
    with pytest.raises(RunError, match="no run 'gone'"):
        curadiff.train(dataset, progress=False, name="mine", start_from="gone", **TRAIN)
    assert curadiff.train(dataset, progress=False, name="mine", **TRAIN).id == "mine"


def test_two_folders_are_compared_without_a_data_set(photos, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(photos / "round", other)
    found = curadiff.evaluate(other, photos / "round", encoder="builtin", progress=False)
    assert found.values["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert found.values["precision"] == 1


def test_quotas_groups_and_kept_selections_reach_the_method(embedded):
    first = curadiff.select(embedded, method="random", budget=4, name="first")
    more = curadiff.select(
        embedded,
        method="coreset",
        budget=6,
        name="more",
        keep="first",
        group_field="label.label",
        quotas="round=4,other=2",
    )
    assert not set(more.ids) & set(first.ids)
    assert sorted(more.view.values("label.label")) == ["other"] * 2 + ["round"] * 4
    embedded.select(more.ids[:1]).tag_samples("never")
    again = curadiff.select(embedded, method="coreset", budget=6, name="again", exclude_tag="never")
    assert more.ids[0] not in again.ids
    with pytest.raises(SettingsError, match="go together"):
        curadiff.select(embedded, budget=5, quotas="balanced")
    with pytest.raises(SettingsError, match="GROUP=COUNT"):
        curadiff.select(embedded, budget=5, quotas="round", group_field="label.label")
    with pytest.raises(DataError, match=r"did you mean 'label\.label'"):
        curadiff.select(embedded, budget=5, quotas="balanced", group_field="label.labl")


def test_a_selection_can_be_reported(embedded, home):
    found = curadiff.select(embedded, method="coreset", budget=6, name="six", report=True)
    assert "Report:" in str(found)
    page = (home / "reports" / writing.key_of(embedded.name) / "six.html").read_text()
    assert "<svg" in page
    assert "The budget was reached" in page
    numbers = writing.recorded(embedded, "select_six")["numbers"]
    assert numbers["frechet_distance"] > 0
