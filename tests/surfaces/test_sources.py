"""One text means the same for every verb: a folder, a data set, or neither without a word."""

from __future__ import annotations

import shutil

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff import runs
from curadiff.common.errors import DataError
from curadiff.config import EmbedSettings, EvaluateSettings, StudySettings, TrainSettings
from curadiff.datasets import generated, identity, reading, views
from curadiff.studies import judging, splitting
from curadiff.workflows import sources, training

QUICK = {"encoder": "builtin", "bootstrap": 0, "counts": "subsample", "progress": False}


@pytest.fixture
def here(photos, tmp_path, monkeypatch):
    """A working directory with a folder ``sourced`` of 20 pictures, and a data set of it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(photos / "round", tmp_path / "sourced")
    made = curadiff.import_images("./sourced").dataset
    yield made
    for name in ("sourced", "sourced-generated"):
        if fo.dataset_exists(name):
            fo.delete_dataset(name)


def test_a_folder_and_the_data_set_that_came_from_it_are_no_ambiguity(here, tmp_path):
    assert sources.folder_of("sourced") == tmp_path / "sourced"
    generated = here.limit(6).clone("sourced-generated")
    curadiff.evaluate("sourced-generated", "sourced", **QUICK)
    generated.reload()
    here.reload()
    assert "evaluation" in generated.info["curadiff"]["evaluations"]
    assert here.count("covered") == 6


def test_a_folder_and_another_data_set_of_one_name_are_refused_with_both_forms(here, photos):
    shutil.rmtree("sourced")
    fo.delete_dataset("sourced")
    curadiff.import_images(photos, name="sourced")
    shutil.copytree(photos / "round", "sourced")
    said = "write dataset:sourced or ./sourced"
    for verb in (
        lambda source: curadiff.import_images(source, name="other"),
        lambda source: curadiff.evaluate(source, photos, **QUICK),
        lambda source: curadiff.evaluate(photos, source, **QUICK),
        lambda source: curadiff.study(source, arms=["random"], budget=2),
    ):
        with pytest.raises(DataError, match=said):
            verb("sourced")
    assert len(sources.images_of("./sourced")[0].ids) == 20
    assert len(sources.images_of("dataset:sourced")[0].ids) == 40


def test_a_view_is_named_with_and_without_the_word(here):
    here.save_view("few", here.limit(3))
    for text in ("sourced:few", "dataset:sourced:few"):
        assert len(reading.resolve(text)[1]) == 3
        assert len(sources.images_of(text)[0].ids) == 3


def test_a_folder_in_place_of_a_data_set_is_told_what_to_do(here, tmp_path):
    (tmp_path / "other").mkdir()
    for verb in (curadiff.embed, curadiff.select, curadiff.train, curadiff.clean):
        for text in ("./sourced", str(tmp_path / "sourced")):
            with pytest.raises(DataError, match=r"a folder, and a data set .* in 'sourced': give"):
                verb(text)
        for text in ("./other", "other"):
            with pytest.raises(DataError, match=r"first, with: curadiff import \./other\.$"):
                verb(text)


def test_what_is_missing_is_said_before_weights_and_with_what_is_near(here):
    with pytest.raises(DataError, match=r"no data set is named 'sourcd' \(did you mean 'sourced'"):
        curadiff.evaluate("sourcd", "sourced", encoder="dinov2-vit-b14")
    with pytest.raises(DataError, match=r"give DATASET or \./FOLDER"):
        curadiff.evaluate("sourced", "nothing", encoder="dinov2-vit-b14")
    with pytest.raises(DataError, match=r"\./sourcd does not exist \(did you mean 'sourced'"):
        curadiff.study("./sourcd")


@pytest.fixture
def boxed(here):
    for sample in here.limit(2):
        box = fo.Detection(label="a", bounding_box=[0, 0, 0.5, 0.5])
        sample["boxes"] = fo.Detections(detections=[box])
        sample.save()
    return here


def test_what_is_not_one_whole_image_per_sample_is_refused(boxed):
    for view, said in (
        (boxed.to_patches("boxes"), "object patches"),
        (boxed.group_by("label.label"), "before group_by"),
    ):
        with pytest.raises(DataError, match=said):
            curadiff.embed(view, encoder="builtin", progress=False)
    twin = boxed.first().copy()
    boxed.add_sample(twin)
    with pytest.raises(DataError, match="2 samples have the file"):
        curadiff.embed(boxed, encoder="builtin", progress=False)


def test_a_field_that_holds_no_vectors_is_named(here):
    here.set_values("price", list(range(20)))
    for field in ("price", "filepath", "tags"):
        with pytest.raises(DataError, match=f"field '{field}' of 'sourced' holds .*, not vectors"):
            curadiff.select(here, field=field, budget=2)
    here.set_values("listed", np.eye(20).tolist())
    assert len(curadiff.select(here, field="listed", budget=2).ids) == 2


def test_a_deleted_data_set_is_a_sentence_for_whoever_still_holds_it(here):
    fo.core.odm.get_db_conn().datasets.delete_one({"name": "sourced"})  # by another process
    with pytest.raises(DataError, match="the data set 'sourced' is deleted"):
        curadiff.embed(here, encoder="builtin", progress=False)


def test_a_data_set_that_will_vanish_is_warned_about(here):
    here.persistent = False
    with pytest.warns(UserWarning, match="not persistent"):
        curadiff.embed(here, encoder="builtin", progress=False)
    here.persistent = True


def test_a_packed_view_opens_the_same_data_set_after_a_rename(here, photos):
    packed = views.pack(here.limit(4))
    here.name = "sourced-generated"
    curadiff.import_images(photos, name="sourced")
    assert views.unpack(packed)._root_dataset.name == "sourced-generated"
    fo.delete_dataset("sourced-generated")
    with pytest.raises(DataError, match="made of other images"):
        views.unpack(packed)
    assert identity.load("sourced").count() == 40


def test_the_second_slice_of_a_grouped_data_set_works_through_all_verbs(here, home):
    paths = here.values("filepath")
    grouped = fo.Dataset("sourced-generated", persistent=True)
    grouped.add_group_field("group", default="left")
    for left, right in zip(paths[::2], paths[1::2], strict=True):
        pair = fo.Group()
        sides = {"left": left, "right": right}
        grouped.add_samples(
            [fo.Sample(filepath=path, group=pair.element(side)) for side, path in sides.items()],
            progress=False,
        )
    with pytest.raises(DataError, match=r"Pass dataset.select_group_slices\('left'\)"):
        curadiff.embed(grouped, encoder="builtin", progress=False)
    second = grouped.select_group_slices("right")
    assert curadiff.embed(second, encoder="builtin", progress=False).done == 10
    chosen = curadiff.select(
        second, method="coreset", budget=4, group_field="filepath", quotas="balanced"
    )
    assert set(chosen.view.values("filepath")) <= set(paths[1::2])
    assert len(reading.resolve(f"{grouped.name}:{chosen.name}")[1]) == 4
    pool = reading.read_paths(reading.resolve(chosen.view)[1])
    settings = TrainSettings(preset="demo", image_size=16, steps=2, batch_size=2)
    run = training.new_run(grouped, pool, settings)
    assert run.record["arm"] == chosen.name
    made, added = generated.add_generated(
        "sourced-made",
        paths=paths[:6],
        seeds=range(6),
        source=identity.open_by_identity(run.record["identity"]),
        run=run.id,
        arm="right",
        training_seed=0,
        origin={},
    )
    curadiff.evaluate(made, second, train=chosen.view, **QUICK)
    grouped.reload()
    shown = grouped.select_group_slices("right")
    assert (added, shown.count("covered"), grouped.count("covered")) == (6, 6, 0)
    made.delete()
    config = StudySettings(name="sliced", arms=["full"], embed=EmbedSettings(encoder="builtin"))
    run = runs.create("study", config.model_dump(mode="json"), name="sliced")
    frozen = splitting.freeze(run, grouped, second)
    divided = splitting.divide(run, config, grouped, frozen, "builtin")
    assert sorted(divided.pool + divided.held_out) == sorted(second.values("id"))
    sides = {"pool": divided.pool, "held_out": divided.held_out}
    judge = judging.Judge(
        EvaluateSettings(encoder="builtin"),
        grouped,
        **sides,
        mirrored=False,
        image_size=16,
        study="sliced",
    )
    assert [one.ids for one in judge.references.values()] == [divided.held_out, divided.pool]
