"""A study begun, interrupted, damaged or called again: it is the same one, or says why not.

Trainings and drawings are replaced by ones that take no time; everything else is real.
"""

from __future__ import annotations

import json
import shutil

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff import runs
from curadiff.common.errors import DataError, RunError, SettingsError, Stopped
from curadiff.common.shards import write_shard
from curadiff.config import EmbedSettings, StudySettings
from curadiff.studies import cells, copies, directory, division, engine, recorded
from PIL import Image

from ..conftest import draw
from . import instant
from .test_study import SIZES

SMALL = {**SIZES, "arms": ["random", "full"], "seeds": [0]}


@pytest.fixture
def quick(monkeypatch):
    """Replace training and drawing; returns what was trained, and which trainings fail."""
    from curadiff.studies import cell_work

    trained, failing = [], {}

    def start(run, **more):
        trained.append(run.id)
        if run.id in failing:
            run.set_status("failed", error=failing[run.id])
        else:
            run.set_status("finished", step=2, steps=2, images_seen=8, loss=0.5)

    monkeypatch.setattr(cell_work.diffusion, "start", start)
    monkeypatch.setattr(cell_work, "generate", instant.generate)
    yield trained, failing
    for name in fo.list_datasets("*-tiny*"):
        fo.delete_dataset(name)


def go(source, **more):
    return curadiff.study(source, progress=False, **{**SMALL, **more})


def folder_of(path, count, first=0):
    for number in range(first, first + count):
        draw(path / f"{number:03d}.png", number)
    return path


def test_images_that_came_since_are_counted_and_added_on_request(tmp_path, home, quick):
    photos, (trained, _) = folder_of(tmp_path / "grown", 16), quick
    dataset = curadiff.import_images(photos).dataset
    try:
        first = go(dataset)
        folder_of(photos, 16, first=100)
        curadiff.import_images(photos)
        again = go(dataset)
        assert again.outcomes == first.outcomes
        note = next(note for note in again.notes if "new since" in note)
        assert note.startswith("32 images, 16 new since the study began (100.png, 101.png, 102.png")
        assert "--update-images" in note
        assert note in again.report.read_text().replace("&#x27;", "'")

        both = go(dataset, update_images=True)
        assert [o["run"] for o in both.outcomes] == ["tiny-v2-random-s0", "tiny-v2-full-s0"]
        split = json.loads((both.run.path / "split.json").read_text())
        assert first.run.record["generated"] == "grown-tiny-v2"
        assert len(split["pool"]) + len(split["held_out"]) == 32
        assert trained == ["tiny-random-s0", "tiny-full-s0", *[o["run"] for o in both.outcomes]]
        assert go(dataset).outcomes == both.outcomes, "the later images are its images now"
    finally:
        dataset.delete()


def test_images_that_changed_or_went_are_named(tmp_path, home, quick):
    photos = folder_of(tmp_path / "changing", 16)
    dataset = curadiff.import_images(photos).dataset
    try:
        go(dataset)
        kept = (photos / "003.png").read_bytes()
        draw(photos / "003.png", 77)
        with pytest.raises(RunError, match=r"1 changed since the study began \(003.png\)"):
            go(dataset)
        (photos / "003.png").write_bytes(kept)
        dataset.delete_samples(dataset.match(fo.ViewField("source_id") == "004.png"))
        with pytest.raises(RunError, match=r"1 removed since the study began \(004.png\)"):
            go(dataset)
    finally:
        dataset.delete()


def test_another_folder_or_data_set_of_the_same_name_is_another_study(tmp_path, home, quick):
    one = folder_of(tmp_path / "a" / "images", 16)
    dataset = curadiff.import_images(one, name="images").dataset
    go(dataset)
    dataset.delete()
    other = folder_of(tmp_path / "b" / "images", 16, first=500)
    for number, path in enumerate(sorted(other.iterdir())):
        path.rename(other / f"{number:03d}.png")  # the names are the same, the images are not
    dataset = curadiff.import_images(other, name="images").dataset
    try:
        with pytest.raises(RunError, match="16 images, 16 changed since the study began"):
            go(dataset)
        dataset.delete()
        dataset = curadiff.import_images(one, name="images").dataset
        assert len(go(dataset).outcomes) == 2, "the same images, imported anew, are the same study"
    finally:
        dataset.delete()


