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
from curadiff.metrics import frechet_distance

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
    encoder = curadiff.encoders.load("builtin")
    real, made = (
        encoder.embed(sorted((photos / side).glob("*.png"))).features for side in ("other", "round")
    )
    assert record["value"] == pytest.approx(frechet_distance(real=real, generated=made), rel=1e-6)
