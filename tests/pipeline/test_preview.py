"""A whole preview at tiny size: pictures, values, sources, and what comes of a second call."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff import cli, runs
from curadiff.common.errors import DataError, RunError, SettingsError
from curadiff.config import ArmSettings, PreviewSettings
from curadiff.datasets import info, names
from curadiff.studies.preview import LABEL
from curadiff.studies.preview.arms import drawing_order, list_arms

SIZES = {
    "name": "tiny",
    "arms": ["full", "random", "coreset"],
    "budget": 10,
    "random_draws": 2,
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


@pytest.fixture(scope="module")
def previewed(photos, tmp_path_factory):
    """One preview that the tests which only look at it share, and its data set."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CURADIFF_HOME", str(tmp_path_factory.mktemp("home")))
        dataset = curadiff.import_images(photos, name=f"previewed-{os.getpid()}").dataset
        try:
            yield curadiff.preview(dataset, progress=False, **SIZES), dataset
        finally:
            for name in fo.list_datasets(f"{dataset.name}*"):
                fo.delete_dataset(name)


def test_every_surface_shows_the_same_and_says_what_it_is(previewed):
    result, _ = previewed
    text, page, cells = str(result), result.page.read_text(), result._repr_html_()
    for shown in (text, page, cells):
        assert LABEL in shown
        for word in ("full", "random (2 draws)", "coreset"):
            assert word in shown
    assert result.run.status["state"] == "finished"
    assert not re.findall(r"<(?:script|link|img)\b[^>]*?(?:src|href)=[\"']?(?!data:)\w", page)
    for outcome in result.outcomes:
        assert len(list(Path(outcome["folder"]).glob("*.png"))) == 12
        assert outcome["forecast"]["frechet_distance"] >= 0
        assert 0 <= outcome["drawn"]["0"]["values"]["precision"] <= 1
    assert page.index("What a model would draw") < page.index("How they score")


def test_arms_draw_from_the_same_noise_and_none_has_held_out_images(previewed):
    result, dataset = previewed
    split = runs.read_json(result.run.path / "split.json")
    for outcome in result.outcomes:
        ids = runs.read_json(result.run.path / "arms" / f"{outcome['arm']}.json")
        assert not set(ids) & set(split["held_out"])
        seeds = runs.read_json(Path(outcome["folder"]) / "generated.json")["seeds"]
        assert seeds == list(range(12))
    counts = {outcome["arm"]: outcome["images"] for outcome in result.outcomes}
    assert counts == {"full": 30, "random-1": 10, "random-2": 10, "coreset": 10}
    assert dataset.count_sample_tags() == {}  # a preview selects nothing in the data set
    assert dataset.list_saved_views() == []


def test_drawings_say_what_they_are_made_of(previewed):
    result, dataset = previewed
    dataset.reload()
    made = fo.load_dataset(result.generated)
    assert len(made) == 3 * 12  # of random the first draw
    known = set(dataset.values("id"))
    for ids, weights in zip(*made.values(["source_ids", "source_weights"]), strict=True):
        assert set(ids) <= known
        assert len(ids) <= 10
        assert weights == sorted(weights, reverse=True)
        assert 0 < sum(weights) <= 1 + 1e-5
    use = dataset.values("tiny_coreset_use")
    assert sum(value for value in use if value is not None) == pytest.approx(1, abs=1e-3)
    assert sum(value is not None for value in use) == 10


def test_copies_are_the_drawings_that_one_image_makes_most_of(previewed):
    result, _ = previewed
    for outcome in result.outcomes:
        drawn = outcome["drawn"]["0"]
        with np.load(Path(drawn["folder"]) / "sources.npz") as stored:
            parts = np.split(stored["shares"], stored["starts"][1:-1])
        largest = sorted((float(part.max()) for part in parts), reverse=True)
        assert drawn["copied"] == pytest.approx(sum(one >= 0.5 for one in largest) / len(largest))
        assert [pair["share"] for pair in drawn["pairs"]] == pytest.approx(largest[:6])
        trained_on = runs.read_json(Path(outcome["run_path"]) / "manifest.json")["paths"]
        assert {pair["image"] for pair in drawn["pairs"]} <= set(trained_on)
        assert all(Path(pair["drawing"]).exists() for pair in drawn["pairs"])
    page = result.page.read_text()
    assert "Drawings that are nearest to one image" in page
    assert page.count("Training images that do most harm") == 1


