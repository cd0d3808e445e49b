"""What an evaluation leaves behind: side by side in FiftyOne, or as JSON without it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import curadiff
import numpy as np
import pytest
from curadiff import encoders, runs
from curadiff.common.errors import DataError
from curadiff.datasets import generated, info
from curadiff.metrics import frechet_distance
from curadiff.workflows import conditions
from curadiff.workflows.overview import overview

QUICK = {"encoder": "builtin", "bootstrap": 0, "counts": "subsample", "progress": False}


@pytest.fixture
def drawn(photos, tmp_path, request):
    """Twelve of the pictures, playing generated ones, as a data set of their own."""
    for path in sorted(photos.glob("*/*.png"))[:12]:
        shutil.copy(path, tmp_path / path.name)
    found = curadiff.import_images(tmp_path, name=f"drawn-{os.getpid()}").dataset
    yield found
    found.delete()


def test_evaluations_live_side_by_side_and_are_read_again(dataset, drawn, home):
    first = curadiff.evaluate(drawn, dataset, **QUICK)
    other = curadiff.evaluate(drawn, dataset, key="wide", k=4, seed=1, **QUICK)
    drawn.reload()
    dataset.reload()
    kept = drawn.info["curadiff"]["evaluations"]
    for key, prefix, found in (("evaluation", "", first), ("wide", "wide_", other)):
        stored = drawn.get_run_info(f"evaluate_{key}").config
        assert stored.values == kept[key]["values"] == found.to_json()
        assert stored.settings["k"] == found.settings["k"]
        rows = drawn.load_run_results(f"evaluate_{key}")
        assert len(rows.generated_ids) == len(rows.reference_ids) == 12
        inside = drawn.select(rows.generated_ids, ordered=True).values(f"{prefix}in_manifold")
        np.testing.assert_array_equal(inside, found.generated["in_manifold"])
        balls = dataset.select(rows.reference_ids, ordered=True).values(f"{prefix}knn_radius")
        np.testing.assert_allclose(balls, found.real["knn_radius"])
        assert set(drawn.values(f"{prefix}nearest_id")) <= set(rows.reference_ids)
    assert other.settings["k"] == 4 != first.settings["k"]


def test_two_folders_are_compared_where_fiftyone_is_not_installed(photos, home):
    code = (
        "import sys; sys.modules['fiftyone'] = None; from curadiff.cli import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    words = ["evaluate", str(photos / "round"), str(photos / "other"), "--encoder", "builtin"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *words, "--bootstrap", "50", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    record = told["records"]["frechet_distance"]
    assert (record["n_real"], record["n_generated"], record["n_null"]) == (20, 20, [10, 10])
    assert record["interval"][0] <= record["value"] <= record["interval"][1]
    encoder = encoders.load("builtin")
    real, made = (
        encoder.embed(sorted((photos / side).glob("*.png"))).features for side in ("other", "round")
    )
    assert record["value"] == pytest.approx(frechet_distance(real=real, generated=made), rel=1e-6)


def copied(photos, folder, count=12):
    """Copy some of the pictures to a folder of their own."""
    folder.mkdir()
    for path in sorted(photos.glob("*/*.png"))[:count]:
        shutil.copy(path, folder / path.name)
    return folder


def test_a_file_that_cannot_be_read_is_named_and_does_not_stop_equal_folders(
    photos, tmp_path, home, monkeypatch
):
    made, real = copied(photos, tmp_path / "made"), copied(photos, tmp_path / "real")
    bad = sorted(real.glob("*.png"))[3]
    bad.write_bytes(bad.read_bytes()[:60])
    found = curadiff.evaluate(made, real, **{**QUICK, "counts": "refuse"})
    assert (found.records["precision"].n_real, len(found.generated_rows)) == (11, 11)
    by_lot, damaged = [note for note in found.notes if "left out" in note]
    assert damaged.startswith("1 of 12 reference images was left out: ")
    assert str(bad) in damaged
    (spare,) = set(range(12)) - set(found.generated_rows.tolist())
    assert by_lot == (
        "1 of 12 generated images was left out by lot, so that both sides have equal counts: "
        f"{sorted(made.glob('*.png'))[spare]}."
    )
    assert conditions.about_left_out(found.notes) == [by_lot, damaged]
    for content, why in ((b"no image", "holds none"), (b"", "is empty")):
        bad.write_bytes(content)
        found = curadiff.evaluate(made, real, **{**QUICK, "counts": "refuse"})
        damaged = next(note for note in found.notes if note.startswith("1 of 12 reference"))
        assert str(bad) in damaged
        assert why in damaged
        assert found.records["precision"].n_real == 11
    bad.unlink()  # now the folders themselves are unequal
    asked = []

    def load(name, **options):
        asked.append(name)

    monkeypatch.setattr(encoders, "load", load)
    with pytest.raises(DataError, match="real has 11 images and generated has 12"):
        curadiff.evaluate(made, real, **{**QUICK, "counts": "refuse"})
    assert asked == [], "nothing is embedded first"


def test_sides_that_are_the_wrong_way_round_are_refused(dataset, drawn, home):
    drawn.info["curadiff"] = {"generated": {"source_dataset_id": str(dataset._doc.id)}}
    drawn.save()
    with pytest.raises(DataError, match="the wrong way round; give the generated images first"):
        curadiff.evaluate(dataset, drawn, **QUICK)


def test_a_judge_that_also_selected_is_named(embedded, drawn, home):
    chosen = curadiff.select(embedded, method="coreset", budget=10)
    train = {"train": chosen.view, "metrics": ["frechet_distance"], "null_draws": 0}
    same = curadiff.evaluate(drawn, embedded, **train, **QUICK)
    other = curadiff.evaluate(drawn, embedded, **train, **{**QUICK, "encoder": "scattering"})
    unknown = curadiff.evaluate(
        drawn, embedded, metrics=["frechet_distance"], null_draws=0, **QUICK
    )
    kinds = [found.settings["same_encoder"] for found in (same, other, unknown)]
    assert kinds == [True, False, None]
    warned = [any("also chose the training images" in n for n in f.notes) for f in (same, other)]
    assert warned == [True, False]
    drawn.reload()
    stored = drawn.get_run_info("evaluate_evaluation").config
    assert (stored.same_encoder, stored.reference_size) == (None, [40, 48])
    line = conditions.in_short(drawn.info["curadiff"]["evaluations"]["evaluation"])
    assert "frechet distance" in line
    assert "(12 generated, 12 real, judged at 40 x 48 pixels)" in line
    random = curadiff.select(embedded, method="random", budget=10)
    train["train"] = random.view  # which looks at no embedding
    assert curadiff.evaluate(drawn, embedded, **train, **QUICK).settings["same_encoder"] is None


def test_a_folder_knows_by_its_training_what_selected(tmp_path, home):
    run = runs.create("train", {}, name="first")
    run.add(selected_with=["clip|abc|pixels|bfloat16"])
    (tmp_path / "generated.json").write_text(json.dumps({"run": "first"}))
    known = conditions.selection_encoders(tmp_path, None, [])
    assert known == ("clip|abc|pixels|bfloat16",)
    judges = {"clip|abc|pixels|float32": True, "clip|def|pixels|float32": False}
    for key, same in judges.items():  # the number format makes no other encoder
        assert conditions.Conditions(key, (32, 32), known).same_encoder is same
    (tmp_path / "generated.json").write_text(json.dumps({"run": "deleted"}))
    assert conditions.selection_encoders(tmp_path, None, []) == ()


def test_a_field_of_the_users_is_not_overwritten(dataset, drawn, home):
    dataset.set_values("covered", ["with a coat"] * len(dataset))
    with pytest.raises(DataError, match=r"field 'covered' that Curadiff did not make.*--key"):
        curadiff.evaluate(drawn, dataset, **QUICK)
    assert set(dataset.values("covered")) == {"with a coat"}
    assert drawn.get_field("realism") is None
    curadiff.evaluate(drawn, dataset, metrics=["frechet_distance"], **QUICK)  # has no such field
    with pytest.raises(DataError, match=r"field 'covered' that Curadiff did not make"):
        curadiff.evaluate(drawn, dataset, **QUICK)
    assert set(dataset.values("covered")) == {"with a coat"}
    curadiff.evaluate(drawn, dataset, key="ours", **QUICK)
    assert dataset.get_field("ours_covered") is not None


def test_links_hold_when_either_data_set_is_renamed(dataset, photos):
    paths = sorted(photos.rglob("*.png"))[:3]
    settings = {"seeds": range(3), "source": dataset, "run": "one", "arm": "full"}
    settings |= {"training_seed": 0, "origin": {"checkpoint": 2}, "uid": "of-one"}
    made, added = generated.add_generated(f"{dataset.name}-x", paths=paths, **settings)
    assert added == 3
    made.name, dataset.name = f"{made.name}-2", f"{dataset.name}-2"
    assert generated.source_name(info.read(made)) == dataset.name
    assert generated.linked_names(info.read(dataset)) == [made.name]
    seen = overview(made)
    assert (seen.source, seen.dataset) == (dataset.name, made.name)
    # The run was renamed: its images are the same, in another place, and are not doubled.
    moved = [path.with_name(f"moved-{path.name}") for path in paths]
    made.set_values("filepath", [f"{path}.gone" for path in paths])
    for old, new in zip(paths, moved, strict=True):
        shutil.copy(old, new)
    again = generated.add_generated(made.name, paths=moved, **{**settings, "run": "renamed"})
    made.reload()
    assert (again[1], len(made)) == (0, 3)
    assert made.values("filepath") == [str(path) for path in moved]
    for path in moved:
        path.unlink()
    made.delete()