def test_damaged_and_stray_files_are_named_and_made_anew(dataset, home, quick):
    first = go(dataset)
    path = first.run.path / "cells" / "random-s0.json"
    whole = runs.read_json(path)
    (path.parent / "notes.json").write_text("{}")
    (path.parent / ".tmp-1-x.json").write_text("{")
    (path.parent / "typicality-s7.json").write_text('{"arm": 3}')
    for damage in ("", "{}", json.dumps({**whole, "values": {"pool": {"a": "b"}}})):
        path.write_text(damage)
        assert [o["arm"] for o in cells.readable(first.run)] == ["full"]
        again = go(dataset)
        assert again.outcomes[0]["values"] == first.outcomes[0]["values"]
        assert any("random-s0 was damaged" in note for note in again.notes)
    split = first.run.path / "split.json"
    kept = runs.read_json(split)
    for damage in ("{", '{"pool": 3, "held_out": []}'):
        split.write_text(damage)
        again = go(dataset)
        assert any("split.json was damaged" in note for note in again.notes)
        assert runs.read_json(split) == kept
    (first.run.path / "images.json").write_text('{"images": [1]}')
    assert go(dataset).outcomes == again.outcomes
    (first.run.path / "outcomes.json").write_text("{")
    assert go(dataset).outcomes == again.outcomes


def test_a_record_with_settings_that_did_nothing_keeps_its_results(dataset, home, quick):
    first, (trained, _) = go(dataset, held_out=0), quick
    before = list(trained)
    first.run.add(settings={**first.run.settings, "patience": 3})  # refused today
    assert [one["arm"] for one in cells.readable(first.run)] == ["random", "full"]
    assert curadiff.study_report("tiny") == first.report
    assert go(dataset, held_out=0).outcomes == first.outcomes
    first.run.add(settings={**first.run.settings, "patience": 3})
    assert curadiff.study_drop("tiny", ["full"]) == ["random"]
    assert first.run.settings["patience"] is None
    assert trained == before


def test_a_study_with_settings_that_are_gone_is_read_and_not_gone_on_with(dataset, home, quick):
    first, (trained, _) = go(dataset), quick
    before, usual = list(trained), first.run.settings
    off = {"unheard": None, "train": {**usual["train"], "old_trick": False}}
    first.run.add(settings={**usual, **off})  # what was off decided nothing
    assert go(dataset).outcomes == first.outcomes
    assert first.run.settings == usual
    arms = [{**arm, "once": "x"} for arm in usual["arms"]]
    first.run.add(settings={**usual, "arms": arms, "unheard": 1, "steps_per": [2]})
    assert [one["arm"] for one in cells.readable(first.run)] == ["random", "full"]
    assert set(curadiff.study_status("tiny").cells.values()) == {"done"}
    assert curadiff.study_report("tiny") == first.report
    wrong = r"tiny was made with .*unheard = 1.* no settings of this version.* version that made it"
    for again in (
        lambda: go(dataset),
        lambda: curadiff.study_add("tiny", ["coreset"]),
        lambda: engine.resume_study("tiny", progress=False),
    ):
        with pytest.raises(SettingsError, match=wrong):
            again()
    first.run.add(settings={**usual, "held_out": 7.0})  # a value that is refused today
    assert curadiff.study_status("tiny").state == "finished"
    with pytest.raises(
        SettingsError, match=r"tiny was made with settings that .* refuses: held_out"
    ):
        go(dataset)
    assert trained == before


def test_recorded_settings_that_count_are_kept():
    usual = StudySettings(**SMALL).model_dump(mode="json")
    assert recorded.in_force({**usual, "patience": 3}) == {**usual, "patience": 3}
    shards = {**usual["embed"], "from_shards": "/shards", "field": "x", "encoder": "builtin"}
    computed = {**shards, "device": "cpu", "batch_size": 8, "dtype": "bfloat16"}
    assert recorded.in_force({**usual, "embed": computed}) == {**usual, "embed": shards}
    assert recorded.in_force({**usual, "trainer": "command", "patience": 3})["patience"] is None
    classes = {**usual["evaluate"], "classes": "label"}
    assert recorded.in_force({**usual, "evaluate": classes}) == usual