def test_the_same_call_does_nothing_again_and_an_added_arm_is_all_that_is_drawn(previewed):
    result, dataset = previewed
    before = {p: p.stat().st_mtime_ns for p in result.run.path.rglob("*.png")}
    more = {**SIZES, "arms": [*SIZES["arms"], "kmeans", "coreset-less-20"]}
    again = curadiff.preview(dataset, progress=False, **more)
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert [o["arm"] for o in again.outcomes][-2:] == ["kmeans", "coreset-less-20"]
    worst = [one["id"] for one in again.outcomes[3]["worst"]][:2]
    left = runs.read_json(again.run.path / "arms" / "coreset-less-20.json")
    assert not set(worst) & set(left)
    assert len(left) == 10 - len(worst)
    with pytest.raises(SettingsError, match="steps was 3, now 4"):
        curadiff.preview(dataset, **{**SIZES, "steps": 4})


def test_an_interrupted_preview_goes_on(embedded, home, monkeypatch):
    from curadiff.studies.preview import engine

    real, calls = engine._Preview._forecast, []

    def interrupted(self, arm, judge):
        calls.append(arm.key)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, arm, judge)

    monkeypatch.setattr(engine._Preview, "_forecast", interrupted)
    settings = {**SIZES, "arms": ["random", "kmeans"], "fields": False}
    with pytest.raises(KeyboardInterrupt):
        curadiff.preview(embedded, progress=False, **settings)
    run = runs.open_run("tiny")
    assert run.status["state"] == "stopped"
    assert "data:image" in (run.path / "preview.html").read_text()
    pictures = {p: p.stat().st_mtime_ns for p in run.path.rglob("*.png")}
    monkeypatch.setattr(engine._Preview, "_forecast", real)
    result = curadiff.preview(embedded, progress=False, **settings)
    assert {p: p.stat().st_mtime_ns for p in pictures} == pictures
    assert all(outcome["drawn"] for outcome in result.outcomes)
    assert result.generated is None
    assert not [name for name in embedded.get_field_schema() if name.startswith("tiny")]


def test_what_the_user_has_chosen_is_an_arm_too(embedded, home):
    ids = embedded.values("id")
    embedded.select(ids[:25]).tag_samples("mine")
    embedded.save_view("first", embedded.limit(24))
    settings = {**SIZES, "arms": ["mine", "first"], "fields": False, "count": 8}
    result = curadiff.preview(embedded, progress=False, **settings)
    split = set(runs.read_json(result.run.path / "split.json")["pool"])
    assert [outcome["images"] for outcome in result.outcomes] == [
        len(split & set(ids[:25])),
        len(split & set(ids[:24])),
    ]


def test_arms_of_a_study_keep_their_own_settings(embedded, home):
    from curadiff.studies.preview.engine import make_preview

    ids = embedded.values("id")
    embedded.select(ids[:20]).tag_samples("mine")
    own = {
        "few": ArmSettings(name="few", method="random", budget=4, tag="mine"),
        "tagged": ArmSettings(name="tagged", tag="mine"),
    }
    names = [*own, "kmeans"]
    settings = {**SIZES, "arms": names, "fields": False, "count": 8, "variations": 0}
    make_preview(embedded, PreviewSettings(**settings), progress=False, own=own)
    # The same command by hand: the preview knows what its arms are.
    (few, again, tagged, kmeans) = curadiff.preview(embedded, progress=False, **settings).outcomes
    assert [few["images"], again["images"], kmeans["images"]] == [4, 4, 10]
    assert [few["name"], again["name"]] == ["few", "few"]  # two draws of random images
    chosen = [
        set(runs.read_json(runs.open_run("tiny").path / "arms" / f"{one['arm']}.json"))
        for one in (few, again, tagged)
    ]
    assert chosen[0] != chosen[1]
    assert all(one <= set(ids[:20]) for one in chosen)
    pool = set(runs.read_json(runs.open_run("tiny").path / "split.json")["pool"])
    assert chosen[2] == pool & set(ids[:20])


