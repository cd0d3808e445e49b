"""A whole study at tiny size: it ends, goes on where it stopped, and reports."""

from __future__ import annotations

import json
import re
from pathlib import Path

import curadiff
import fiftyone as fo
import pytest
from curadiff import runs
from curadiff.common.errors import DataError, SettingsError, Stopped

SIZES = {
    "name": "tiny",
    "arms": ["random", "coreset"],
    "budget": 8,
    "seeds": [0],
    "draws": 1,
    "held_out": 0.25,
    "embed": {"encoder": "builtin"},
    "train": {
        "preset": "demo",
        "image_size": 16,
        "base_channels": 16,
        "multipliers": "1-1",
        "steps": 2,
        "batch_size": 4,
        "warmup": 0,
        "cooldown": 0,
        "checkpoint_every": 2,
    },
    "generate": {"count": 8, "steps": 2},
    "evaluate": {"encoder": "builtin", "bootstrap": 20},
}


@pytest.mark.slow
def test_a_study_from_a_folder(photos, home):
    try:
        result = curadiff.study(photos, progress=False, **SIZES)
        report = result.report.read_text()
        assert {row["arm"] for row in result.outcomes} == {"random", "coreset"}
        for word in ("random", "coreset", "Frechet distance", "held-out", "real images"):
            assert word in report
        fetched = re.findall(r"<(?:script|link|img)\b[^>]*?(?:src|href)=[\"']?(?!data:)\w", report)
        assert not fetched, "the report needs another file"
        table = str(result)
        assert "8 real, 8 generated" in table
        assert result.conclusion.best is None
        assert "The judge's encoder also chose the training images" in table

        split = json.loads((result.run.path / "split.json").read_text())
        names = set(split["names"]["pool"])
        for outcome in result.outcomes:
            manifest = runs.read_json(runs.Run(outcome["run_path"]).path / "manifest.json")
            assert set(manifest["ids"]) <= names, "an arm was trained on held-out images"

        # Both checkpoints were judged, on a quarter of the images.
        for outcome in result.outcomes:
            assert [(p["step"], p["images_seen"], p["count"]) for p in outcome["curve"]] == [
                (1, 4, 2),
                (2, 8, 2),
            ]
            assert all(p["choose"].keys() == p["report"].keys() for p in outcome["curve"])
            assert all(p["validation_loss"] > 0 for p in outcome["curve"])
        kept = runs.read_json(result.run.path / "study.json")
        assert kept["curves"].keys() == {"random", "coreset"}
        assert {one["metric"] for one in kept["comparisons"]} >= {"frechet_distance", "recall"}

        # The same call does nothing again; a further seed is added; other settings are refused.
        before = {p: p.stat().st_mtime_ns for p in result.run.path.glob("cells/*.json")}
        again = curadiff.study(photos, progress=False, **{**SIZES, "seeds": [0, 1]})
        assert len(again.outcomes) == 4
        assert all(p.stat().st_mtime_ns == when for p, when in before.items())
        assert " / " in str(again)
        assert "±" not in str(again)
        with pytest.raises(SettingsError, match=r"train.steps was 2, now 3"):
            curadiff.study(photos, **{**SIZES, "train": {**SIZES["train"], "steps": 3}})
        assert len(fo.load_dataset(again.generated)) == 32
    finally:
        for name in fo.list_datasets("photos*"):
            fo.delete_dataset(name)


@pytest.mark.slow
def test_patience_ends_each_training_where_its_loss_stops_falling(dataset, home):
    """A learning rate that is next to nothing lowers no loss that is seen; a usual one does."""
    train = {**SIZES["train"], "steps": 80, "checkpoint_every": 10, "learning_rate": 1e-12}
    settings = {**SIZES, "train": train, "curve": 8, "patience": 2, "parallel": 2}
    result = curadiff.study(dataset, progress=False, **settings)
    for outcome in result.outcomes:
        assert outcome["stopped_early"] == 30, "the third loss is the second that is no lower"
        assert outcome["images_seen"] == 30 * 4
        assert [point["step"] for point in outcome["curve"]] == [10, 20, 30]
        training = runs.Run(outcome["run_path"])
        assert training.status["state"] == "finished"
        assert "has not fallen any more" in training.status["message"]
        record = runs.read_json(Path(outcome["generated"]) / "generated.json")
        assert record["checkpoint"] == 30
    assert "tiny-random-s0 at step 30" in result.report.read_text()
    fo.delete_dataset(result.generated)

    train = {**train, "learning_rate": 2e-3}
    falling = {**settings, "name": "falling", "arms": ["random"], "train": train}
    result = curadiff.study(dataset, progress=False, **falling)
    (outcome,) = result.outcomes
    losses = [point["validation_loss"] for point in outcome["curve"]]
    ended = outcome["stopped_early"]
    counted = [
        n for n in range(3, len(losses) + 1) if min(losses[n - 2 : n]) >= min(losses[: n - 2])
    ]
    assert ended == (10 * counted[0] if counted and counted[0] < 8 else None)
    assert outcome["images_seen"] == 4 * (ended or 80)
    fo.delete_dataset(result.generated)