def test_a_study_of_shards_that_computed_its_vectors_goes_on_so(home, tmp_path, monkeypatch):
    new = EmbedSettings(from_shards="/shards")
    monkeypatch.setattr(recorded, "vectors_of", lambda folder, embed: new)
    given = EmbedSettings()
    assert recorded.embed_of("tiny", tmp_path, given) is new
    run = runs.create("study", {"embed": given.model_dump(mode="json")}, name="tiny")
    assert recorded.embed_of("tiny", tmp_path, given) is given
    run.add(settings={"embed": new.model_dump(mode="json")})
    assert recorded.embed_of("tiny", tmp_path, given) is new


def test_a_study_that_goes_on_computing_vectors_is_not_told_otherwise(home, tmp_path, recwarn):
    pytest.importorskip("pyarrow")
    shard = tmp_path / "pool.parquet"
    row = {"ids": ["a"], "uris": ["a"], "sha256": [""], "embeddings": np.ones((1, 3), "f4")}
    write_shard(shard, **row, encoder="theirs")
    given = EmbedSettings(batch_size=8)
    assert recorded.embed_of("new", tmp_path, given).from_shards == str(tmp_path)
    assert "embed.batch_size=8 is not used" in str(recwarn.pop(UserWarning).message)
    runs.create("study", {"embed": given.model_dump(mode="json")}, name="tiny")
    assert recorded.embed_of("tiny", tmp_path, given) is given
    assert not [w for w in recwarn.list if issubclass(w.category, UserWarning)]  # others import


def test_a_training_that_fails_does_not_stop_the_others(dataset, home, quick):
    trained, failing = quick
    failing["tiny-random-s0"] = "CUDA out of memory"
    with pytest.raises(RunError, match=r"1 of 2 trainings of the study tiny failed \(random-s0"):
        go(dataset)
    run = runs.open_run("tiny")
    assert [o["arm"] for o in runs.read_json(run.path / "outcomes.json")] == ["full"]
    assert "random-s0" in (run.path / "report.html").read_text()
    assert run.status["state"] == "failed"
    failing.clear()
    assert len(curadiff.resume_study("tiny", progress=False).outcomes) == 2
    assert trained == ["tiny-random-s0", "tiny-full-s0", "tiny-random-s0"]