QUICK = {**SIZES, "arms": ["random"], "random_draws": 1, "count": 8, "variations": 0}


def test_a_renamed_data_set_is_known_and_another_of_its_name_is_refused(embedded, home):
    name = embedded.name
    first = curadiff.preview(embedded, progress=False, **QUICK)
    pictures = {path: path.stat().st_mtime_ns for path in first.run.path.rglob("*.png")}
    embedded.name = f"{name}-renamed"
    other = fo.Dataset(name)
    other.add_samples([fo.Sample(filepath=path) for path in embedded.values("filepath")])
    try:
        with pytest.raises(SettingsError, match="other images; choose"):
            curadiff.preview(other, progress=False, **QUICK)
        again = curadiff.preview(embedded, progress=False, **QUICK)
        assert {path: path.stat().st_mtime_ns for path in pictures} == pictures
        assert again.generated == f"{name}-tiny"  # that which is there
        with pytest.raises(SettingsError, match="-renamed', not of "):
            curadiff.preview(other, progress=False, **QUICK)
        assert runs.open_run("tiny").record["identity"]["id"] == str(embedded._doc.id)
    finally:
        other.delete()
        embedded.name = name


def test_images_that_came_since_are_counted_and_another_view_is_refused(embedded, home):
    ids = embedded.values("id")
    first = curadiff.preview(embedded.limit(30), progress=False, **{**QUICK, "fields": False})
    assert first.notes == ()
    grown = curadiff.preview(embedded, progress=False, **{**QUICK, "fields": False})
    (note,) = grown.notes
    assert "40 images, 10 new since the preview began" in note
    assert "goes on with the 30" in note
    assert "choose another name" in note
    assert note in grown.page.read_text()
    assert note in str(grown)
    split = runs.read_json(first.run.path / "split.json")
    assert {*split["pool"], *split["held_out"]} == set(ids[:30])
    with pytest.raises(RunError, match="of 30 images, and 5 of them are not among the 35 given"):
        curadiff.preview(embedded.skip(5), progress=False, **{**QUICK, "fields": False})


def test_fields_that_were_left_out_are_written_by_a_second_call(embedded, home):
    settings = {**QUICK, "fields": False}
    assert curadiff.preview(embedded, progress=False, **settings).generated is None
    assert curadiff.preview(embedded, progress=False, **QUICK).generated == f"{embedded.name}-tiny"
    assert embedded.count("tiny_random_1_harm") == 10


def test_fields_of_drawings_that_were_cleaned_are_written_by_a_second_call(embedded, home):
    settings = {**QUICK, "arms": ["random", "kmeans"]}
    made = fo.load_dataset(curadiff.preview(embedded, progress=False, **settings).generated)
    fields = ["filepath", "source_ids", "source_weights", "near_real"]
    before = sorted(zip(*made.values(fields), strict=True))
    assert len(before) == 16
    curadiff.clean(made, yes=True)
    made.reload()
    assert made.get_field("source_ids") is None
    curadiff.preview(embedded, progress=False, **settings)
    made.reload()
    assert sorted(zip(*made.values(fields), strict=True)) == before


def test_a_field_of_the_users_among_the_drawings_is_refused(embedded, home):
    made = fo.load_dataset(curadiff.preview(embedded, progress=False, **QUICK).generated)
    curadiff.clean(made, yes=True)
    made.reload()
    made.set_values("near_real", ["by hand"] * len(made))
    with pytest.raises(DataError, match="field 'near_real' that Curadiff did not make; they"):
        curadiff.preview(embedded, progress=False, **QUICK)
    made.reload()
    assert made.values("near_real") == ["by hand"] * len(made)
    assert made.get_field("source_ids") is None