@pytest.fixture
def beside(monkeypatch):
    """Tell the state of every training each time the study waits for one."""
    from curadiff.studies import cell_work

    seen = []
    real = cell_work.follow

    def follow(run, **more):
        others = runs.listing("train", folder=run.path.parent)
        seen.append({other.id: other.status["state"] for other in others})
        return real(run, **more)

    monkeypatch.setattr(cell_work, "follow", follow)
    return seen


@pytest.mark.slow
def test_the_next_training_starts_beside_the_one_before(dataset, home, beside):
    result = curadiff.study(dataset, progress=False, **{**SIZES, "parallel": 2})
    assert [sorted(states) for states in beside] == [["tiny-coreset-s0", "tiny-random-s0"]] * 2
    assert beside[0]["tiny-coreset-s0"] in runs.ACTIVE
    assert len(result.outcomes) == 2
    fo.delete_dataset(result.generated)
    # It is no other study for that.
    assert len(curadiff.study(dataset, progress=False, **SIZES).outcomes) == 2


@pytest.mark.slow
def test_a_stopped_study_stops_all_its_trainings(dataset, home, monkeypatch):
    from curadiff.studies import cell_work

    def interrupted(run, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(cell_work, "follow", interrupted)
    more = {"parallel": 2, "preview": "no", "train": {**SIZES["train"], "steps": 100_000}}
    with pytest.raises(Stopped, match="0 of 2 trainings done; go on with: curadiff runs tiny"):
        curadiff.study(dataset, progress=False, **{**SIZES, **more})
    found = {run.id: run.status["state"] for run in runs.listing("train")}
    assert found == {"tiny-random-s0": "stopped", "tiny-coreset-s0": "stopped"}


def test_a_budget_beyond_the_pool_is_refused_before_any_work(dataset, home):
    from curadiff.config import StudySettings
    from curadiff.datasets import identity
    from curadiff.studies.directory import open_study

    with pytest.raises(SettingsError, match="only 30 images may be trained on"):
        curadiff.study(dataset, progress=False, **{**SIZES, "budget": 31})
    assert not runs.listing("train")
    # a smaller one is the same study
    of_photos = identity.identity(dataset)
    run = open_study(StudySettings(**SIZES), of_photos)
    assert run.settings["budget"] == 8
    (run.path / "cells").mkdir()
    with pytest.raises(SettingsError, match="budget was 8, now 9"):
        open_study(StudySettings(**{**SIZES, "budget": 9}), of_photos)


def test_the_group_field_keeps_groups_together(dataset, home):
    from curadiff.config import StudySettings
    from curadiff.studies import division

    ids = dataset.values("id")
    dataset.set_values("sender", [f"s{i // 4}" for i in range(len(ids))])
    config = StudySettings(**{**SIZES, "group_field": "sender"})
    found = division.split(dataset.view(), config)
    pool, held_out = found.pool, found.held_out
    sender = dict(zip(ids, dataset.values("sender"), strict=True))
    assert not {sender[i] for i in pool} & {sender[i] for i in held_out}
    assert len(pool) + len(held_out) == 40
    with pytest.raises(SettingsError, match="group_field"):
        division.split(dataset.view(), StudySettings(**{**SIZES, "group_field": "nobody"}))


def test_too_few_images_to_hold_any_out(dataset, home):
    from curadiff.config import StudySettings
    from curadiff.studies import division

    with pytest.raises(DataError, match=r"both need at least 2\. Give more images, .*held_out=0"):
        division.split(dataset.limit(2), StudySettings(**SIZES))


def test_a_study_of_an_older_version_goes_on(home):
    from curadiff.config import StudySettings
    from curadiff.studies.directory import open_study

    photos = {"name": "photos", "id": "1" * 24, "folders": []}
    run = open_study(StudySettings(**SIZES), photos)
    older = run.settings
    del older["train"]["ema_warmup"], older["evaluate"]["mirrored"]
    run.add(settings=older)
    assert open_study(StudySettings(**SIZES), photos).path == run.path
    with pytest.raises(SettingsError, match="budget was 8, now 9"):
        open_study(StudySettings(**{**SIZES, "budget": 9}), photos)
    with pytest.raises(SettingsError, match="not of 'others'"):
        open_study(StudySettings(**SIZES), {**photos, "name": "others", "id": "2" * 24})


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False])
def test_a_study_goes_on_when_its_images_were_imported_anew(photos, home, named):
    # Ids are others after that. What is trained is not trained again, what was compared with
    # which training images stays the same; without source_id, files say which image is which.
    def images():
        found = curadiff.import_images(photos, name="anew").dataset
        if not named:
            found.delete_sample_field("source_id")
        return found

    dataset = images()
    settings = {**SIZES, "arms": ["coreset"]}
    try:
        first = curadiff.study(dataset, progress=False, **settings)
        training = runs.Run(first.outcomes[0]["run_path"])
        trained = (training.path / "model_index.json").stat().st_mtime_ns
        (first.run.path / "cells" / "coreset-s0.json").unlink()  # as if cut off in its evaluation
        dataset.delete()
        dataset = images()
        again = curadiff.study(dataset, progress=False, **settings)
        assert again.outcomes[0]["values"] == first.outcomes[0]["values"]
        assert (training.path / "model_index.json").stat().st_mtime_ns == trained
        split = runs.read_json(again.run.path / "split.json")
        assert {*split["pool"], *split["held_out"]} == set(dataset.values("id"))

        # Each cell's fields: all on what it drew, few on the real images, folded away.
        made, cell = fo.load_dataset(again.generated), "tiny_coreset_s0_"
        dataset.reload()
        assert made.count("tiny_realism") == len(made) == 8
        assert made.count("tiny_nearest_train_id") == 8
        assert dataset.count(f"{cell}covered") == 8
        own = {name for name in dataset.get_field_schema() if name.startswith(cell)}
        assert own == {f"{cell}{name}" for name in FEW}
        group = next(
            g for g in dataset.app_config.sidebar_groups if g.name == "Curadiff: study tiny"
        )
        assert (set(group.paths), group.expanded) == (own, False)
        assert set(made.info["curadiff"]["evaluations"]) == {cell[:-1], f"{cell}pool"}
        made.delete()

        # The loss on held-out images is logged with the training's.
        watched = runs.read_json(training.path / "held_out.json")["paths"]
        assert set(watched) <= set(dataset.select(split["held_out"]).values("filepath"))
        assert len(watched) == 10
    finally:
        dataset.delete()