def test_a_study_of_a_view_that_is_interrupted_in_its_preview_goes_on_with_it(
    dataset, home, quick, monkeypatch
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("curadiff.studies.preview.engine.make_preview", interrupt)
    view = dataset.limit(20)
    with pytest.raises(Stopped, match="0 of 2 trainings done"):
        go(view, preview="yes")
    begun, settings = engine.begun_with(runs.open_run("tiny"))
    assert len(dataset) > 20
    assert begun.values("id") == view.values("id")
    assert settings["name"] == "tiny"


def test_an_unfinished_preparation_of_a_training_is_done_again(dataset, home, quick):
    first = go(dataset)
    training = runs.Run(first.outcomes[0]["run_path"])
    record = training.record
    (first.run.path / "cells" / "random-s0.json").unlink()
    for name in ("dataset", "manifest_hash"):  # killed after manifest.json, before the record
        left = {key: value for key, value in record.items() if key != name}
        runs.write_json(training.path / "run.json", left)
        training.set_status("new")
        again = go(dataset)
        assert again.outcomes[0]["values"] == first.outcomes[0]["values"]
        assert (training.path / "held_out.json").exists()
        (first.run.path / "cells" / "random-s0.json").unlink()


def test_a_folder_of_the_studys_name_that_is_no_study_is_left_alone(dataset, home, quick):
    photograph = draw(home / "runs" / "quick" / "holiday.png", 1)
    with pytest.raises(SettingsError, match="exists and is no study; choose another name"):
        directory.open_study(StudySettings(**{**SIZES, "name": "quick"}), {"name": "x"})
    assert photograph.exists()


def test_stopping_says_what_goes_on(dataset, home, quick, monkeypatch):
    from curadiff.studies import cell_work

    real = cell_work.follow

    def interrupted(run, **more):
        if run.id == "tiny-full-s0":
            raise KeyboardInterrupt
        return real(run, **more)

    with monkeypatch.context() as patch:
        patch.setattr(cell_work, "follow", interrupted)
        with pytest.raises(Stopped) as stopped:
            go(dataset)
    assert str(stopped.value) == (
        "the study tiny was stopped with 1 of 2 trainings done; go on with: curadiff runs tiny "
        "--resume"
    )
    from curadiff.cli import main

    assert main(["runs", "tiny", "--resume"]) == 0
    assert runs.open_run("tiny").status["state"] == "finished"


def test_metrics_without_a_frechet_distance(dataset, home, quick):
    judge = {**SMALL["evaluate"], "metrics": ["precision_recall"]}
    found = go(dataset, evaluate=judge)
    assert {"random", "full"} <= {line.split()[0] for line in str(found).splitlines() if line}
    assert "recall" in found.report.read_text()
    assert found.conclusion.word == "not comparable: the models are unfinished"


def test_copies_stay_on_one_side_and_are_counted(tmp_path, home, quick):
    photos = folder_of(tmp_path / "copied", 20)
    for number in range(20):  # equal files; and equal pixels in another file
        shutil.copy(photos / f"{number:03d}.png", photos / f"z{number:03d}.png")
        with Image.open(photos / f"{number:03d}.png") as image:
            image.save(photos / f"b{number:03d}.bmp")
    dataset = curadiff.import_images(photos).dataset
    try:
        found = go(dataset)
        split = json.loads((found.run.path / "split.json").read_text())
        names = split["names"]
        stem = {side: {name[-7:-4] for name in names[side]} for side in names}
        assert not stem["pool"] & stem["held_out"]
        note = next(note for note in found.notes if "were copies" in note)
        every = sorted(path.name for path in photos.iterdir())
        drawn = [every[n] for n in np.random.default_rng(0).permutation(60)[:15]]
        rest = {name[-7:-4] for name in every if name not in drawn}
        copied = sum(name[-7:-4] in rest for name in drawn)
        assert note.startswith(f"{copied} of 15 images that were to be held out were copies")
        assert "equal files" in note
    finally:
        dataset.delete()


def test_nearly_equal_pictures_are_copies_and_neighbours_are_not():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 64))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    near = x + 0.01 * generator.normal(size=x.shape)  # a tenth of the way to the next image
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    names = [f"{n}" for n in range(120)]

    def groups(rows):
        found = copies.find_copies(names[: len(rows)], range(len(rows)), rows).group
        return sorted(found.count(one) for one in set(found))

    assert groups(x) == [1] * 60
    assert groups(np.concatenate([x, near])) == [2] * 60, "also where every image has a copy"
    assert groups(np.concatenate([x, near[:6]])) == [1] * 54 + [2] * 6
    without = copies.find_copies(["a", "b", "a", None, None], [], np.zeros((0, 1)))
    assert without.group == [0, 1, 0, 3, 4]
    assert without.equal == without.group


def test_only_copies_cannot_be_held_out(tmp_path, home, quick):
    photos = tmp_path / "same"
    for number in range(12):
        draw(photos / f"{number:03d}.png", 5)
    dataset = curadiff.import_images(photos).dataset
    try:
        with pytest.raises(DataError, match="12 of them are copies of others") as refused:
            go(dataset)
        assert "train on" in str(refused.value)
        assert "held_out=0" in str(refused.value)
        assert not runs.listing("train")
    finally:
        dataset.delete()


def test_a_division_without_copies_is_what_it_was(embedded):
    config = StudySettings(**SIZES)
    plain = division.split(embedded.view(), config)
    near = division.split(embedded.view(), config, "builtin")
    assert (plain.pool, plain.held_out, str(plain)) == (near.pool, near.held_out, "")
    half = {name: number % 2 == 0 for number, name in enumerate(embedded.values("source_id"))}
    kept = division.split(embedded.view(), config, "builtin", keep=half)
    assert set(kept.held_out) == set(embedded.values("id")[::2])


def test_other_weights_of_an_encoder_are_noticed(dataset, home, quick):
    run = go(dataset).run
    known = run.record["encoders"]
    run.add(encoders={**known, "judge": "another"})
    with pytest.raises(SettingsError, match="begun with the judge encoder another"):
        go(dataset)