def test_drawings_of_a_version_that_kept_no_record_are_gone_on_with(embedded, home):
    made = fo.load_dataset(curadiff.preview(embedded, progress=False, **QUICK).generated)
    fields = ["source_ids", "source_weights", "near_real"]
    entries = [f"field {name}" for name in fields]
    before = [*made.values(fields)]
    weights = before[1]
    info.drop(made, names.MADE, entries)
    more = {**QUICK, "arms": ["random", "kmeans"]}
    made.set_values("source_weights", [[0.5, 0.5], *weights[1:]])  # by hand
    with pytest.raises(DataError, match="kept no record") as refused:
        curadiff.preview(embedded, progress=False, **more)
    made.set_values("source_weights", weights)
    ids = before[0]
    made.set_values("source_ids", [["0" * 24] * len(ids[0]), *ids[1:]])
    with pytest.raises(DataError, match="kept no record"):
        curadiff.preview(embedded, progress=False, **more)
    made.set_values("source_ids", ids)
    curadiff.preview(embedded, progress=False, **more)
    made.reload()
    assert [values[:8] for values in made.values(fields)] == before
    assert all(made.values("source_ids"))
    assert set(entries) <= set(info.section(made, names.MADE))
    # The command of the message keeps what may be the user's, and the preview goes on.
    info.drop(made, names.MADE, entries)
    made.set_values("near_real", dict.fromkeys(made.values("id"), None), key_field="id")
    python, option, code, *_ = shlex.split(str(refused.value).partition("with: ")[2])
    assert (python, option) == ("python", "-c")
    exec(code)
    made.reload()
    assert made.get_field("source_ids") is None
    curadiff.preview(embedded, progress=False, **more)
    made.reload()
    assert [values[:8] for values in made.values(fields)] == before
    assert made.values("source_weights_1")[:8] == weights


def test_one_arm_of_each_kind_is_drawn_first_and_the_whole_pool_late():
    order = drawing_order(list_arms(PreviewSettings(random_draws=3)))
    assert [arm.key for arm in order] == [
        "random-1",
        "coreset",
        "typicality",
        "full",
        "random-2",
        "random-3",
    ]


def test_shards_are_previewed_with_the_vectors_that_they_have(photos, home, tmp_path):
    pytest.importorskip("pyarrow")
    from curadiff.common.shards import write_shard

    files = sorted(str(path) for path in photos.rglob("*.png"))
    x = np.random.default_rng(0).normal(size=(40, 5)).astype("f4")
    shard, none = tmp_path / "shards" / "0.parquet", [""] * 40
    shard.parent.mkdir()
    write_shard(shard, ids=files, uris=files, sha256=none, embeddings=x, encoder="theirs")
    sizes = {name: value for name, value in SIZES.items() if name != "embed"}
    sizes |= {"arms": ["coreset"], "name": "of-shards", "fields": False, "variations": 0}
    try:
        result = curadiff.preview(shard.parent, progress=False, **sizes)
        assert result.run.status["state"] == "finished"
        dataset = fo.load_dataset("shards")
        vectors = dict(zip(*dataset.values(["filepath", "embedding"]), strict=True))
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        np.testing.assert_allclose([vectors[path] for path in files], unit, atol=1e-6)
        assert "clip_vit_b32" not in dataset.get_field_schema()
        assert result.run.settings["embed"]["from_shards"] == str(shard.parent)
    finally:
        for name in fo.list_datasets("shards*"):
            fo.delete_dataset(name)


def test_the_shell_prints_the_table(embedded, home, capsys):
    words = ["preview", embedded.name, "--arms", "kmeans", "--no-fields", "--budget", "10"]
    words += ["--count", "8", "--steps", "2", "--image-size", "16", "--decide-size", "16"]
    words += ["--noise-seeds", "0", "--embed.encoder", "builtin", "--evaluate.encoder", "builtin"]
    assert cli.main([*words, "--evaluate.bootstrap", "5", "--held-out", "0.25"]) == 0
    shown = capsys.readouterr().out
    assert LABEL in shown
    assert "kmeans" in shown
    assert "preview.html" in shown
    drawn = (home / "runs" / "preview" / "outcomes.json").read_bytes()
    assert cli.main(["runs", "preview", "--resume"]) == 0
    again = capsys.readouterr().out
    assert LABEL in again
    assert "kmeans" in again
    assert (home / "runs" / "preview" / "outcomes.json").read_bytes() == drawn


def test_the_seeds_of_two_noise_seeds_do_not_meet():
    from curadiff.studies.preview.models import SEED_STRIDE

    most = PreviewSettings.model_fields["count"].metadata
    assert max(getattr(limit, "le", 0) or 0 for limit in most) < SEED_STRIDE
    assert np.gcd(SEED_STRIDE, 32) == 32  # so that pictures are drawn in the same parts