FEW = ("covered", "nearest_generated_id", "nearest_generated_distance")


def test_trainings_watch_held_out_images_that_can_be_read(embedded):
    from curadiff.studies import planning

    view = embedded.limit(10)
    embedded.set_values("builtin", {view.first().id: None}, key_field="id")
    images = planning.validation_images(view, "builtin")
    files = dict(zip(*view.values(["id", "filepath"]), strict=True))
    del files[view.first().id]
    assert dict(zip(images.ids, images.paths, strict=True)) == files
    assert planning.validation_images(embedded.select([]), "builtin").paths == []


def test_a_wrong_field_of_classes_is_refused_before_any_work(dataset, home):
    told = {**SIZES["train"], "classes": "label"}
    judge = {**SIZES["evaluate"], "classes": "lable"}
    for wrong in ({"train": {**told, "classes": "lable"}}, {"train": told, "evaluate": judge}):
        with pytest.raises(DataError, match=r"'lable' \(did you mean 'label'"):
            curadiff.study(dataset, progress=False, **{**SIZES, **wrong})
    assert runs.listing() == []
    with pytest.raises(SettingsError, match=r"evaluate.classes needs drawings with a class"):
        curadiff.study(dataset, progress=False, **{**SIZES, "evaluate": judge})


def test_a_training_knows_the_classes_of_its_held_out_images(dataset, home):
    from curadiff.config import TrainSettings
    from curadiff.datasets import reading
    from curadiff.workflows.training import new_run

    pool, held_out = reading.read_paths(dataset[:10]), reading.read_paths(dataset[10:20])
    first = dataset[held_out.ids[0]]
    first["label"] = None
    first.save()
    settings = TrainSettings(**SIZES["train"], classes="label")
    run = new_run(dataset, pool, settings, held_out=held_out, patience=2)
    listed = runs.read_json(run.path / "held_out.json")
    assert listed["paths"] == held_out.paths
    folders = [Path(path).parent.name for path in held_out.paths]
    assert listed["labels"] == [None, *folders[1:]]
    with pytest.raises(SettingsError, match="patience needs held-out images"):
        new_run(dataset, pool, settings, patience=2)
